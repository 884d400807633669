//! A source of a cache: its confirmed version, and the list in progress.

use std::collections::HashMap;
use std::sync::Arc;

use imbl::OrdSet;

use super::super::contents::{ByKey, Contents, Entry, Item};
use super::super::journal::Journal;
use super::pending_writes::PendingWrites;
use crate::object::{ObjectKey, ResourceVersion};

/// The source of all namespaces of a cache, or of one of several.
pub(crate) struct Source<V> {
    /// The confirmed state.
    pub(super) journal: Journal<V>,
    /// The list in progress.
    pub(super) listing: Option<Listing<V>>,
    /// The newest version of this source that readers were served.
    pub(super) newest: Option<ResourceVersion>,
    /// The local writes that it has not confirmed yet: an older list does not undo them.
    pub(super) pending: PendingWrites,
}

impl<V> Source<V> {
    pub(super) fn new(namespace: Option<Arc<str>>, history: usize) -> Self {
        Self {
            journal: Journal::new(namespace, history),
            listing: None,
            newest: None,
            pending: PendingWrites::default(),
        }
    }

    /// Returns true if it covers objects with this key.
    pub(super) fn has(&self, key: &ObjectKey) -> bool {
        self.journal.has(key.namespace())
    }

    /// The confirmed version.
    pub(super) fn version(&self) -> Option<ResourceVersion> {
        self.journal.version
    }

    /// Returns true during a list that replaces the state: until the list is done, all events are part of it.
    pub(super) fn is_replacing(&self) -> bool {
        let listing = self.listing.as_ref();
        listing.is_some_and(|listing| listing.purpose == Purpose::Replace)
    }
}

/// The number of listed objects that are inserted together; small in tests, so that lists exceed it.
const BATCH: usize = if cfg!(test) { 4 } else { 512 };

/// A list in progress.
pub(super) struct Listing<V> {
    pub(super) contents: Contents<V>,
    /// The last listed objects, not inserted yet; true for a buried object.
    pending: Vec<(Item<V>, bool)>,
    /// The listed objects that readers must not see: deleted by this process, but not confirmed yet.
    pub(super) buried: HashMap<ObjectKey, Arc<Entry<V>>>,
    /// The deletions since the list began, with their versions: a page from before a deletion may arrive after it.
    pub(super) deleted: HashMap<ObjectKey, ResourceVersion>,
    pub(super) purpose: Purpose,
}

/// The purpose of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Replaces the contents. Events until it is done are part of the list.
    Replace,
    /// Checks the contents. The watch goes on, and its events apply to both contents and list until it has reached the
    /// list's version.
    Check {
        /// The confirmed version at the start of the list.
        since: Option<ResourceVersion>,
        /// The list's version, once it is complete.
        done: Option<ResourceVersion>,
    },
}

impl<V> Listing<V> {
    pub(super) fn new(contents: Contents<V>, purpose: Purpose) -> Self {
        Self {
            contents,
            pending: Vec::new(),
            buried: HashMap::new(),
            deleted: HashMap::new(),
            purpose,
        }
    }

    /// Adds an object of the list, to be inserted together with others.
    pub(super) fn list(&mut self, item: Item<V>, is_buried: bool) {
        self.pending.push((item, is_buried));
        if self.pending.len() == BATCH {
            self.put_pending();
        }
    }

    /// Inserts the pending objects: every other one, then those in between. A set splits a full node in half: inserting
    /// a list in its order would leave all nodes but the last half empty.
    pub(super) fn put_pending(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        let (evens, odds): (Vec<_>, Vec<_>) = pending
            .into_iter()
            .enumerate()
            .partition(|(number, _)| number % 2 == 0);
        for (_, (item, is_buried)) in evens.into_iter().chain(odds) {
            self.put_one(item, is_buried);
        }
    }

    /// The copy of this namespace's name that the listed objects share.
    pub(super) fn shared_namespace(&self, namespace: &str) -> Option<&Arc<str>> {
        let last = self.pending.last().map(|(item, _)| &item.entry.key);
        let last = last.filter(|key| key.namespace() == namespace);
        last.map(ObjectKey::shared_namespace)
            .or_else(|| self.contents.shared_namespace(namespace))
    }

    /// Inserts an object, unless something newer is known of it.
    pub(super) fn put(&mut self, item: Item<V>, is_buried: bool) {
        self.put_pending();
        self.put_one(item, is_buried);
    }

    fn put_one(&mut self, item: Item<V>, is_buried: bool) {
        let entry = &item.entry;
        let version = entry.resource_version;
        let current = self.contents.get(entry.key.namespace(), entry.key.name());
        let current = current.or_else(|| self.buried.get(&entry.key));
        let is_newest = current.is_none_or(|current| current.resource_version < version);
        let was_deleted = self
            .deleted
            .get(&entry.key)
            .is_some_and(|deleted| *deleted > version);
        if !is_newest || was_deleted {
            return;
        }
        if is_buried {
            self.buried.insert(entry.key.clone(), item.entry);
        } else {
            self.buried.remove(&entry.key);
            self.contents.insert(item);
        }
    }

    /// Buries an object that this process deleted, if `is_meant` accepts it.
    pub(super) fn bury(&mut self, key: &ObjectKey, is_meant: impl Fn(&Entry<V>) -> bool) {
        self.put_pending();
        if let Some(entry) = take_out_of(&mut self.contents, key, is_meant) {
            self.buried.insert(key.clone(), entry);
        }
    }

    /// Removes an object that no longer exists, if `is_meant` accepts it.
    pub(super) fn take_out(&mut self, key: &ObjectKey, is_meant: impl Fn(&Entry<V>) -> bool) {
        self.put_pending();
        if self.buried.get(key).is_some_and(|entry| is_meant(entry)) {
            self.buried.remove(key);
        }
        take_out_of(&mut self.contents, key, is_meant);
    }

    /// The objects that the list and later events confirm.
    pub(super) fn confirmed(&self) -> OrdSet<ByKey<V>> {
        let mut confirmed = self.contents.objects.clone();
        confirmed.extend(self.buried.values().cloned().map(ByKey));
        confirmed
    }
}

/// Removes an object if `is_meant` accepts it.
pub(super) fn take_out_of<V>(
    contents: &mut Contents<V>,
    key: &ObjectKey,
    is_meant: impl Fn(&Entry<V>) -> bool,
) -> Option<Arc<Entry<V>>> {
    let current = contents.get(key.namespace(), key.name())?;
    if is_meant(current) {
        contents.remove(key.namespace(), key.name())
    } else {
        None
    }
}
