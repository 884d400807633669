//! Shows that a long operation is in progress.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// The interval between lines on an output that is not a terminal.
const LINE_EVERY: Duration = Duration::from_mins(1);

/// A spinner with the elapsed time on a terminal, occasional lines elsewhere.
pub(super) struct Progress {
    what: String,
    started: Instant,
    last_line: Instant,
    spinner: Option<ProgressBar>,
}

impl Progress {
    /// Starts to show `what`. `expect` describes the expected duration.
    pub(super) fn start(what: String, expect: &str) -> Self {
        let line = format!("{what} ({expect})");
        let spinner = if std::io::stderr().is_terminal() {
            let spinner = ProgressBar::new_spinner().with_message(line);
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
                spinner.set_style(style);
            }
            spinner.enable_steady_tick(Duration::from_millis(120));
            Some(spinner)
        } else {
            eprintln!("{line}");
            None
        };
        let now = Instant::now();
        Self {
            what,
            started: now,
            last_line: now,
            spinner,
        }
    }

    /// Must be called often. Without a spinner, it prints a line every minute.
    pub(super) fn tick(&mut self) {
        if self.spinner.is_none() && self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            eprintln!("{} ... {} s so far", self.what, self.started.elapsed().as_secs());
        }
    }

    pub(super) fn done(&self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
        eprintln!("{}: done in {} s", self.what, self.started.elapsed().as_secs());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }
}
