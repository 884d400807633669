//! Tombstones: local deletions, kept until no late event can bring an object back.

use std::time::Duration;

use super::super::contents::Entry;
use super::super::tombstone::Tombstone;
use super::State;

/// The minimum lifetime of a tombstone. The last event of the object arrives late if the watch lags, but the first
/// bookmark after this time is long past it.
const TOMBSTONE_LIFE: Duration = Duration::from_mins(5);

impl<V> State<V> {
    pub(super) fn is_buried(&self, entry: &Entry<V>) -> bool {
        let tombstone = self.tombstones.get(&entry.key);
        tombstone.is_some_and(|tombstone| tombstone.buries(entry))
    }

    /// Forgets the old tombstones of a source that has just confirmed a version. Other sources keep theirs: they may
    /// lag by more than the lifetime.
    pub(super) fn forget_tombstones(&mut self, source: usize) {
        let source = &self.sources[source];
        let is_over = |tombstone: &Tombstone| tombstone.since.elapsed() >= TOMBSTONE_LIFE;
        let over = self.tombstones.iter();
        let over = over.filter(|(key, tombstone)| source.has(key) && is_over(tombstone));
        for key in over.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            self.tombstones.remove(&key);
        }
    }
}
