//! What changed between two looks at a cache.

use std::collections::VecDeque;
use std::sync::Arc;

use imbl::ordset::DiffItem;
use tokio::sync::watch;

use super::contents::{ByKey, Entry};
use super::snapshot::Snapshot;
use super::{NotYet, Reader};

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
        let mut published = self.shared.published.subscribe();
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
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            self.look().await?;
        }
    }

    /// The next change that is there already.
    pub(super) fn try_next(&mut self) -> Option<Event<V>> {
        self.events.pop_front()
    }

    /// The snapshot up to which changes are told, or wait to be; `None` before the first list is complete.
    pub(super) fn seen(&self) -> Option<&Arc<Snapshot<V>>> {
        self.seen.as_ref()
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
            Some(seen) => push_changes(seen, &current, &mut self.events),
        }
        self.seen = Some(current);
        Ok(())
    }
}

/// Changed objects come as a removal and an addition side by side, as [`ByKey`] orders them.
fn push_changes<V>(old: &Snapshot<V>, new: &Snapshot<V>, events: &mut VecDeque<Event<V>>) {
    let mut removed: Option<&ByKey<V>> = None;
    for item in old.contents.objects.diff(&new.contents.objects) {
        match item {
            DiffItem::Remove(slot) => {
                events.extend(removed.replace(slot).map(deleted));
            }
            DiffItem::Add(slot) => match removed.take() {
                Some(old) if old.0.uid == slot.0.uid => {
                    events.push_back(Event::Updated {
                        old: Arc::clone(&old.0),
                        new: Arc::clone(&slot.0),
                    });
                }
                other => {
                    events.extend(other.map(deleted));
                    events.push_back(Event::Created(Arc::clone(&slot.0)));
                }
            },
        }
    }
    events.extend(removed.map(deleted));
}

fn deleted<V>(slot: &ByKey<V>) -> Event<V> {
    Event::Deleted(Arc::clone(&slot.0))
}
