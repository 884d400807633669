//! Tests that a machine cannot run.

use std::io::{self, Write as _};

/// Reports tests that are skipped, and why. The test runner does not capture the line, so that a run that passes shows it.
pub fn skipped(why: &str) {
    // Without a standard error there is nobody to read it.
    _ = writeln!(io::stderr(), "SKIPPED: {why}");
}
