//! The declarations of a cache's indexes.

use std::sync::Arc;

use super::Entry;

/// An index of a cache, declared by [`Builder::index`](crate::cache::Builder::index) or
/// [`Builder::label`](crate::cache::Builder::label). A look-up in another cache panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Index {
    pub(in crate::cache) cache: CacheNumber,
    pub(in crate::cache) number: usize,
}

/// Identifies a cache in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cache) struct CacheNumber(u64);

impl CacheNumber {
    pub(in crate::cache) fn next() -> Self {
        Self(super::next_generation())
    }
}

/// The declaration of an index.
pub(in crate::cache) struct Declaration<V> {
    pub(in crate::cache) name: Arc<str>,
    pub(in crate::cache) keys: IndexKeys<V>,
}

pub(in crate::cache) type KeysOfValue<V> = Box<dyn Fn(&V) -> Vec<Arc<str>> + Send + Sync>;

/// The keys under which an index files an object.
pub(in crate::cache) enum IndexKeys<V> {
    /// The keys that this function returns for a value.
    OfValue(KeysOfValue<V>),
    /// The value of the label that the index is named after.
    OfLabel,
}

impl<V> Declaration<V> {
    pub(super) fn keys(&self, entry: &Entry<V>) -> Vec<Arc<str>> {
        match &self.keys {
            IndexKeys::OfValue(keys) => keys(&entry.value),
            IndexKeys::OfLabel => entry.labels.find(&self.name).into_iter().cloned().collect(),
        }
    }
}
