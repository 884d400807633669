//! One version of everything in a cache.

use std::fmt;
use std::sync::Arc;

use super::contents::{Contents, Entry, Index, IndexProbe, KeyProbe, NamespaceState};
use crate::object::ResourceVersion;

/// An immutable picture of a cache: objects and indexes at one version.
///
/// Look-ups cost the logarithm of the cache's size plus the size of the answer, and answers come ordered by
/// namespace, then name.
pub struct Snapshot<V> {
    pub(super) contents: Contents<V>,
    pub(super) resource_version: Option<ResourceVersion>,
}

impl<V> Snapshot<V> {
    /// The version up to which the watch has told everything; `None` before the first list is complete.
    ///
    /// Objects that this process wrote itself may be newer.
    #[must_use]
    pub fn resource_version(&self) -> Option<ResourceVersion> {
        self.resource_version
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

    /// The objects of a namespace.
    pub fn namespaced(&self, namespace: &str) -> impl Iterator<Item = &Arc<Entry<V>>> {
        let first = KeyProbe { namespace, name: "" };
        let from_first = self.contents.objects.range::<_, KeyProbe<'_>>(&first..);
        from_first
            .map(|slot| &slot.0)
            .take_while(move |entry| entry.key.namespace() == namespace)
    }

    /// The objects that an index files under a value, in all namespaces.
    pub fn indexed(&self, index: Index, value: &str) -> impl Iterator<Item = &Arc<Entry<V>>> {
        self.index_range(index, value, "")
    }

    /// The objects of a namespace that an index files under a value.
    pub fn indexed_in(
        &self,
        index: Index,
        value: &str,
        namespace: &str,
    ) -> impl Iterator<Item = &Arc<Entry<V>>> {
        self.index_range(index, value, namespace)
            .take_while(move |entry| entry.key.namespace() == namespace)
    }

    /// The namespaces that have objects, and what is known of each as a whole.
    pub fn namespaces(&self) -> impl Iterator<Item = (&str, NamespaceState)> {
        self.contents
            .namespaces
            .iter()
            .map(|(namespace, state)| (&**namespace, *state))
    }

    /// What is known of a namespace as a whole; `None` where it has no objects.
    #[must_use]
    pub fn namespace(&self, namespace: &str) -> Option<NamespaceState> {
        self.contents.namespaces.get(namespace).copied()
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.contents.objects.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.contents.objects.is_empty()
    }

    fn index_range(
        &self,
        index: Index,
        value: &str,
        namespace: &str,
    ) -> impl Iterator<Item = &Arc<Entry<V>>> {
        let first = IndexProbe {
            value,
            namespace,
            name: "",
        };
        let from_first = self.contents.indexes[index.0].range::<_, IndexProbe<'_>>(&first..);
        from_first
            .take_while(move |slot| &*slot.value == value)
            .map(|slot| &slot.entry)
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
