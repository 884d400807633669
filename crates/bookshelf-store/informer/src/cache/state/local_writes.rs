//! Local writes: the responses to requests of this process, before the watch confirms them.

use std::collections::HashSet;

use tokio::time::Instant;

use super::super::contents::{Entry, Item, Part};
use super::super::tombstone::Tombstone;
use super::State;
use super::source::take_out_of;
use crate::object::{ObjectKey, ResourceVersion, Uid};

impl<V> State<V> {
    /// Applies an object from a response to this process, which the watch confirms later, or already has.
    pub(in super::super) fn observed(&mut self, item: Item<V>) {
        let entry = &item.entry;
        if let Some(source) = self.note_pending(&entry.key, entry.resource_version)
            && !self.is_buried(entry)
        {
            self.put(source, item);
        }
    }

    /// Applies a response whose object cannot be read: the object is left out.
    pub(in super::super) fn observed_unreadable(&mut self, key: &ObjectKey, version: ResourceVersion) {
        if self.note_pending(key, version).is_some() {
            take_out_of(&mut self.contents, key, |current| {
                current.resource_version <= version
            });
        }
    }

    /// Notes this version of an object as pending, unless it is confirmed already. Returns its source.
    fn note_pending(&mut self, key: &ObjectKey, version: ResourceVersion) -> Option<usize> {
        // Without a source, nothing would ever remove it.
        let source = self.source_of(key)?;
        // The watch may also have confirmed its deletion: an insert would then bring it back for good.
        if self.sources[source].version() >= Some(version) {
            return None;
        }
        self.sources[source].pending.wrote(key, version);
        self.raise_newest(source, version);
        Some(source)
    }

    /// Applies a deletion by this process of an object that had this uid and version.
    pub(in super::super) fn observed_deleted(&mut self, key: &ObjectKey, uid: Uid, version: ResourceVersion) {
        let Some(source) = self.source_of(key) else {
            return;
        };
        let is_meant = |current: &Entry<V>| current.uid == uid || current.resource_version <= version;
        take_out_of(&mut self.contents, key, is_meant);
        if let Some(listing) = &mut self.sources[source].listing {
            listing.bury(key, is_meant);
        }
        // The responses to two local deletes may arrive in any order.
        let buried = self.tombstones.get(key);
        if buried.is_none_or(|buried| buried.version <= version) {
            let since = Instant::now();
            self.tombstones
                .insert(key.clone(), Tombstone { uid, version, since });
        }
    }

    /// Raises the newest served version of a namespace.
    pub(in super::super) fn observed_version(&mut self, namespace: &str, version: ResourceVersion) {
        let source = self
            .sources
            .iter()
            .position(|source| source.journal.has(namespace));
        if let Some(source) = source {
            self.raise_newest(source, version);
        }
    }

    /// Applies a list of a part of the resource at this version, read independently of the watch. The objects of that
    /// part that are no newer and not `listed` are gone.
    pub(in super::super) fn relisted(
        &mut self,
        part: Part<'_>,
        listed: &HashSet<ObjectKey>,
        version: ResourceVersion,
    ) {
        let of_part = self.contents.part(part);
        let gone = of_part.filter(|entry| entry.resource_version <= version && !listed.contains(&entry.key));
        let gone: Vec<_> = gone.cloned().collect();
        for entry in gone {
            self.observed_version(entry.key.namespace(), version);
            self.observed_deleted(&entry.key, entry.uid.clone(), entry.resource_version);
        }
    }
}
