//! One version of everything in a cache.

use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;

use super::contents::{Contents, Entry, Index, IndexProbe, KeyProbe, NamespaceState};
use super::journal::Journal;
use super::search::Search;
use super::tombstone::Tombstone;
use crate::object::{ObjectKey, ResourceVersion};

/// An immutable picture of a cache: objects and indexes at one version.
///
/// Look-ups cost the logarithm of the cache's size plus the size of the answer, and answers come ordered by
/// namespace, then name.
pub struct Snapshot<V> {
    pub(super) contents: Contents<V>,
    pub(super) resource_version: Option<ResourceVersion>,
    /// The newest served version of each source.
    pub(super) newest: Vec<Option<ResourceVersion>>,
    /// The confirmed state of each source.
    pub(super) journals: Vec<Journal<V>>,
    /// The pending writes of each source.
    pub(super) pending: Vec<OrdMap<ObjectKey, ResourceVersion>>,
    /// The local deletions, some of which may be confirmed.
    pub(super) tombstones: OrdMap<ObjectKey, Tombstone>,
}

impl<V> Snapshot<V> {
    /// The confirmed version; `None` before the first list is complete.
    ///
    /// Objects that this process wrote itself may be newer.
    #[must_use]
    pub fn resource_version(&self) -> Option<ResourceVersion> {
        self.resource_version
    }

    /// The newest version of anything that this snapshot serves, local writes included: another cache of the same
    /// API server that has reached it ([`Reader::wait_for`](super::Reader::wait_for)) serves nothing older than this
    /// one. Unlike [`resource_version`](Self::resource_version), it stays where it is while nothing changes.
    ///
    /// The API server answers a delete without its version: a local delete counts once the watch confirms it.
    #[must_use]
    pub fn newest_version(&self) -> Option<ResourceVersion> {
        self.newest.iter().copied().max().flatten()
    }

    /// The same for a namespace, if each namespace of the cache has a source of its own
    /// ([`Builder::namespaces`](super::Builder::namespaces)): a change in another makes it no newer. Otherwise it is
    /// the version for everything.
    #[must_use]
    pub fn newest_version_in(&self, namespace: &str) -> Option<ResourceVersion> {
        let sources = self.journals.iter().zip(&self.newest);
        let of_namespace = sources.filter(|(journal, _)| journal.has(namespace));
        of_namespace.map(|(_, newest)| *newest).max().flatten()
    }

    /// The object of this namespace (empty for cluster-scoped objects) and name.
    #[must_use]
    pub fn get(&self, namespace: &str, name: &str) -> Option<&Arc<Entry<V>>> {
        self.contents.get(namespace, name)
    }

    /// All objects.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Entry<V>>> {
        self.contents.objects.iter().map(|slot| &slot.0)
    }

    /// Returns the objects after this key. The snapshot need not have an object of the key itself.
    pub fn iter_after(&self, namespace: &str, name: &str) -> impl Iterator<Item = &Arc<Entry<V>>> {
        self.contents.after(namespace, name)
    }

    /// The objects of a namespace.
    pub fn namespaced(&self, namespace: &str) -> impl Iterator<Item = &Arc<Entry<V>>> {
        self.namespaced_after(namespace, "")
    }

    /// The objects of a namespace that come after this name, with or without one of it.
    pub fn namespaced_after(&self, namespace: &str, name: &str) -> impl Iterator<Item = &Arc<Entry<V>>> {
        self.contents
            .after(namespace, name)
            .take_while(move |entry| entry.key.namespace() == namespace)
    }

    /// The index that was declared with this name.
    #[must_use]
    pub fn index(&self, name: &str) -> Option<Index> {
        self.contents.index(name)
    }

    /// The objects that an index files under a value, in all namespaces.
    pub fn indexed(&self, index: Index, value: &str) -> impl Iterator<Item = &Arc<Entry<V>>> {
        self.indexed_after(index, value, "", "")
    }

    /// Returns the objects after this key. The snapshot need not have an object of the key itself.
    pub fn indexed_after(
        &self,
        index: Index,
        value: &str,
        namespace: &str,
        name: &str,
    ) -> impl Iterator<Item = &Arc<Entry<V>>> {
        let place = IndexProbe {
            value,
            namespace,
            name,
        };
        let range = (Bound::Excluded(&place), Bound::Unbounded);
        self.contents
            .all_of(index)
            .range::<_, IndexProbe<'_>>(range)
            .take_while(move |slot| &*slot.value == value)
            .map(|slot| &slot.entry)
    }

    /// The objects of a namespace that an index files under a value.
    pub fn indexed_in(
        &self,
        index: Index,
        value: &str,
        namespace: &str,
    ) -> impl Iterator<Item = &Arc<Entry<V>>> {
        self.indexed_in_after(index, value, namespace, "")
    }

    /// Returns the objects after this name, with or without one of it.
    pub fn indexed_in_after(
        &self,
        index: Index,
        value: &str,
        namespace: &str,
        name: &str,
    ) -> impl Iterator<Item = &Arc<Entry<V>>> {
        self.indexed_after(index, value, namespace, name)
            .take_while(move |entry| entry.key.namespace() == namespace)
    }

    /// The objects of a namespace, or of all, whose texts have all that is searched for; `None` if the cache keeps no texts
    /// ([`Builder::text`](super::Builder::text)). Unlike any other look-up, this costs the length of the texts, until so
    /// many objects are found as the caller takes.
    #[must_use]
    pub fn search<'a>(
        &'a self,
        search: &'a Search,
        namespace: Option<&'a str>,
    ) -> Option<impl Iterator<Item = &'a Arc<Entry<V>>> + use<'a, V>> {
        self.search_after(search, namespace, namespace.unwrap_or_default(), "")
    }

    /// Returns the objects after this key, which is in the namespace. The snapshot need not have an object of the key itself.
    #[must_use]
    pub fn search_after<'a>(
        &'a self,
        search: &'a Search,
        namespace: Option<&'a str>,
        after_namespace: &str,
        after_name: &str,
    ) -> Option<impl Iterator<Item = &'a Arc<Entry<V>>> + use<'a, V>> {
        let after = KeyProbe {
            namespace: after_namespace,
            name: after_name,
        };
        self.contents.search(search, namespace, &after)
    }

    /// The namespaces that have objects, and the state of each as a whole.
    pub fn namespaces(&self) -> impl Iterator<Item = (&str, NamespaceState)> {
        self.namespaces_after("")
    }

    /// Returns the namespaces after this one, with or without objects in it.
    pub fn namespaces_after(&self, namespace: &str) -> impl Iterator<Item = (&str, NamespaceState)> {
        let range = (Bound::Excluded(namespace), Bound::Unbounded);
        self.contents
            .namespaces
            .range::<_, str>(range)
            .map(|(namespace, state)| (&**namespace, *state))
    }

    /// Returns the state of a namespace as a whole; `None` if it has no objects.
    #[must_use]
    pub fn namespace(&self, namespace: &str) -> Option<NamespaceState> {
        self.contents.namespaces.get(namespace).copied()
    }

    /// Returns the number of objects.
    #[must_use]
    pub fn len(&self) -> usize {
        self.contents.objects.len()
    }

    /// Returns true if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.contents.objects.is_empty()
    }
}

impl<V> fmt::Debug for Snapshot<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("len", &self.len())
            .field("resource_version", &self.resource_version)
            .finish_non_exhaustive()
    }
}
