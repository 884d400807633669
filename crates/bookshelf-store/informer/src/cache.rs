//! An in-memory copy of a resource, fed by a watch: of any resource, with any value made of its objects.
//!
//! A [`Builder`] makes a [`Reader`], which each reading task clones, and a [`Writer`], which goes to the
//! [`ListWatch`](crate::ListWatch) that feeds the cache. They share the current [`Snapshot`]: an immutable, indexed
//! view of all objects, replaced as a whole.
//!
//! - A **transform** turns each object on arrival into the value that is stored; the object itself is dropped. An
//!   object that the transform refuses is logged and left out.
//! - **Reads** take no lock and do no I/O. A snapshot never changes, so all look-ups in it see one version of all
//!   objects and indexes.
//! - **Indexes** are declared as functions of the value, or as labels to keep ([`Builder::index`], [`Builder::label`]).
//!   The cost of a look-up is proportional to its result. Label selectors use a suitable index ([`Snapshot::select`]).
//! - **Texts**: a cache that keeps a text of each object ([`Builder::text`]) can be searched for strings anywhere in
//!   the texts ([`Snapshot::search`]). A search scans the texts at the speed of memory, without ranking.
//! - **Versions**: a snapshot has a confirmed version ([`Snapshot::resource_version`], [`Reader::wait_for`]) and a
//!   newest served version ([`Snapshot::newest_version`]). A reader knows how long ago the API server confirmed the
//!   cache ([`Reader::age`]).
//! - **Local writes** are served at once: a [`CachedClient`](crate::CachedClient) puts the responses to its calls,
//!   deletes included, into the cache ahead of the watch, and no older event undoes them. [`Writer::observe`] and
//!   [`Writer::observe_deleted`] do the same by hand.
//! - **Events** ([`Subscription`], [`Reader::handle`]) are the differences between snapshots: an object that vanished
//!   while the watch was interrupted is reported as deleted, and a slow handler gets fewer, later events, never an
//!   unbounded queue.
//! - **The confirmed state** ([`Snapshot::confirmed`]) is kept apart from local writes, with the latest changes and
//!   their versions: any number of followers resume from their own positions, on any replica, without queues.
//! - **Checks** ([`ListWatch::check_every`](crate::ListWatch::check_every)) compare the cache with a list while the
//!   watch goes on, then repair and count the differences.
//!
//! A cache covers all namespaces, or several, each with its own list and watch ([`Builder::namespaces`]).
//!
//! The [crate]'s documentation shows a cache with a connector, and maps its parts to those of client-go and kube-rs.
//! This example feeds a cache by hand:
//!
//! ```
//! use kube_informer::cache::{Builder, SourceEvent};
//! use k8s_openapi::api::core::v1::ConfigMap;
//! # use std::convert::Infallible;
//!
//! // Keeps the number of keys of each ConfigMap, and indexes the objects by it.
//! let mut builder = Builder::new(|map: ConfigMap| Ok::<_, Infallible>(map.data.unwrap_or_default().len()));
//! let by_size = builder.index("size", |size: &usize| vec![size.to_string().into()]);
//! builder.label("team");
//! let (reader, writer) = builder.build();
//!
//! // In a service a `ListWatch` feeds the writer; in a test, the test does.
//! let map: ConfigMap = serde_json::from_value(serde_json::json!({
//!     "metadata": {"name": "a", "namespace": "ns", "uid": "1", "resourceVersion": "7",
//!                  "labels": {"team": "green"}},
//!     "data": {"key": "value"},
//! }))?;
//! writer.apply([SourceEvent::ListStarted, SourceEvent::Listed(map), SourceEvent::ListDone("7".parse()?)]);
//!
//! let snapshot = reader.snapshot();
//! assert_eq!(snapshot.get("ns", "a").unwrap().value, 1);
//! assert_eq!(snapshot.indexed(by_size, "1").count(), 1);
//! let green = kube::core::Expression::Equal("team".to_owned(), "green".to_owned());
//! assert_eq!(snapshot.select(&green.into(), Some("ns"))?.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ages;
mod builder;
mod confirmed;
mod contents;
mod event;
mod handler;
mod journal;
mod labels;
mod pending;
mod search;
mod select;
mod snapshot;
mod source_event;
mod state;
mod subscription;
#[cfg(test)]
mod tests;
mod tombstone;
mod transform;
mod writer;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::watch;

