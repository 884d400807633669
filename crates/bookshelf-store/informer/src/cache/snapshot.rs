//! An immutable view of a cache.

use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;

use super::contents::{Contents, Entry, Index, IndexProbe, KeyProbe, NamespaceState};
use super::journal::Journal;
use super::search::Search;
use super::tombstone::Tombstone;
use crate::object::{ObjectKey, ResourceVersion};

/// An immutable view of a cache: objects and indexes at one version.
///
/// A look-up costs the logarithm of the cache's size plus the size of the result. Results are ordered by namespace,
/// then name.
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
    /// Pending writes of this process may be newer.
    #[must_use]
    pub fn resource_version(&self) -> Option<ResourceVersion> {
        self.resource_version
    }

    /// The newest version that this snapshot serves, local writes included. Another cache of the same API server that
    /// has reached it ([`Reader::wait_for`](super::Reader::wait_for)) serves nothing older than this snapshot. Unlike
    /// [`resource_version`](Self::resource_version), it does not advance while nothing changes.
    ///
    /// The API server's response to a delete lacks its version, so a local delete counts once the watch confirms it.
    #[must_use]
    pub fn newest_version(&self) -> Option<ResourceVersion> {
        self.newest.iter().copied().max().flatten()
    }

    /// The newest version that this snapshot serves of a namespace, if each namespace of the cache has its own source
    /// ([`Builder::namespaces`](super::Builder::namespaces)). Otherwise the same as
    /// [`newest_version`](Self::newest_version).
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

    /// The objects after this key, which need not exist.
    pub fn iter_after(&self, namespace: &str, name: &str) -> impl Iterator<Item = &Arc<Entry<V>>> {
        self.contents.after(namespace, name)
    }

    /// The objects of a namespace.
    pub fn namespaced(&self, namespace: &str) -> impl Iterator<Item = &Arc<Entry<V>>> {
        self.namespaced_after(namespace, "")
    }

    /// The objects of a namespace after this name, which need not exist.
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

    /// Returns the objects of [`indexed`](Self::indexed) after this key, which need not exist.
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

    /// Returns the objects of [`indexed_in`](Self::indexed_in) after this name, which need not exist.
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

    /// The objects of a namespace, or of all namespaces, whose texts match the search; `None` if the cache keeps no
    /// texts ([`Builder::text`](super::Builder::text)). Unlike other look-ups, a search scans the texts, until the
    /// caller has taken enough objects.
    #[must_use]
    pub fn search<'a>(
        &'a self,
        search: &'a Search,
        namespace: Option<&'a str>,
    ) -> Option<impl Iterator<Item = &'a Arc<Entry<V>>> + use<'a, V>> {
        self.search_after(search, namespace, namespace.unwrap_or_default(), "")
    }

    /// Returns the matches of [`search`](Self::search) after this key, which must be in the namespace, but need not
    /// exist.
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

    /// The namespaces that have objects, with their states.
    pub fn namespaces(&self) -> impl Iterator<Item = (&str, NamespaceState)> {
        self.namespaces_after("")
    }

    /// Returns the namespaces after this one, which need not have objects.
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

    /// Returns true if there are no objects.
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
