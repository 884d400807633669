//! The cache as a state machine: fed events and our own writes, one at a time, it does no I/O.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::contents::{Contents, Entry};
use super::snapshot::Snapshot;
use crate::object::{ObjectKey, ResourceVersion, Uid};

/// How long a deleted object is remembered at least. Its last event is on its way for as long as the watch lags,
/// and the first bookmark after this time has long passed it.
const TOMBSTONE_LIFE: Duration = Duration::from_mins(5);

pub(super) struct State<V> {
    contents: Contents<V>,
    /// The list under way: swapped in whole when it is complete.
    listing: Option<Contents<V>>,
    /// The version up to which the watch has told everything.
    version: Option<ResourceVersion>,
    /// Our own writes that the watch has not told yet: a list older than them does not undo them.
    ahead: HashMap<ObjectKey, ResourceVersion>,
    /// Objects we deleted and the watch has not told yet: their older events are not taken, nor are those of
    /// their predecessors.
    tombstones: HashMap<ObjectKey, Tombstone>,
}

/// An object we deleted.
struct Tombstone {
    uid: Uid,
    /// A version the object had. Whatever else of its name is not newer came before it.
    version: ResourceVersion,
    since: Instant,
}

impl<V> State<V> {
    pub(super) fn new(contents: Contents<V>) -> Self {
        Self {
            contents,
            listing: None,
            version: None,
            ahead: HashMap::new(),
            tombstones: HashMap::new(),
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot<V> {
        Snapshot {
            contents: self.contents.clone(),
            resource_version: self.version,
        }
    }

    pub(super) fn list_started(&mut self) {
        self.listing = Some(self.contents.emptied());
    }

    pub(super) fn listed(&mut self, entry: Entry<V>) {
        if !self.is_buried(&entry) {
            self.listing
                .get_or_insert_with(|| self.contents.emptied())
                .put(entry);
        }
    }

    /// Swaps the list in: what it does not have is gone, but for what we wrote after it was made.
    pub(super) fn list_done(&mut self, version: ResourceVersion) {
        let listed = self.listing.take().unwrap_or_else(|| self.contents.emptied());
        let previous = std::mem::replace(&mut self.contents, listed);
        self.version = Some(version);
        self.ahead.retain(|_, ours| *ours > version);
        for key in self.ahead.keys() {
            let ours = previous.get(key.namespace(), key.name());
            if let Some(ours) = ours.filter(|ours| ours.resource_version > version) {
                self.contents.insert(Arc::clone(ours));
            }
        }
        self.forget_tombstones();
    }

    /// An object was added or modified.
    pub(super) fn applied(&mut self, entry: Entry<V>) {
        let version = entry.resource_version;
        self.put(entry);
        self.advance(version);
    }

    /// An object was deleted, at this version.
    pub(super) fn deleted(&mut self, key: &ObjectKey, uid: &Uid, version: ResourceVersion) {
        self.take_out(key, |current| {
            current.uid == *uid && current.resource_version <= version
        });
        if self
            .tombstones
            .get(key)
            .is_some_and(|tombstone| tombstone.uid == *uid)
        {
            self.tombstones.remove(key);
        }
        self.told(version);
    }

    /// Nothing can be made of an object any more: it is left out.
    pub(super) fn unreadable(&mut self, key: &ObjectKey, version: ResourceVersion) {
        self.take_out(key, |current| current.resource_version <= version);
        self.told(version);
    }

    /// Everything up to this version has been told.
    pub(super) fn bookmark(&mut self, version: ResourceVersion) {
        self.advance(version);
        self.forget_tombstones();
    }

    /// An object as the API server answered it to ourselves: the watch will tell it, or has.
    pub(super) fn observed(&mut self, entry: Entry<V>) {
        // The watch may have told of its deletion too: then putting it in would bring it back for good.
        let is_told = self
            .version
            .is_some_and(|version| entry.resource_version <= version);
        if !is_told {
            self.ahead.insert(entry.key.clone(), entry.resource_version);
            self.put(entry);
        }
    }

    /// We deleted an object, which had this version.
    pub(super) fn observed_deleted(&mut self, key: &ObjectKey, uid: Uid, version: ResourceVersion) {
        self.take_out(key, |current| {
            current.uid == uid || current.resource_version <= version
        });
        self.tombstones.insert(
            key.clone(),
            Tombstone {
                uid,
                version,
                since: Instant::now(),
            },
        );
    }

    fn put(&mut self, entry: Entry<V>) {
        let current = self.contents.get(entry.key.namespace(), entry.key.name());
        let is_newer = current.is_none_or(|current| current.resource_version < entry.resource_version);
        if is_newer && !self.is_buried(&entry) {
            self.contents.put(entry);
        }
    }

    fn is_buried(&self, entry: &Entry<V>) -> bool {
        let tombstone = self.tombstones.get(&entry.key);
        tombstone.is_some_and(|buried| entry.uid == buried.uid || entry.resource_version <= buried.version)
    }

    /// Takes an object out if it is the one meant, out of the list under way too.
    fn take_out(&mut self, key: &ObjectKey, is_meant: impl Fn(&Entry<V>) -> bool) {
        for contents in [Some(&mut self.contents), self.listing.as_mut()]
            .into_iter()
            .flatten()
        {
            let current = contents.get(key.namespace(), key.name());
            if current.is_some_and(|current| is_meant(current)) {
                contents.remove(key.namespace(), key.name());
            }
        }
    }

    /// The watch has told everything up to this version; a list under way has not.
    fn told(&mut self, version: ResourceVersion) {
        if self.listing.is_none() {
            self.advance(version);
        }
    }

    fn advance(&mut self, version: ResourceVersion) {
        self.version = self.version.max(Some(version));
        if !self.ahead.is_empty() {
            self.ahead.retain(|_, ours| *ours > version);
        }
    }

    fn forget_tombstones(&mut self) {
        self.tombstones
            .retain(|_, tombstone| tombstone.since.elapsed() < TOMBSTONE_LIFE);
    }
}
