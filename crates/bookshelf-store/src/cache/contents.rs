//! The objects of a cache and its indexes: persistent sets, so that a copy costs nothing and a change copies
//! only the path to it.

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering as MemoryOrdering};

use equivalent::{Comparable, Equivalent};
use imbl::{OrdMap, OrdSet};

use crate::object::{ObjectKey, ResourceVersion, Uid};

/// A cached object: what every object has, and the value the transform made of it.
#[derive(Debug)]
pub struct Entry<V> {
    /// Namespace and name.
    pub key: ObjectKey,
    /// The object's uid.
    pub uid: Uid,
    /// The version of the object this is.
    pub resource_version: ResourceVersion,
    /// What the cache keeps of the object.
    pub value: V,
}

/// One of a cache's indexes, as [`Builder::index`](super::Builder::index) declared it. Its own cache's only:
/// another cache panics or answers from another index.
#[derive(Clone, Copy, Debug)]
pub struct Index(pub(super) usize);

/// The keys under which an index files a value.
pub(super) type IndexKeys<V> = Arc<dyn Fn(&V) -> Vec<Arc<str>> + Send + Sync>;

/// Objects ordered by key. The version takes part in the order, so that the difference of two sets shows a
/// changed object as a removal beside an addition.
pub(super) struct ByKey<V>(pub(super) Arc<Entry<V>>);

/// Objects ordered by an index's value, then by key.
pub(super) struct ByIndex<V> {
    pub(super) value: Arc<str>,
    pub(super) entry: Arc<Entry<V>>,
}

/// A place among [`ByKey`].
pub(super) struct KeyProbe<'a> {
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
}

/// A place among [`ByIndex`].
pub(super) struct IndexProbe<'a> {
    pub(super) value: &'a str,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
}

/// What a cache knows of a namespace as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamespaceState {
    /// How many objects it has.
    pub objects: usize,
    /// Another number than any before whenever one of its objects has changed, come or gone: two snapshots of
    /// a process with the same generation have the same objects in it.
    pub generation: u64,
}

/// Numbers that are never given twice, whatever becomes of the contents they were given to.
fn next_generation() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, MemoryOrdering::Relaxed) + 1
}

pub(super) struct Contents<V> {
    pub(super) objects: OrdSet<ByKey<V>>,
    /// Those that have objects.
    pub(super) namespaces: OrdMap<Arc<str>, NamespaceState>,
    pub(super) indexes: Vec<OrdSet<ByIndex<V>>>,
    index_keys: Arc<[IndexKeys<V>]>,
}

impl<V> Contents<V> {
    pub(super) fn new(index_keys: Arc<[IndexKeys<V>]>) -> Self {
        let indexes = index_keys.iter().map(|_| OrdSet::new()).collect();
        Self {
            objects: OrdSet::new(),
            namespaces: OrdMap::new(),
            indexes,
            index_keys,
        }
    }

    /// Nothing, with the same indexes.
    pub(super) fn emptied(&self) -> Self {
        Self::new(Arc::clone(&self.index_keys))
    }

    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<&Arc<Entry<V>>> {
        self.objects
            .get(&KeyProbe { namespace, name })
            .map(|slot| &slot.0)
    }

    /// Puts an object in place of the one of its key.
    pub(super) fn put(&mut self, mut entry: Entry<V>) {
        let place = KeyProbe {
            namespace: entry.key.namespace(),
            name: entry.key.name(),
        };
        // The neighbour before, as lists come ordered.
        if let Some(neighbour) = self.objects.get_prev(&place) {
            entry.key.share_namespace(&neighbour.0.key);
        }
        self.insert(Arc::new(entry));
    }

    /// Puts an object in place of the one of its key, as it is.
    pub(super) fn insert(&mut self, entry: Arc<Entry<V>>) {
        self.remove(entry.key.namespace(), entry.key.name());
        for (index, keys) in self.indexes.iter_mut().zip(self.index_keys.iter()) {
            for value in keys(&entry.value) {
                index.insert(ByIndex {
                    value,
                    entry: Arc::clone(&entry),
                });
            }
        }
        self.count(&entry, |objects| objects + 1);
        self.objects.insert(ByKey(entry));
    }

    pub(super) fn remove(&mut self, namespace: &str, name: &str) -> Option<Arc<Entry<V>>> {
        let ByKey(entry) = self.objects.remove(&KeyProbe { namespace, name })?;
        for (index, keys) in self.indexes.iter_mut().zip(self.index_keys.iter()) {
            for value in keys(&entry.value) {
                index.remove(&IndexProbe {
                    value: &value,
                    namespace,
                    name,
                });
            }
        }
        self.count(&entry, |objects| objects - 1);
        Some(entry)
    }

    /// Notes that an object of this entry's namespace has come or gone.
    fn count(&mut self, entry: &Entry<V>, count: impl FnOnce(usize) -> usize) {
        let before = self
            .namespaces
            .get(entry.key.namespace())
            .map_or(0, |state| state.objects);
        match count(before) {
            0 => drop(self.namespaces.remove(entry.key.namespace())),
            objects => {
                let state = NamespaceState {
                    objects,
                    generation: next_generation(),
                };
                self.namespaces.insert(entry.key.shared_namespace(), state);
            }
        }
    }
}

// === Clone and order ===

impl<V> Clone for Contents<V> {
    fn clone(&self) -> Self {
        Self {
            objects: self.objects.clone(),
            namespaces: self.namespaces.clone(),
            indexes: self.indexes.clone(),
            index_keys: Arc::clone(&self.index_keys),
        }
    }
}

impl<V> Clone for ByKey<V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<V> Clone for ByIndex<V> {
    fn clone(&self) -> Self {
        Self {
            value: Arc::clone(&self.value),
            entry: Arc::clone(&self.entry),
        }
    }
}

impl<V> Ord for ByKey<V> {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (&self.0, &other.0);
        a.key
            .cmp(&b.key)
            .then_with(|| a.resource_version.cmp(&b.resource_version))
    }
}

impl<V> Ord for ByIndex<V> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.value
            .cmp(&other.value)
            .then_with(|| self.entry.key.cmp(&other.entry.key))
    }
}

impl<V> PartialOrd for ByKey<V> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<V> PartialOrd for ByIndex<V> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<V> PartialEq for ByKey<V> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<V> PartialEq for ByIndex<V> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<V> Eq for ByKey<V> {}
impl<V> Eq for ByIndex<V> {}

impl<V> Equivalent<ByKey<V>> for KeyProbe<'_> {
    fn equivalent(&self, slot: &ByKey<V>) -> bool {
        self.compare(slot).is_eq()
    }
}

impl<V> Comparable<ByKey<V>> for KeyProbe<'_> {
    fn compare(&self, slot: &ByKey<V>) -> Ordering {
        (self.namespace, self.name).cmp(&(slot.0.key.namespace(), slot.0.key.name()))
    }
}

impl<V> Equivalent<ByIndex<V>> for IndexProbe<'_> {
    fn equivalent(&self, slot: &ByIndex<V>) -> bool {
        self.compare(slot).is_eq()
    }
}

impl<V> Comparable<ByIndex<V>> for IndexProbe<'_> {
    fn compare(&self, slot: &ByIndex<V>) -> Ordering {
        let key = &slot.entry.key;
        (self.value, self.namespace, self.name).cmp(&(&slot.value, key.namespace(), key.name()))
    }
}
