//! A copy of a resource in memory, fed by a watch, for any resource and for what is kept of it.
//!
//! A [`Builder`] makes a pair: a [`Reader`], cloned to whoever reads, and a [`Writer`], given to a
//! [`ListWatch`] that feeds it. Between them stands one [`Snapshot`] at a time: an immutable, indexed picture
//! of everything, replaced as a whole.
//!
//! - A **transform** turns each object, when it arrives, into the value that is stored; the object itself is
//!   dropped. An object that it refuses is logged and left out.
//! - **Reads** take no lock and do no I/O. A snapshot stays as it is for as long as someone holds it, so any
//!   number of look-ups in one snapshot see one version of everything, indexes included.
//! - **Our own writes** show at once: [`Writer::observe`] and [`Writer::observe_deleted`] put the answer of a
//!   write into the cache before the watch does, and no older event still on its way undoes it.
//! - **Events** ([`Subscription`], [`Reader::handle`]) are the differences between snapshots: an object that
//!   vanished while the watch was away is reported as deleted, a slow handler sees fewer, later events,
//!   never an unbounded queue.
//!
//! ```
//! use bookshelf_store::cache::{Builder, SourceEvent};
//! use k8s_openapi::api::core::v1::ConfigMap;
//! # use std::convert::Infallible;
//!
//! // Keeps of each ConfigMap the number of its keys, and finds them by that number.
//! let mut builder = Builder::new(|map: ConfigMap| Ok::<_, Infallible>(map.data.unwrap_or_default().len()));
//! let by_size = builder.index("size", |size: &usize| vec![size.to_string().into()]);
//! let (reader, writer) = builder.build();
//!
//! // In a service a `ListWatch` feeds the writer; in a test, the test does.
//! let map: ConfigMap = serde_json::from_value(serde_json::json!({
//!     "metadata": {"name": "a", "namespace": "ns", "uid": "1", "resourceVersion": "7"},
//!     "data": {"key": "value"},
//! }))?;
//! writer.apply([SourceEvent::ListStarted, SourceEvent::Listed(map), SourceEvent::ListDone("7".parse()?)]);
//!
//! let snapshot = reader.snapshot();
//! assert_eq!(snapshot.get("ns", "a").unwrap().value, 1);
//! assert_eq!(snapshot.indexed(by_size, "1").count(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod contents;
mod decode;
mod handler;
mod list_watch;
mod snapshot;
mod state;
mod subscription;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::watch;

pub use contents::{Entry, Index, NamespaceState};
pub use handler::HandlerRegistration;
pub use list_watch::{Failure, ListWatch};
pub use snapshot::Snapshot;
pub use subscription::{Event, Subscription};
pub use writer::{Builder, SourceEvent, Writer};

use crate::object::ResourceVersion;

/// What readers and the writer share: the current snapshot, and the signal that there is a new one.
struct Shared<V> {
    current: ArcSwap<Snapshot<V>>,
    published: watch::Sender<()>,
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

/// The cache did not get where it was awaited before the deadline, or nothing feeds it any more.
#[derive(Debug, thiserror::Error)]
#[error("the cache was not there before the deadline")]
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

    /// Whether the first list is complete: before that, a missing object says nothing.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.load().resource_version().is_some()
    }

    /// Waits until the first list is complete.
    pub async fn wait_synced(&self, deadline: Duration) -> Result<(), NotYet> {
        self.wait_until(deadline, |snapshot| snapshot.resource_version().is_some())
            .await
    }

    /// Waits until the cache has seen everything up to this version of its resource.
    pub async fn wait_for(&self, version: ResourceVersion, deadline: Duration) -> Result<(), NotYet> {
        self.wait_until(deadline, |snapshot| snapshot.resource_version() >= Some(version))
            .await
    }

    async fn wait_until(
        &self,
        deadline: Duration,
        is_there: impl Fn(&Snapshot<V>) -> bool,
    ) -> Result<(), NotYet> {
        let mut published = self.shared.published.subscribe();
        let wait = async {
            while !is_there(&self.load()) {
                published.changed().await.map_err(|_| NotYet)?;
            }
            Ok(())
        };
        tokio::time::timeout(deadline, wait).await.map_err(|_| NotYet)?
    }
}
