//! The loop of one source of a cache: list, watch, repeat.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout};

use super::wire::Unreadable;
use super::{Failure, ListWatch, Origin};
use crate::cache::SourceEvent;
use crate::cache::Writer;
use crate::connector::jittered;
use crate::metrics::CacheMetrics;
use crate::object::ResourceVersion;

/// The pauses after failures, as in client-go's reflector.
const FIRST_PAUSE: Duration = Duration::from_millis(800);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The feed of a cache from one source: a namespace, or all.
pub(super) struct Feed<'a, K: kube::Resource, V> {
    pub(super) list_watch: &'a ListWatch<K>,
    pub(super) namespace: Option<Arc<str>>,
    pub(super) metrics: CacheMetrics,
    writer: Writer<K, V>,
}

impl<'a, K, V> Feed<'a, K, V>
where
    K: kube::Resource + DeserializeOwned,
{
    pub(super) fn new(
        list_watch: &'a ListWatch<K>,
        namespace: Option<Arc<str>>,
        writer: Writer<K, V>,
    ) -> Self {
        let metrics = list_watch.resource.metrics().cache(&list_watch.resource.name());
        writer.count_in(metrics.clone());
        Self {
            list_watch,
            namespace,
            metrics,
            writer,
        }
    }

    pub(super) async fn run(self) -> Infallible {
        let resource = self.list_watch.resource.name();
        let mut pause = Pause::default();
        let mut can_stream = true;
        loop {
            let failure = match self.list(&mut can_stream).await {
                Ok(version) => {
                    tracing::info!(resource, namespace = self.namespace.as_deref(), version, "listed");
                    tokio::select! {
                        failure = self.watch(version, &mut pause) => failure,
                        failure = self.check_periodically() => failure,
                    }
                }
                Err(failure) => failure,
            };
            self.report(&failure, "listing again");
            self.pause_after(&failure, &mut pause).await;
        }
    }

    /// Waits before the next attempt.
    pub(super) async fn pause_after(&self, failure: &Failure, pause: &mut Pause) {
        pause
            .wait_after(failure, self.list_watch.resource.next_success())
            .await;
    }

    /// Applies events to the cache.
    pub(super) fn apply(&self, events: impl IntoIterator<Item = SourceEvent<K>>) {
        self.writer.apply(events);
    }

    /// Returns `unreadable`. Logs and counts an object without even readable metadata (`None`), and calls the hook for
    /// it.
    pub(super) fn report_without_metadata(&self, unreadable: Option<Unreadable>) -> Option<Unreadable> {
        if unreadable.is_none() {
            let failure = Failure::unreadable("an object has no readable metadata and is left out");
            tracing::warn!(error = %failure, "leaving an object out of the cache");
            self.metrics.unreadable.inc();
            self.call_hook(&failure);
        }
        unreadable
    }

    pub(super) fn confirmed_version(&self) -> Option<ResourceVersion> {
        self.writer.confirmed_version()
    }

    pub(super) fn abandon_check(&self) {
        self.writer.abandon_check();
    }

    /// Notes that the API server has sent everything up to now.
    pub(super) fn note_confirmed(&self) {
        self.writer.confirmed();
    }

    pub(super) fn report(&self, failure: &Failure, next: &str) {
        let (resource, namespace) = (self.list_watch.resource.name(), self.namespace.as_deref());
        self.metrics.failures.inc();
        if failure.is_expiry() {
            tracing::info!(
                resource,
                namespace,
                next,
                "the API server no longer has the version to watch from"
            );
        } else {
            tracing::warn!(resource, namespace, next, error = %failure, "cannot follow the API server");
        }
        self.call_hook(failure);
    }

    fn call_hook(&self, failure: &Failure) {
        let resource = self.list_watch.resource.name();
        let origin = Origin {
            resource: &resource,
            namespace: self.namespace.as_deref(),
        };
        let hook = &self.list_watch.on_failure;
        if catch_unwind(AssertUnwindSafe(|| hook(failure, origin))).is_err() {
            tracing::error!("the on_failure hook panicked; see standard error for the panic");
        }
    }
}

