//! The writing side of a cache, and how a cache is made.

use std::error::Error as StdError;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::contents::{Contents, Entry, Index, IndexKeys};
use super::state::State;
use super::{Reader, Shared};
use crate::object::{ObjectKey, ResourceVersion, Uid};

type BoxError = Box<dyn StdError + Send + Sync>;
type Transform<K, V> = Arc<dyn Fn(K) -> Result<V, BoxError> + Send + Sync>;

/// Makes a cache: says what it keeps of each object and which indexes it has.
pub struct Builder<K, V> {
    transform: Transform<K, V>,
    indexes: Vec<(&'static str, IndexKeys<V>)>,
}

impl<K: kube::Resource, V> Builder<K, V> {
    /// A cache of resource `K` that keeps of each object what `transform` makes of it. An object for which
    /// that fails is logged and left out.
    pub fn new<E: Into<BoxError>>(transform: impl Fn(K) -> Result<V, E> + Send + Sync + 'static) -> Self {
        Self {
            transform: Arc::new(move |object| transform(object).map_err(Into::into)),
            indexes: Vec::new(),
        }
    }

    /// Adds an index, which files each value under the keys that `keys` gives: none, one or several. It has
    /// to give the same keys for the same value every time.
    pub fn index(
        &mut self,
        name: &'static str,
        keys: impl Fn(&V) -> Vec<Arc<str>> + Send + Sync + 'static,
    ) -> Index {
        self.indexes.push((name, Arc::new(keys)));
        Index(self.indexes.len() - 1)
    }

    /// The empty cache: its reading and its writing side.
    #[must_use]
    pub fn build(self) -> (Reader<V>, Writer<K, V>) {
        let index_keys = self.indexes.into_iter().map(|(_, keys)| keys).collect();
        let state = State::new(Contents::new(index_keys));
        let (published, _) = watch::channel(());
        let shared = Arc::new(Shared {
            current: ArcSwap::from_pointee(state.snapshot()),
            published,
        });
        let writer = Writer {
            shared: Arc::clone(&shared),
            state: Arc::new(Mutex::new(state)),
            transform: self.transform,
        };
        (Reader { shared }, writer)
    }
}

/// What a source tells a cache: a list, then the changes since.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SourceEvent<K> {
    /// A list begins. Until it is done, readers see what was there before.
    ListStarted,
    /// An object of the list.
    Listed(K),
    /// The list is complete, at this version. What it did not have is gone.
    ListDone(ResourceVersion),
    /// An object was added or modified.
    Applied(K),
    /// An object was deleted; its resourceVersion is that of the deletion.
    Deleted(K),
    /// Everything up to this version has been told.
    Bookmark(ResourceVersion),
    /// An object that cannot be read as a `K`.
    Unreadable {
        /// Its key.
        key: ObjectKey,
        /// Its version.
        version: ResourceVersion,
        /// Why it cannot be read.
        error: String,
    },
}

/// Writes a cache. Clones write the same cache, one after the other; every call is in the snapshot that a
/// reader loads after it returns.
pub struct Writer<K, V> {
    shared: Arc<Shared<V>>,
    state: Arc<Mutex<State<V>>>,
    transform: Transform<K, V>,
}

impl<K, V> Clone for Writer<K, V> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            state: Arc::clone(&self.state),
            transform: Arc::clone(&self.transform),
        }
    }
}

/// An object's metadata lacks what a cache needs of it.
#[derive(Debug, thiserror::Error)]
#[error("the object has no usable metadata.{0}")]
struct MissingMetadata(&'static str);

impl<K: kube::Resource, V> Writer<K, V> {
    /// Takes events in, in the order in which the API server tells them. Readers see all of them at once.
    pub fn apply(&self, events: impl IntoIterator<Item = SourceEvent<K>>) {
        self.write(|state| {
            for event in events {
                self.apply_one(state, event);
            }
        });
    }

    /// Takes an object in as the API server answered it to ourselves: a create, an update, a get. The next
    /// read shows it, and no older event or list undoes it.
    pub fn observe(&self, object: K) {
        self.write(|state| {
            if let Some(entry) = self.entry(object) {
                state.observed(entry);
            }
        });
    }

    /// Takes in that we deleted the object with this uid, which had this version. The next read does not show
    /// it, and no older event brings it or a predecessor of its name back.
    pub fn observe_deleted(&self, key: &ObjectKey, uid: Uid, version: ResourceVersion) {
        self.write(|state| state.observed_deleted(key, uid, version));
    }

    fn apply_one(&self, state: &mut State<V>, event: SourceEvent<K>) {
        match event {
            SourceEvent::ListStarted => state.list_started(),
            SourceEvent::Listed(object) => {
                if let Some(entry) = self.entry(object) {
                    state.listed(entry);
                }
            }
            SourceEvent::ListDone(version) => state.list_done(version),
            SourceEvent::Applied(object) => {
                let identity = identity(&object);
                match (self.entry(object), identity) {
                    (Some(entry), _) => state.applied(entry),
                    (None, Ok((key, _, version))) => state.unreadable(&key, version),
                    (None, Err(_)) => {}
                }
            }
            SourceEvent::Deleted(object) => match identity(&object) {
                Ok((key, uid, version)) => state.deleted(&key, &uid, version),
                Err(error) => tracing::warn!(%error, "leaving a deletion out of the cache"),
            },
            SourceEvent::Bookmark(version) => state.bookmark(version),
            SourceEvent::Unreadable { key, version, error } => {
                tracing::warn!(%key, %version, error, "leaving an object out of the cache: it cannot be read");
                state.unreadable(&key, version);
            }
        }
    }

    /// The cache's entry for an object; without one, the log says why.
    fn entry(&self, object: K) -> Option<Entry<V>> {
        let (key, uid, resource_version) = identity(&object)
            .inspect_err(|error| tracing::warn!(%error, "leaving an object out of the cache"))
            .ok()?;
        let value = (self.transform)(object)
            .inspect_err(|error| tracing::warn!(%key, %resource_version, %error, "leaving an object out of the cache: it cannot be converted"))
            .ok()?;
        Some(Entry {
            key,
            uid,
            resource_version,
            value,
        })
    }

    fn write(&self, change: impl FnOnce(&mut State<V>)) {
        // A transform that panicked in the middle of a change leaves a state that the next list repairs.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        self.shared.current.store(Arc::new(state.snapshot()));
        // Under the lock, so that snapshots are announced in their order.
        self.shared.published.send_replace(());
    }
}

fn identity(object: &impl kube::Resource) -> Result<(ObjectKey, Uid, ResourceVersion), MissingMetadata> {
    let meta = object.meta();
    let name = meta.name.as_deref().ok_or(MissingMetadata("name"))?;
    let uid = meta.uid.as_deref().ok_or(MissingMetadata("uid"))?;
    let version = meta
        .resource_version
        .as_deref()
        .and_then(|version| version.parse().ok());
    let version = version.ok_or(MissingMetadata("resourceVersion"))?;
    Ok((
        ObjectKey::new(meta.namespace.as_deref().unwrap_or_default(), name),
        uid.into(),
        version,
    ))
}
