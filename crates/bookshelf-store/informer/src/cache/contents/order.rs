//! The order of objects and of index entries, and the probes to look up a place in it.

use std::cmp::Ordering;
use std::sync::Arc;

use equivalent::{Comparable, Equivalent};

use super::Entry;

/// An object, ordered by key, then version. With the version, the difference of two sets shows a changed object as a
/// removal and an addition.
pub(in crate::cache) struct ByKey<V>(pub(in crate::cache) Arc<Entry<V>>);

/// An object, ordered by its value in an index, then by key.
pub(in crate::cache) struct ByIndex<V> {
    pub(in crate::cache) value: Arc<str>,
    pub(in crate::cache) entry: Arc<Entry<V>>,
}

/// A place in a set of [`ByKey`].
pub(in crate::cache) struct KeyProbe<'a> {
    pub(in crate::cache) namespace: &'a str,
    pub(in crate::cache) name: &'a str,
}

/// A place in a set of [`ByIndex`].
pub(in crate::cache) struct IndexProbe<'a> {
    pub(in crate::cache) value: &'a str,
    pub(in crate::cache) namespace: &'a str,
    pub(in crate::cache) name: &'a str,
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
