//! The changes between two looks at a cache.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::watch;

use super::event::{Event, differences};
use super::snapshot::Snapshot;
use super::{NotYet, Reader};

/// The capacity for changes that is kept between two looks.
const RETAINED_CAPACITY: usize = 256;

/// The changes of a cache, starting from an empty one: at first, every object is [`Event::Created`].
///
/// A subscription compares snapshots. It holds one, so nothing queues up behind a slow subscriber. A subscriber that
/// looks rarely sees several changes of an object as one, does not see an object that was created and deleted between
/// two looks, and sees a recreated object as [`Event::Deleted`] and [`Event::Created`].
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
    /// Waits for the next change. The changes of one look are in the order of their keys. Cancel safe.
    ///
    /// There are no changes before the first list is complete.
    pub async fn next(&mut self) -> Result<Event<V>, NotYet> {
        loop {
            if let Some(event) = self.try_next() {
                return Ok(event);
            }
            self.look().await?;
        }
    }

    /// The next queued change.
    pub(super) fn try_next(&mut self) -> Option<Event<V>> {
        let event = self.events.pop_front();
        if self.events.is_empty() {
            // The first look queues every object; later looks queue few changes.
            self.events.shrink_to(RETAINED_CAPACITY);
        }
        event
    }

    /// The snapshot up to which changes are returned or queued; `None` before the first list is complete.
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
