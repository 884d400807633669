//! The writing side of a cache.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::ResourceExt as _;
use tokio::sync::{oneshot, watch};

use super::contents::{Entry, Item, Part, TextHash};
use super::labels::Keeper;
use super::source_event::SourceEvent;
use super::state::State;
use super::transform::{BoxError, LeftOut, LeftOutHook, Maker};
use super::{NotYet, Reader, Shared};
use crate::metrics::CacheMetrics;
use crate::object::{ObjectKey, ResourceVersion, Uid};

/// The writing side of a cache. Clones write to the same cache, one at a time; the effect of a call is in every
/// snapshot loaded after it returns.
pub struct Writer<K, V> {
    shared: Arc<Shared<V>>,
    state: Arc<Mutex<State<V>>>,
    maker: Maker<K, V>,
    on_left_out: Arc<LeftOutHook>,
    labels: Arc<Keeper>,
    /// Dropped with the last writer, so that waiting readers learn that there is nothing to wait for.
    published: Arc<watch::Sender<()>>,
    /// The source of the cache that [`apply`](Self::apply) feeds.
    source: usize,
}

impl<K, V> Clone for Writer<K, V> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            state: Arc::clone(&self.state),
            maker: self.maker.clone(),
            on_left_out: Arc::clone(&self.on_left_out),
            labels: Arc::clone(&self.labels),
            published: Arc::clone(&self.published),
            source: self.source,
        }
    }
}

/// A wait for the deletion of an object.
#[derive(Debug)]
#[must_use = "it does nothing unless it is awaited"]
pub struct Deletion(oneshot::Receiver<()>);

impl Deletion {
    /// Waits until the deletion is confirmed, by the watch or by a list without the object. From then on,
    /// [`Snapshot::newest_version`](super::Snapshot::newest_version) is at least the version of the deletion.
    pub async fn confirmed(self, deadline: Duration) -> Result<(), NotYet> {
        let confirmed = tokio::time::timeout(deadline, self.0).await;
        confirmed.map_err(|_| NotYet)?.map_err(|_| NotYet)
    }
}