pub use builder::Builder;
pub use confirmed::{Confirmed, Position, SnapshotSignal, Step, TooOld};
pub use contents::{Entry, Index, NamespaceState, Part};
pub use event::Event;
pub use handler::HandlerRegistration;
pub use journal::Change;
pub use labels::Labels;
pub use search::Search;
pub use select::LabelNotKept;
pub use snapshot::Snapshot;
pub use source_event::SourceEvent;
pub use subscription::Subscription;
pub use transform::LeftOut;
pub use writer::{Deletion, Writer};
pub(crate) use writer::{Identity, identity};

use crate::metrics::CacheMetrics;
use crate::object::ResourceVersion;
use ages::Ages;

/// The state shared by readers and writers: the current snapshot, and the signal of a new one.
struct Shared<V> {
    current: ArcSwap<Snapshot<V>>,
    published: watch::Receiver<()>,
    ages: Ages,
    /// The metrics, once set.
    metrics: OnceLock<CacheMetrics>,
}

/// Reads a cache. Clones are cheap and read the same cache.
pub struct Reader<V> {
    shared: Arc<Shared<V>>,
}

impl<V> Clone for Reader<V> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

/// The error of a wait: the cache did not reach the awaited state before the deadline, or its last [`Writer`] was
/// dropped.
#[derive(Debug, thiserror::Error)]
#[error("the cache did not reach the awaited state before the deadline, or its last writer is gone")]
pub struct NotYet;

impl<V> Reader<V> {
    /// The current snapshot, loaded wait-free without touching its reference count. To hold it for long, or across an
    /// `await`, use [`snapshot`](Self::snapshot).
    #[must_use]
    pub fn load(&self) -> Guard<Arc<Snapshot<V>>> {
        self.shared.current.load()
    }

    /// The current snapshot, owned, to hold for any time.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot<V>> {
        self.shared.current.load_full()
    }

    /// Returns true once the first list is complete; before that, a missing object may exist.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.load().resource_version().is_some()
    }

    /// The time since the API server last confirmed the cache by an event, a bookmark, a complete list, or a clean end
    /// of a watch; of several sources, the one that was silent longest counts. `None` before the first list is
    /// complete. The age is never understated: an opened watch does not confirm what happened before. While a
    /// [`ListWatch`](crate::ListWatch) watches without failures, the age is at most its
    /// [`watch_timeout`](crate::ListWatch::watch_timeout).
    ///
    /// A list confirms the state at its start, once it is complete: until then, readers get the earlier state. The list
    /// of a check confirms nothing.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.shared.ages.age()
    }

    /// Returns the [`age`](Self::age) of one namespace; `None` also for a namespace that the cache does not cover.
    #[must_use]
    pub fn age_in(&self, namespace: &str) -> Option<Duration> {
        self.shared.ages.age_in(namespace)
    }

    /// Waits until the first list is complete.
    pub async fn wait_synced(&self, deadline: Duration) -> Result<(), NotYet> {
        self.wait_until(deadline, |snapshot| snapshot.resource_version().is_some())
            .await
    }

    /// Waits until the cache is confirmed up to this version of its resource.
    ///
    /// A version at which an object of the cache changed is confirmed at once, by the watch. Any other version (of a
    /// list, of another resource, of an object that is not selected, of another API server's bookmark) waits for a
    /// bookmark or a new watch. The API server does not promise when that is: often after one
    /// [`watch_timeout`](crate::ListWatch::watch_timeout), sometimes after several.
    ///
    /// A cache of several namespaces is confirmed once all of them are, including those in which nothing changes. For a
    /// change in one namespace, use [`wait_confirmed`](Self::wait_confirmed).
    pub async fn wait_for(&self, version: ResourceVersion, deadline: Duration) -> Result<(), NotYet> {
        self.wait_until(deadline, |snapshot| snapshot.resource_version() >= Some(version))
            .await
    }

    async fn wait_until(
        &self,
        deadline: Duration,
        is_there: impl Fn(&Snapshot<V>) -> bool,
    ) -> Result<(), NotYet> {
        let mut published = self.shared.published.clone();
        let wait = async {
            while !is_there(&self.load()) {
                published.changed().await.map_err(|_| NotYet)?;
            }
            Ok(())
        };
        tokio::time::timeout(deadline, wait).await.map_err(|_| NotYet)?
    }
}
