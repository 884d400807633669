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
    /// The list under way.
    pub(super) listing: Option<Listing<V>>,
    /// The newest version that readers were served of it.
    pub(super) newest: Option<ResourceVersion>,
    /// The writes that it has not confirmed yet: an older list does not undo them.
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

    /// Returns true while a list comes in that replaces the state: until it is done, all events are part of it.
    pub(super) fn is_replacing(&self) -> bool {
        let listing = self.listing.as_ref();
        listing.is_some_and(|listing| listing.purpose == Purpose::Replace)
    }
}

/// The objects of a list that are put in together; few enough in tests that their lists have more.
const TOGETHER: usize = if cfg!(test) { 4 } else { 512 };

/// A list under way.
pub(super) struct Listing<V> {
    pub(super) contents: Contents<V>,
    /// The last listed objects, which are yet to be put in; true for a buried one.
    pending: Vec<(Item<V>, bool)>,
    /// The listed objects that readers must not see: deleted by this process, not confirmed yet.
    pub(super) buried: HashMap<ObjectKey, Arc<Entry<V>>>,
    /// The deletions since the list began, with their versions: a page that was made before may come after.
    pub(super) deleted: HashMap<ObjectKey, ResourceVersion>,
    pub(super) purpose: Purpose,
}

/// The purpose of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Replaces the contents; there are no events meanwhile.
    Replace,
    /// Checks the contents. The watch goes on, and its events go to contents and list, until it has reached the list.
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

    /// Takes an object of the list in, to be put in with others.
    pub(super) fn list(&mut self, item: Item<V>, is_buried: bool) {
        self.pending.push((item, is_buried));
        if self.pending.len() == TOGETHER {
            self.put_pending();
        }
    }

    /// Puts in the pending objects: every other one, then those between them. A set splits a full node in halves: with a
    /// list put in as it comes, in order, all nodes but the last would stay half empty.
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

    /// Puts an object in, unless something newer is known of it.
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

    /// Takes an object out that we have deleted, if it is the one meant.
    pub(super) fn bury(&mut self, key: &ObjectKey, is_meant: impl Fn(&Entry<V>) -> bool) {
        self.put_pending();
        if let Some(entry) = take_out_of(&mut self.contents, key, is_meant) {
            self.buried.insert(key.clone(), entry);
        }
    }

    /// Takes an object out that is there no longer, if it is the one meant.
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

/// Takes an object out if it is the one meant.
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