/// The pause after a failure. It doubles each time until [`forget`](Self::forget) resets it.
///
/// kube's `DefaultBackoff` also begins with 800 ms, but its jitter adds up to a whole pause: the longest is 60 s
/// instead of 30 s.
pub(super) struct Pause {
    next: Duration,
    /// The API server was unavailable at the last failure.
    is_outage: bool,
    /// The success of another call has already ended a pause.
    was_ended: bool,
}

impl Default for Pause {
    fn default() -> Self {
        Self {
            next: FIRST_PAUSE,
            is_outage: false,
            was_ended: false,
        }
    }
}

impl Pause {
    pub(super) const LONGEST: Duration = LONGEST_PAUSE;

    pub(super) async fn wait(&mut self) {
        sleep(self.advance()).await;
    }

    /// Waits, at least as long as the API server has requested.
    ///
    /// An outage ends with the first answer: a failure of another kind starts over with the first pause. The `success`
    /// of another call ends the pause and starts over, too, but only once: if other calls succeed and this one still
    /// fails, there is no outage.
    async fn wait_after(&mut self, failure: &Failure, success: impl Future<Output = ()>) {
        let is_outage = failure.is_outage();
        if self.is_outage && !is_outage {
            self.next = FIRST_PAUSE;
        }
        self.is_outage = is_outage;
        let least = failure.retry_after().unwrap_or_default();
        let started = Instant::now();
        let pause = self.advance().max(least);
        if !is_outage || self.was_ended {
            sleep(pause).await;
        } else if timeout(pause, success).await.is_ok() {
            self.next = FIRST_PAUSE;
            self.was_ended = true;
            // Not all caches of all replicas at once.
            let first = self.advance();
            sleep(first.max(least.saturating_sub(started.elapsed()))).await;
        }
    }

    fn advance(&mut self) -> Duration {
        let pause = jittered(self.next);
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        pause
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

pub(super) fn parse(version: &str) -> Result<ResourceVersion, Failure> {
    version.parse().map_err(Failure::unreadable)
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;
    use crate::connector::{Error, Reason};
    use kube::core::Status;

    fn outage() -> Failure {
        let reason = Reason::Unavailable {
            retry_after: None,
            cause: "connection refused".to_owned(),
        };
        Failure::Request(Error::new(&"list books", reason))
    }

    fn expired() -> Failure {
        Failure::ended(Status::failure("too old", "Expired"))
    }

    /// Waits after a failure, and returns for how long.
    async fn paused(pause: &mut Pause, failure: &Failure, success: impl Future<Output = ()>) -> Duration {
        let started = Instant::now();
        pause.wait_after(failure, success).await;
        started.elapsed()
    }

    async fn after_an_outage() -> Pause {
        let mut pause = Pause::default();
        for _ in 0..6 {
            pause.wait_after(&outage(), pending()).await;
        }
        assert!(paused(&mut pause, &outage(), pending()).await >= LONGEST_PAUSE / 2);
        pause
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_answer_after_an_outage_ends_its_pauses() {
        let mut pause = after_an_outage().await;
        let first = paused(&mut pause, &expired(), pending()).await;
        assert!(first <= FIRST_PAUSE, "{first:?}");
        for _ in 0..6 {
            pause.wait_after(&expired(), pending()).await;
        }
        let later = paused(&mut pause, &expired(), ready(())).await;
        assert!(
            later >= LONGEST_PAUSE / 2,
            "{later:?}: a version that expires again and again"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_of_another_call_ends_a_pause_within_an_outage() {
        let mut pause = after_an_outage().await;
        let ended = paused(&mut pause, &outage(), ready(())).await;
        assert!((FIRST_PAUSE / 2..=FIRST_PAUSE).contains(&ended), "{ended:?}");
        for _ in 0..5 {
            pause.wait_after(&outage(), ready(())).await;
        }
        let later = paused(&mut pause, &outage(), ready(())).await;
        assert!(
            later >= LONGEST_PAUSE / 2,
            "{later:?}: others succeed, and this fails"
        );

        pause.forget();
        for _ in 0..6 {
            pause.wait_after(&outage(), pending()).await;
        }
        let ended = paused(&mut pause, &outage(), ready(())).await;
        assert!(ended <= FIRST_PAUSE, "{ended:?}: the next outage");
    }
}
