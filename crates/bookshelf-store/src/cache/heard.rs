//! When the API server last told what there is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// For each source of a cache, when it last told anything.
pub(super) struct Heard {
    start: Instant,
    /// Milliseconds since the start; 0: never.
    sources: Box<[AtomicU64]>,
}

impl Heard {
    pub(super) fn new(sources: usize) -> Self {
        Self {
            start: Instant::now(),
            sources: (0..sources).map(|_| AtomicU64::default()).collect(),
        }
    }

    pub(super) fn now(&self, source: usize) {
        self.sources[source].store(self.elapsed().max(1), Ordering::Relaxed);
    }

    /// How long ago the source that has been silent for longest was heard; `None` where one never was.
    pub(super) fn age(&self) -> Option<Duration> {
        let times = self.sources.iter().map(|source| source.load(Ordering::Relaxed));
        let oldest = times.min().filter(|oldest| *oldest > 0)?;
        Some(Duration::from_millis(self.elapsed().saturating_sub(oldest)))
    }

    fn elapsed(&self) -> u64 {
        self.start.elapsed().as_millis().try_into().unwrap_or(u64::MAX)
    }
}
