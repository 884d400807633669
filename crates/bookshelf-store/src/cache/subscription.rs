//! What changed between two looks at a cache.

use std::collections::VecDeque;
use std::sync::Arc;

use imbl::OrdSet;
use imbl::ordset::DiffItem;
use tokio::sync::watch;

use super::contents::{ByKey, Entry};
use super::snapshot::Snapshot;
use super::{NotYet, Reader};
use crate::object::ObjectKey;

/// A change of one object.
#[derive(Debug)]
pub enum Event<V> {
    /// The object is there, and was not before.
    Created(Arc<Entry<V>>),
    /// The object is another version of the one before. Both are the same where a resync repeats it.
    Updated {
        /// As it was.
        old: Arc<Entry<V>>,
        /// As it is.
        new: Arc<Entry<V>>,
    },
    /// The object is no longer there; this is the last version known.
    Deleted(Arc<Entry<V>>),
}

impl<V> Event<V> {
    /// The object as it was; `None` where it was not there.
    #[must_use]
    pub fn before(&self) -> Option<&Arc<Entry<V>>> {
        match self {
            Self::Created(_) => None,
            Self::Updated { old, .. } | Self::Deleted(old) => Some(old),
        }
    }

    /// The object as it is; `None` where it is no longer there.
    #[must_use]
    pub fn after(&self) -> Option<&Arc<Entry<V>>> {
        match self {
            Self::Created(new) | Self::Updated { new, .. } => Some(new),
            Self::Deleted(_) => None,
        }
    }

    /// Which object it is about.
    #[must_use]
    pub fn key(&self) -> &ObjectKey {
        match self {
            Self::Created(entry) | Self::Updated { new: entry, .. } | Self::Deleted(entry) => &entry.key,
        }
    }
}

/// Room for so many changes is kept between two looks.
const KEPT: usize = 256;

/// The changes of a cache, from an empty one on: at first every object is [`Event::Created`].
///
/// A subscription compares snapshots: it holds one, and nothing queues up behind a slow one. Who looks rarely
/// sees several changes of an object as one, an object that came and went between two looks not at all, and
/// one that was deleted and made again as [`Event::Deleted`] and [`Event::Created`].
pub struct Subscription<V> {
    reader: Reader<V>,
    published: watch::Receiver<()>,
    /// `None` before the first look.
    seen: Option<Arc<Snapshot<V>>>,
    events: VecDeque<Event<V>>,
}

impl<V> Reader<V> {
    /// Subscribes to the changes of this cache.
    #[must_use]
    pub fn subscribe(&self) -> Subscription<V> {
        let mut published = self.shared.published.clone();
        published.mark_changed();
        Subscription {
            reader: self.clone(),
            published,
            seen: None,
            events: VecDeque::new(),
        }
    }
}

impl<V> Subscription<V> {
    /// The next change, in the order of keys within one look; waits for one. Cancel safe.
    ///
    /// Before the first list is complete there is none.
    pub async fn next(&mut self) -> Result<Event<V>, NotYet> {
        loop {
            if let Some(event) = self.try_next() {
                return Ok(event);
            }
            self.look().await?;
        }
    }

    /// The next change that is there already.
    pub(super) fn try_next(&mut self) -> Option<Event<V>> {
        let event = self.events.pop_front();
        if self.events.is_empty() {
            // The first look's are as many as there are objects, and no later look's are.
            self.events.shrink_to(KEPT);
        }
        event
    }

    /// The snapshot up to which changes are told, or wait to be; `None` before the first list is complete.
    pub(super) fn seen(&self) -> Option<&Arc<Snapshot<V>>> {
        self.seen.as_ref()
    }

    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.events.capacity()
    }

    /// Waits for a new snapshot and queues what changed in it. Cancel safe.
    pub(super) async fn look(&mut self) -> Result<(), NotYet> {
        self.published.changed().await.map_err(|_| NotYet)?;
        let current = self.reader.snapshot();
        if current.resource_version().is_none() {
            return Ok(());
        }
        match &self.seen {
            None => self.events.extend(current.iter().cloned().map(Event::Created)),
            Some(seen) => self
                .events
                .extend(differences(&seen.contents.objects, &current.contents.objects)),
        }
        self.seen = Some(current);
        Ok(())
    }
}

/// What makes the second of two sets of the first, in the order of keys.
///
/// A changed object comes as a removal and an addition, side by side, in the order of their versions: the addition
/// first where versions went back.
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

/// What has happened to an object: one that has another uid was deleted and made again.
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
