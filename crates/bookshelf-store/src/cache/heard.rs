//! When the API server last told what there is.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// For each source of a cache, when it last told anything.
pub(super) struct Heard {
    start: Instant,
    sources: Box<[Source]>,
}

#[derive(Default)]
struct Source {
    /// Milliseconds since the start; 0: never.
    at: AtomicU64,
    is_lost: AtomicBool,
}

impl Heard {
    pub(super) fn new(sources: usize) -> Self {
        Self {
            start: Instant::now(),
            sources: (0..sources).map(|_| Source::default()).collect(),
        }
    }

    pub(super) fn now(&self, source: usize) {
        let heard = &self.sources[source];
        heard.at.store(self.elapsed().max(1), Ordering::Relaxed);
        heard.is_lost.store(false, Ordering::Relaxed);
    }

    pub(super) fn lost(&self, source: usize) {
        self.sources[source].is_lost.store(true, Ordering::Relaxed);
    }

    /// Whether any source is known not to listen.
    pub(super) fn is_lost(&self) -> bool {
        let mut sources = self.sources.iter();
        sources.any(|source| source.is_lost.load(Ordering::Relaxed))
    }

    /// How long ago the source that has been silent for longest was heard; `None` where one never was.
    pub(super) fn age(&self) -> Option<Duration> {
        let times = self
            .sources
            .iter()
            .map(|source| source.at.load(Ordering::Relaxed));
        let oldest = times.min().filter(|oldest| *oldest > 0)?;
        Some(Duration::from_millis(self.elapsed().saturating_sub(oldest)))
    }

    fn elapsed(&self) -> u64 {
        self.start.elapsed().as_millis().try_into().unwrap_or(u64::MAX)
    }
}