/// The metadata of an object lacks a field that a cache needs.
#[derive(Debug, thiserror::Error)]
#[error("the object has no usable metadata.{0}")]
pub(crate) struct MissingMetadata(&'static str);

/// The identity of an object, and its version.
pub(crate) struct Identity {
    pub(crate) key: ObjectKey,
    pub(crate) uid: Uid,
    pub(crate) version: ResourceVersion,
}

impl<K: kube::Resource, V> Writer<K, V> {
    pub(super) fn new(
        shared: Arc<Shared<V>>,
        state: State<V>,
        maker: Maker<K, V>,
        on_left_out: Arc<LeftOutHook>,
        labels: Keeper,
        published: watch::Sender<()>,
    ) -> Self {
        Self {
            shared,
            state: Arc::new(Mutex::new(state)),
            maker,
            on_left_out,
            labels: Arc::new(labels),
            published: Arc::new(published),
            source: 0,
        }
    }

    /// Returns a writer for each namespace of the cache ([`Builder::namespaces`](super::Builder::namespaces)), with
    /// that namespace, or one for all namespaces. Each takes the list and the events of its namespace.
    pub fn sources(&self) -> Vec<(Option<Arc<str>>, Self)> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let namespaces = state.namespaces().enumerate();
        let of = |(source, namespace): (usize, Option<&Arc<str>>)| {
            let writer = Self {
                source,
                ..self.clone()
            };
            (namespace.cloned(), writer)
        };
        namespaces.map(of).collect()
    }

    /// Applies events in the order in which the API server sends them. Readers see all of them at once. Returns the
    /// number of objects that a completed check had to repair.
    ///
    /// In a cache of several namespaces, [`sources`](Self::sources) has a writer for each; other writers apply the
    /// events of the first namespace. The cache is synced once each namespace has been listed.
    pub fn apply(&self, events: impl IntoIterator<Item = SourceEvent<K>>) -> usize {
        let metrics = self.shared.metrics.get();
        let ages = &self.shared.ages;
        let repaired = self.write(|state, left_out| {
            let repaired = events.into_iter().map(|event| {
                if matches!(event, SourceEvent::ListStarted) {
                    ages.list_started(self.source);
                } else if state.confirms_served_state(self.source, &event) {
                    if matches!(event, SourceEvent::ListDone(_)) {
                        ages.list_done(self.source);
                    } else {
                        ages.confirmed(self.source);
                    }
                }
                if let Some(metrics) = metrics {
                    count(metrics, &event);
                }
                self.apply_one(state, event, left_out)
            });
            repaired.sum()
        });
        if repaired > 0 {
            tracing::warn!(
                repaired,
                "a check found that the cache differed from the API server"
            );
        }
        if let Some(metrics) = metrics {
            let snapshot = self.shared.current.load();
            let age = self.shared.ages.age();
            metrics.applied(snapshot.len(), snapshot.resource_version(), age, repaired);
        }
        repaired
    }

    /// Sets the metrics of the cache, unless they are set already.
    pub(crate) fn count_in(&self, metrics: CacheMetrics) {
        self.shared.metrics.get_or_init(|| metrics);
    }

    /// Returns the confirmed version of this source alone.
    pub(crate) fn confirmed_version(&self) -> Option<ResourceVersion> {
        self.shared.current.load().journals[self.source].version
    }

    /// A reader of the same cache.
    #[must_use]
    pub fn reader(&self) -> Reader<V> {
        Reader {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Abandons the check that [`SourceEvent::CheckStarted`] began.
    pub fn abandon_check(&self) {
        self.write(|state, _| state.check_abandoned(self.source));
    }

    /// Records that the API server confirmed the cache without an event: it ended a watch cleanly, after sending
    /// everything.
    pub fn confirmed(&self) {
        self.shared.ages.confirmed(self.source);
    }

    /// Caches an object from a response to a create, an update or a get of this process. The next read serves it, and
    /// no older event or list undoes it. A [`CachedClient`](crate::CachedClient) calls this itself.
    ///
    /// An object that the [`ListWatch`](crate::ListWatch) does not select is served until the watch has passed its
    /// version without an event. An object outside the cache's namespaces is not served.
    pub fn observe(&self, object: K) {
        self.write(|state, left_out| drop(self.observe_one(state, object, left_out)));
    }

    /// Returns true if exactly this version of an object is served, so that [`observe`](Self::observe) is not needed.
    pub(crate) fn serves(&self, object: &K) -> bool {
        let Ok(Identity { key, uid, version }) = identity(object) else {
            return false;
        };
        let snapshot = self.shared.current.load();
        let served = snapshot.get(key.namespace(), key.name());
        served.is_some_and(|served| served.uid == uid && served.resource_version == version)
    }

    /// Records that this process deleted the object with this uid. `version` is the newest version that the object is
    /// known to have had, or any version that was confirmed before the deletion. The next read does not serve the
    /// object, and no older event brings back the object or a predecessor of its name.
    pub fn observe_deleted(&self, key: &ObjectKey, uid: Uid, version: ResourceVersion) {
        self.write(|state, _| state.observed_deleted(key, uid, version));
    }

    /// Starts to wait for the deletion of the object with this uid. Call it before sending the delete: the watch may be
    /// faster than the response.
    pub fn deletion_of(&self, uid: Uid) -> Deletion {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Deletion(state.deletion_waits().wait(uid))
    }

    /// Raises the newest served version of a namespace to a version that was confirmed without the watch:
    /// [`Snapshot::newest_version`](super::Snapshot::newest_version) is at least this version from then on.
    pub fn observe_version(&self, namespace: &str, version: ResourceVersion) {
        self.write(|state, _| state.observed_version(namespace, version));
    }

    /// Returns the object's key, if its metadata can be used.
    fn observe_one(&self, state: &mut State<V>, object: K, left_out: &mut Vec<LeftOut>) -> Option<ObjectKey> {
        let identity = identity(&object);
        let item = self.item(state, object).map_err(|refused| left_out.push(refused));
        let Identity { key, version, .. } = identity.ok()?;
        match item {
            Ok(item) => state.observed(item),
            Err(()) => state.observed_unreadable(&key, version),
        }
        Some(key)
    }

    /// Returns the number of objects that had to be repaired.
    fn apply_one(&self, state: &mut State<V>, event: SourceEvent<K>, left_out: &mut Vec<LeftOut>) -> usize {
        let source = self.source;
        match event {
            SourceEvent::ListStarted => state.list_started(source, false),
            SourceEvent::CheckStarted => state.list_started(source, true),
            SourceEvent::Listed(object) => match self.item(state, object) {
                Ok(item) => state.listed(source, item),
                Err(refused) => left_out.push(refused),
            },
            SourceEvent::ListDone(version) => return state.list_done(source, version),
            SourceEvent::Applied(object) => {
                let identity = identity(&object);
                match self.item(state, object) {
                    Ok(item) => return state.applied(source, item),
                    Err(refused) => left_out.push(refused),
                }
                if let Ok(Identity { key, version, .. }) = identity {
                    return state.unreadable(source, &key, version);
                }
            }
            SourceEvent::Deleted(object) => match identity(&object) {
                Ok(Identity { key, uid, version }) => return state.deleted(source, &key, &uid, version),
                Err(error) => tracing::warn!(%error, "ignoring a deletion with unusable metadata"),
            },
            SourceEvent::DeletedUnreadable { key, uid, version } => {
                return state.deleted(source, &key, &uid, version);
            }
            SourceEvent::Bookmark(version) => return state.bookmark(source, version),
            SourceEvent::ListedUnreadable { key, version, error } => {
                state.listed_unreadable(source, &key, version);
                left_out.push(LeftOut::new(key, Some(version), error));
            }
            SourceEvent::Unreadable { key, version, error } => {
                let repaired = state.unreadable(source, &key, version);
                left_out.push(LeftOut::new(key, Some(version), error));
                return repaired;
            }
        }
        0
    }

    /// Returns the entry and the text of an object: the cached ones, if they are of the same version.
    fn item(&self, state: &State<V>, object: K) -> Result<Item<V>, LeftOut> {
        let refused = |key, version, error: BoxError| {
            if let Some(metrics) = self.shared.metrics.get() {
                metrics.refused.inc();
            }
            LeftOut::new(key, version, error.to_string())
        };
        let Identity { key, uid, version } = identity(&object).map_err(|error| {
            let meta = object.meta();
            let (namespace, name) = (meta.namespace.as_deref(), meta.name.as_deref());
            let key = ObjectKey::new(namespace.unwrap_or_default(), name.unwrap_or_default());
            refused(key, None, error.into())
        })?;
        if let Some(unchanged) = state.unchanged(&key, &uid, version) {
            return Ok(unchanged);
        }
        let key = match state.shared_namespace(self.source, key.namespace()) {
            Some(namespace) => key.with_shared_namespace(Arc::clone(namespace)),
            None => key,
        };
        let labels = self.labels.keep(object.labels());
        let made = || {
            let (value, text) = self.maker.make(object)?;
            state.try_indexes(&value);
            Ok((value, text))
        };
        // A panic counts as a refusal. If it ended the list-watch, the next list would bring the object, and the panic,
        // again.
        let made = catch_unwind(AssertUnwindSafe(made))
            .unwrap_or_else(|_| Err("the transform or an index panicked".into()));
        match made {
            Ok((value, text)) => {
                let entry = Arc::new(Entry {
                    key,
                    uid,
                    resource_version: version,
                    labels,
                    value,
                    text_hash: text.as_deref().map(TextHash::of).unwrap_or_default(),
                });
                Ok(Item { entry, text })
            }
            Err(error) => Err(refused(key, Some(version), error)),
        }
    }

    /// Applies a page of a list that is independent of the watch, and adds the keys of its objects to `listed`. An
    /// object that cannot be read is an `Err` with its key, if known. On the last page, `end` is the listed part and
    /// the version of the list.
    pub(crate) fn observe_page(
        &self,
        objects: impl IntoIterator<Item = Result<K, Option<ObjectKey>>>,
        listed: &mut HashSet<ObjectKey>,
        end: Option<(Part<'_>, ResourceVersion)>,
    ) {
        self.write(|state, left_out| {
            for object in objects {
                match object {
                    Ok(object) => listed.extend(self.observe_one(state, object, left_out)),
                    Err(key) => listed.extend(key),
                }
            }
            if let Some((part, version)) = end {
                state.relisted(part, listed, version);
            }
        });
    }

    fn write<T>(&self, change: impl FnOnce(&mut State<V>, &mut Vec<LeftOut>) -> T) -> T {
        let mut left_out = Vec::new();
        // Nothing that is called here should panic. If it does, the next list repairs the state.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut state, &mut left_out);
        let previous = self.shared.current.swap(Arc::new(state.snapshot()));
        // Under the lock, so that snapshots are announced in their order.
        self.published.send_replace(());
        state.deletion_waits().notify();
        drop(state);
        // Not under the lock: after a list, this may free all previous objects.
        drop(previous);
        for left_out in &left_out {
            if catch_unwind(AssertUnwindSafe(|| (self.on_left_out)(left_out))).is_err() {
                tracing::error!("the on_left_out hook panicked; see standard error for the panic");
            }
        }
        result
    }
}

/// Counts an event that the cache is about to apply.
fn count<K>(metrics: &CacheMetrics, event: &SourceEvent<K>) {
    let counter = match event {
        SourceEvent::Listed(_) => &metrics.listed_objects,
        SourceEvent::Applied(_) => &metrics.applied,
        SourceEvent::Deleted(_) | SourceEvent::DeletedUnreadable { .. } => &metrics.deleted,
        SourceEvent::Bookmark(_) => &metrics.bookmarks,
        SourceEvent::ListedUnreadable { .. } | SourceEvent::Unreadable { .. } => &metrics.unreadable,
        SourceEvent::ListStarted | SourceEvent::CheckStarted | SourceEvent::ListDone(_) => return,
    };
    counter.inc();
}

pub(crate) fn identity(object: &impl kube::Resource) -> Result<Identity, MissingMetadata> {
    let meta = object.meta();
    let name = meta.name.as_deref().ok_or(MissingMetadata("name"))?;
    let uid = meta.uid.as_deref().ok_or(MissingMetadata("uid"))?;
    let version = meta
        .resource_version
        .as_deref()
        .and_then(|version| version.parse().ok());
    Ok(Identity {
        key: ObjectKey::new(meta.namespace.as_deref().unwrap_or_default(), name),
        uid: uid.into(),
        version: version.ok_or(MissingMetadata("resourceVersion"))?,
    })
}
