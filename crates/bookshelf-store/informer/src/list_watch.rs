//! Lists a resource, then watches it, for as long as it runs.

mod check;
mod failure;
mod feed;
mod list;
mod refresh;
mod watch;
mod wire;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use kube::api::{ListParams, WatchParams};
use serde::de::DeserializeOwned;

use crate::cache::Writer;
use crate::connector::ResourceClient;
use crate::endless::endless;
pub use failure::{Failure, Origin};
use feed::Feed;

/// The loop that feeds a cache from the API server: a consistent list, then a watch with bookmarks from the list's
/// version on. It lists again when the API server no longer has the version to watch from.
///
/// The list is streamed if the API server supports that
/// ([KEP-3157](https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/3157-watch-list)), and
/// comes in pages of 500 otherwise.
///
/// Objects have no `metadata.managedFields`: these are skipped without decoding.
///
/// The connector's [`Metrics`](crate::metrics::Metrics) count its lists, watches and failures.
///
/// Generic code needs `K: kube::Resource<DynamicType: Clone + Send + Sync> + DeserializeOwned + Send + Sync + 'static`.
pub struct ListWatch<K: kube::Resource> {
    resource: ResourceClient<K>,
    label_selector: Option<String>,
    field_selector: Option<String>,
    check_period: Option<Duration>,
    watch_timeout: Duration,
    on_failure: Arc<FailureHook>,
}

type FailureHook = dyn Fn(&Failure, Origin<'_>) + Send + Sync;

impl<K> ListWatch<K>
where
    K: kube::Resource + DeserializeOwned,
{
    /// The default of [`watch_timeout`](Self::watch_timeout), and with it the maximum
    /// [`age`](crate::cache::Reader::age) of a cache while all is well.
    pub const WATCH_TIMEOUT: Duration = Duration::from_secs(30);

    /// Creates a list-watch of all objects of a resource, in the namespaces of the cache.
    pub fn new(resource: ResourceClient<K>) -> Self {
        let on_failure = Arc::new(|_: &Failure, _: Origin<'_>| {});
        Self {
            resource,
            label_selector: None,
            field_selector: None,
            check_period: None,
            watch_timeout: Self::WATCH_TIMEOUT,
            on_failure,
        }
    }

    /// Selects only the objects that match a label selector.
    #[must_use]
    pub fn labels(mut self, selector: impl Into<String>) -> Self {
        self.label_selector = Some(selector.into());
        self
    }

    /// Selects only the objects that match a field selector.
    #[must_use]
    pub fn fields(mut self, selector: impl Into<String>) -> Self {
        self.field_selector = Some(selector.into());
        self
    }

    /// Lists everything again once per `period` (never, if zero), compares the cache with the list, and repairs, logs
    /// and counts differences: a resync that verifies. The watch continues during the list.
    ///
    /// No difference is expected. The check proves that, and detects an API server that was restored from a backup: its
    /// list is older than the confirmed version.
    #[must_use]
    pub fn check_every(mut self, period: Duration) -> Self {
        self.check_period = Some(period).filter(|period| !period.is_zero());
        self
    }

    /// Sets the maximum time between two confirmations by the API server while all is well, in whole seconds. The API
    /// server keeps each watch open for one second less, and sends a bookmark shortly before its end if there is a
    /// newer version. Fewer than four seconds leave no time for bookmarks.
    #[must_use]
    pub fn watch_timeout(mut self, timeout: Duration) -> Self {
        self.watch_timeout = timeout;
        self
    }

    /// Calls `hook` with every failure before the next attempt. The failure is logged as well. The hook must not block.
    /// A panic in it is logged. Errors of single objects are reported by
    /// [`Builder::on_left_out`](crate::cache::Builder::on_left_out).
    #[must_use]
    pub fn on_failure(mut self, hook: impl Fn(&Failure, Origin<'_>) + Send + Sync + 'static) -> Self {
        self.on_failure = Arc::new(hook);
        self
    }

    /// Feeds a cache until the future is dropped. A failure is logged, and the next attempt follows after a pause that
    /// doubles up to 30 s, during which the cache keeps its state.
    pub async fn run<V>(self, writer: Writer<K, V>) -> Infallible {
        let sources = writer.sources().into_iter();
        endless(sources.map(|(namespace, writer)| Feed::new(&self, namespace, writer).run())).await
    }

    /// Returns the time for which the API server keeps one watch open.
    fn open_for(&self) -> Duration {
        self.watch_timeout.saturating_sub(watch::REOPENS_WITHIN)
    }

    fn list_parameters(&self) -> ListParams {
        ListParams {
            label_selector: self.label_selector.clone(),
            field_selector: self.field_selector.clone(),
            ..ListParams::default()
        }
    }

    fn watch_parameters(&self) -> WatchParams {
        WatchParams {
            label_selector: self.label_selector.clone(),
            field_selector: self.field_selector.clone(),
            ..WatchParams::default()
        }
    }
}
