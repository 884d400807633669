//! The times at which the API server last confirmed a cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The time of the last confirmation of each source.
pub(super) struct Ages {
    start: Instant,
    sources: Box<[Source]>,
}

/// Times in milliseconds since the start.
struct Source {
    /// `None`: all namespaces.
    namespace: Option<Arc<str>>,
    /// 0: never.
    confirmed: AtomicU64,
    list_started: AtomicU64,
}

impl Ages {
    pub(super) fn new<'a>(namespaces: impl Iterator<Item = Option<&'a Arc<str>>>) -> Self {
        let source = |namespace: Option<&Arc<str>>| Source {
            namespace: namespace.cloned(),
            confirmed: AtomicU64::default(),
            list_started: AtomicU64::default(),
        };
        Self {
            start: Instant::now(),
            sources: namespaces.map(source).collect(),
        }
    }

    pub(super) fn confirmed(&self, source: usize) {
        self.at(source, self.elapsed());
    }

    pub(super) fn list_started(&self, source: usize) {
        let started = &self.sources[source].list_started;
        started.store(self.elapsed(), Ordering::Relaxed);
    }

    /// Records the end of a list, which confirms the state at its start: the API server serves all of its pages at one
    /// version.
    pub(super) fn list_done(&self, source: usize) {
        let started = self.sources[source].list_started.load(Ordering::Relaxed);
        self.at(source, started);
    }

    fn at(&self, source: usize, time: u64) {
        let confirmed = &self.sources[source].confirmed;
        confirmed.fetch_max(time.max(1), Ordering::Relaxed);
    }

    /// The time since the last confirmation of the source that was silent longest; `None` if a source was never
    /// confirmed.
    pub(super) fn age(&self) -> Option<Duration> {
        self.age_of(self.sources.iter())
    }

    /// The time since the last confirmation of the source of a namespace; `None` if there is no such source, or no
    /// confirmation.
    pub(super) fn age_in(&self, namespace: &str) -> Option<Duration> {
        let is_of = |source: &&Source| source.namespace.as_deref().is_none_or(|own| own == namespace);
        self.age_of(self.sources.iter().filter(is_of))
    }

    fn age_of<'a>(&self, sources: impl Iterator<Item = &'a Source>) -> Option<Duration> {
        let times = sources.map(|source| source.confirmed.load(Ordering::Relaxed));
        let oldest = times.min().filter(|oldest| *oldest > 0)?;
        Some(Duration::from_millis(self.elapsed().saturating_sub(oldest)))
    }

    fn elapsed(&self) -> u64 {
        self.start.elapsed().as_millis().try_into().unwrap_or(u64::MAX)
    }
}
