//! Lines that a test shows while it runs.

use std::io::{self, Write as _};

/// Writes a line that the test runner does not capture, so that a run that passes shows it, too.
pub fn show(line: &str) {
    // Without a standard error there is nobody to read it.
    _ = writeln!(io::stderr(), "{line}");
}

/// Reports tests that are skipped, and why.
pub fn skipped(why: &str) {
    show(&format!("SKIPPED: {why}"));
}
