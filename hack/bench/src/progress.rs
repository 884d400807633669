//! The progress of a long operation.

use std::{
    io::IsTerminal as _,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// The interval between lines on an output that is not a terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// A progress bar on a terminal, occasional lines elsewhere.
pub(crate) struct Progress {
    what: &'static str,
    total: u64,
    done: u64,
    started: Instant,
    last_line: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn start(what: &'static str, total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total).with_message(what);
            if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {eta}")
            {
                bar.set_style(style);
            }
            bar
        });
        if bar.is_none() {
            eprintln!("{what}: {total}");
        }
        let now = Instant::now();
        Self {
            what,
            total,
            done: 0,
            started: now,
            last_line: now,
            bar,
        }
    }

    pub(crate) fn advance(&mut self) {
        self.done += 1;
        match &self.bar {
            Some(bar) => bar.inc(1),
            None if self.last_line.elapsed() >= LINE_EVERY => {
                self.last_line = Instant::now();
                eprintln!("{}: {} of {}", self.what, self.done, self.total);
            }
            None => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        eprintln!(
            "{}: {} of {} in {} s",
            self.what,
            self.done,
            self.total,
            self.started.elapsed().as_secs()
        );
    }
}
