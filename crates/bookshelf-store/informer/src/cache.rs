//! A copy of a resource in memory, fed by a watch, for any resource and any value that is kept of its objects.
//!
//! A [`Builder`] makes a pair: a [`Reader`], of which each reading task has a clone, and a [`Writer`], given to a
//! [`ListWatch`](crate::ListWatch) that feeds it. Between them stands one [`Snapshot`] at a time: an immutable, indexed picture
//! of everything, replaced as a whole.
//!
//! - A **transform** turns each object, when it arrives, into the value that is stored; the object itself is
//!   dropped. An object that it refuses is logged and left out.
//! - **Reads** take no lock and do no I/O. A snapshot stays as it is for as long as someone holds it, so any
//!   number of look-ups in one snapshot see one version of everything, indexes included.
//! - **Indexes** are declared as functions of the value, or as labels to keep ([`Builder::index`],
//!   [`Builder::label`]); a look-up costs as much as its result is long. Label selectors use them if one
//!   fits ([`Snapshot::select`]).
//! - **Texts**: a cache that keeps a text of each object ([`Builder::text`]) is searched for words anywhere in the texts
//!   ([`Snapshot::search`]). A search reads all texts, as fast as memory is read; nothing is ranked.
//! - **Versions**: a snapshot knows its confirmed version ([`Snapshot::resource_version`],
//!   [`Reader::wait_for`]), and the newest version that it serves ([`Snapshot::newest_version`]); a reader knows how
//!   long ago the API server confirmed it ([`Reader::age`]).
//! - **Local writes** are served at once: a [`CachedClient`](crate::CachedClient) puts the answers of its calls into the cache before the watch
//!   does, deletes included, and no older event still on its way undoes them. [`Writer::observe`] and
//!   [`Writer::observe_deleted`] do so by hand.
//! - **Events** ([`Subscription`], [`Reader::handle`]) are the differences between snapshots: an object that
//!   vanished while the watch was away is reported as deleted, a slow handler sees fewer, later events,
//!   never an unbounded queue.
//! - **The confirmed state** ([`Snapshot::confirmed`]) is kept apart from local writes, with the latest changes and
//!   their versions: any number of followers resume at their own positions, on any replica, and none has a queue.
//! - **Checks** ([`ListWatch::check_every`](crate::ListWatch::check_every)) compare everything with a list beside the watch, and repair and count the
//!   differences.
//!
//! A cache is of all namespaces, or of several, each with a list and a watch of its own ([`Builder::namespaces`]).
//!
//! The [crate]'s documentation shows a cache with a connector, and the names of its parts in client-go and kube-rs.
//! This example feeds it by hand:
//!
//! ```
//! use kube_informer::cache::{Builder, SourceEvent};
//! use k8s_openapi::api::core::v1::ConfigMap;
//! # use std::convert::Infallible;
//!
//! // Keeps of each ConfigMap the number of its keys, and finds them by that number.
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
pub use confirmed::{Confirmed, News, Position, Step, TooOld};
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

/// The state shared by readers and the writer: the current snapshot, and the signal of a new one.
struct Shared<V> {
    current: ArcSwap<Snapshot<V>>,
    published: watch::Receiver<()>,
    ages: Ages,
    /// The metrics, once they are known.
    metrics: OnceLock<CacheMetrics>,
}

/// Reads a cache. Clones are cheap and read the same cache; none can change it.
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

/// The cache did not get where it was awaited before the deadline, or nothing feeds it any more: its last
/// [`Writer`] is gone.
#[derive(Debug, thiserror::Error)]
#[error("the cache was not there before the deadline, or nothing feeds it any more")]
pub struct NotYet;

impl<V> Reader<V> {
    /// The current snapshot: a wait-free load, without counting references. For a longer stay, or across an
    /// `await`, use [`snapshot`](Self::snapshot).
    #[must_use]
    pub fn load(&self) -> Guard<Arc<Snapshot<V>>> {
        self.shared.current.load()
    }

    /// The current snapshot, to keep.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot<V>> {
        self.shared.current.load_full()
    }

    /// Returns true once the first list is complete; before that, a missing object may exist.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.load().resource_version().is_some()
    }

    /// The time since the API server last confirmed the cache, by an event, a bookmark, a list, or the end of a
    /// watch in order; of several sources, that of the one that was silent for longest. `None` before the first list is complete. It is never
    /// understated: that a watch was opened says nothing of what happened before. While a [`ListWatch`](crate::ListWatch) watches and all is
    /// well, this is no more than its [`watch_timeout`](crate::ListWatch::watch_timeout).
    ///
    /// A list confirms when it is complete, and not by its pages, during which readers get the state from before it;
    /// a list that checks, beside the watch, does not.
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

    /// Waits until the cache has seen everything up to this version of its resource.
    ///
    /// The watch confirms a version at which an object of the cache changed at once. Any other, as that of a list, of another
    /// resource, of an object that is not selected or of another API server's bookmark, waits for a bookmark or a watch, for which
    /// the API server promises no time: often one [`watch_timeout`](crate::ListWatch::watch_timeout), sometimes several.
    ///
    /// A cache of several namespaces is there when all of them are, those in which nothing changes included. For a change in one
    /// of them, wait with [`wait_confirmed`](Self::wait_confirmed) for that namespace.
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
