//! Changes of a cache's objects.

use std::sync::Arc;

use imbl::OrdSet;
use imbl::ordset::DiffItem;

use super::contents::{ByKey, Entry};
use crate::object::ObjectKey;

/// A change of one object.
#[derive(Debug)]
pub enum Event<V> {
    /// The object is there now, and was not before.
    Created(Arc<Entry<V>>),
    /// The object was changed. In a resync, `old` and `new` are the same.
    Updated {
        /// The object before the change.
        old: Arc<Entry<V>>,
        /// The object after the change.
        new: Arc<Entry<V>>,
    },
    /// The object was deleted. This is its last known version.
    Deleted(Arc<Entry<V>>),
}

impl<V> Event<V> {
    /// The object before the change; `None` if it was created.
    #[must_use]
    pub fn before(&self) -> Option<&Arc<Entry<V>>> {
        match self {
            Self::Created(_) => None,
            Self::Updated { old, .. } | Self::Deleted(old) => Some(old),
        }
    }

    /// The object after the change; `None` if it was deleted.
    #[must_use]
    pub fn after(&self) -> Option<&Arc<Entry<V>>> {
        match self {
            Self::Created(new) | Self::Updated { new, .. } => Some(new),
            Self::Deleted(_) => None,
        }
    }

    /// Returns the key of the object.
    #[must_use]
    pub fn key(&self) -> &ObjectKey {
        match self {
            Self::Created(entry) | Self::Updated { new: entry, .. } | Self::Deleted(entry) => &entry.key,
        }
    }
}

/// Returns the events that lead from `old` to `new`, in the order of keys.
///
/// The difference of the sets shows a changed object as a removal and an addition next to each other, ordered by
/// version: the addition comes first if versions went back.
pub(super) fn differences<V>(old: &OrdSet<ByKey<V>>, new: &OrdSet<ByKey<V>>) -> Vec<Event<V>> {
    let mut events = Vec::new();
    let mut changes = old.diff(new).peekable();
    while let Some(change) = changes.next() {
        let key = &slot(&change).0.key;
        let other = changes.next_if(|next| slot(next).0.key == *key);
        let (mut old, mut new) = (None, None);
        for item in [Some(change), other].into_iter().flatten() {
            match item {
                DiffItem::Remove(slot) => old = Some(Arc::clone(&slot.0)),
                DiffItem::Add(slot) => new = Some(Arc::clone(&slot.0)),
            }
        }
        events.extend(between(old, new));
    }
    events
}

/// Returns the events of one object. A different uid means that the object was deleted and created again.
pub(super) fn between<V>(
    old: Option<Arc<Entry<V>>>,
    new: Option<Arc<Entry<V>>>,
) -> impl Iterator<Item = Event<V>> {
    let events = match (old, new) {
        (Some(old), Some(new)) if old.uid == new.uid => [Some(Event::Updated { old, new }), None],
        (old, new) => [old.map(Event::Deleted), new.map(Event::Created)],
    };
    events.into_iter().flatten()
}

fn slot<'a, V>(change: &DiffItem<'a, 'a, ByKey<V>>) -> &'a ByKey<V> {
    match change {
        DiffItem::Add(slot) | DiffItem::Remove(slot) => slot,
    }
}
