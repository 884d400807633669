//! Output of a test while it runs.

use std::io::{self, Write as _};

/// Writes a line that the test runner does not capture, so that it shows even if the test passes.
pub fn show(line: &str) {
    // Without a standard error, nobody would read the line.
    _ = writeln!(io::stderr(), "{line}");
}

/// Prints that tests are skipped, and the reason.
pub fn skipped(why: &str) {
    show(&format!("SKIPPED: {why}"));
}
