//! One source of a cache at work: list, watch, and again.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::sleep;

use super::wire::Unreadable;
use super::{Failure, ListWatch, Origin};
use crate::cache::SourceEvent;
use crate::cache::Writer;
use crate::connector::jittered;
use crate::metrics::CacheMetrics;
use crate::object::ResourceVersion;

/// The pauses after failures, as client-go's reflector has them.
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
            pause.wait_after(&failure).await;
        }
    }

    /// Applies events to the cache.
    pub(super) fn apply(&self, events: impl IntoIterator<Item = SourceEvent<K>>) {
        self.writer.apply(events);
    }

    /// Returns the key of an object that cannot be read. Logs an object without readable metadata, which has no key.
    pub(super) fn report_unknown(&self, unreadable: Option<Unreadable>) -> Option<Unreadable> {
        if unreadable.is_none() {
            let failure = Failure::unreadable("not even the metadata of an object can be, which is left out");
            tracing::warn!(error = %failure, "leaving an object out of the cache");
            self.metrics.unreadable.inc();
            self.call_hook(&failure);
        }
        unreadable
    }

    /// Returns the confirmed version.
    pub(super) fn confirmed_version(&self) -> Option<ResourceVersion> {
        self.writer.confirmed_version()
    }

    /// Abandons the check under way.
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
                "the API server no longer has the version watched from"
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
            tracing::error!("the hook for failures panicked; the panic is in the standard error output");
        }
    }
}

/// The pause after a failure: it doubles until it is forgotten.
///
/// kube's `DefaultBackoff` begins with the same 800 ms, but its jitter adds up to the whole of a pause: the longest is 60 s
/// instead of 30 s.
pub(super) struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(FIRST_PAUSE)
    }
}

impl Pause {
    pub(super) const LONGEST: Duration = LONGEST_PAUSE;

    pub(super) async fn wait(&mut self) {
        self.wait_at_least(Duration::ZERO).await;
    }

    /// Waits, at least as long as the API server has requested.
    pub(super) async fn wait_after(&mut self, failure: &Failure) {
        self.wait_at_least(failure.retry_after().unwrap_or_default())
            .await;
    }

    async fn wait_at_least(&mut self, least: Duration) {
        sleep(jittered(self.0).max(least)).await;
        self.0 = (self.0 * 2).min(LONGEST_PAUSE);
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

pub(super) fn parse(version: &str) -> Result<ResourceVersion, Failure> {
    version.parse().map_err(Failure::unreadable)
}
