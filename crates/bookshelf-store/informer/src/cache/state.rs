//! The cache as a state machine: applies events and local writes, one at a time, and does no I/O.

mod deletion_waits;
mod local_writes;
mod pending_writes;
mod source;
mod tombstone;

use std::sync::Arc;

use imbl::OrdMap;

use super::contents::{Contents, Entry, Item, count_differences};
use super::snapshot::Snapshot;
use super::source_event::SourceEvent;
use super::tombstone::Tombstone;
use crate::object::{ObjectKey, ResourceVersion, Uid};
use deletion_waits::DeletionWaits;
pub(super) use source::Source;
use source::{Listing, Purpose, take_out_of};

pub(super) struct State<V> {
    contents: Contents<V>,
    /// The sources: one for all namespaces, or one for each of several.
    sources: Vec<Source<V>>,
    /// The objects that this process deleted. Older events of them and of their predecessors are ignored until the
    /// watch confirms the deletion.
    tombstones: OrdMap<ObjectKey, Tombstone>,
    deletion_waits: DeletionWaits,
}

impl<V> State<V> {
    /// The empty state, with a source for each namespace, or one source for all namespaces if there are none. Each
    /// journal keeps up to `history` changes.
    pub(super) fn new(contents: Contents<V>, namespaces: &[Arc<str>], history: usize) -> Self {
        let sources = if namespaces.is_empty() {
            vec![Source::new(None, history)]
        } else {
            let namespaces = namespaces.iter().cloned();
            namespaces
                .map(|namespace| Source::new(Some(namespace), history))
                .collect()
        };
        Self {
            contents,
            sources,
            tombstones: OrdMap::new(),
            deletion_waits: DeletionWaits::default(),
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot<V> {
        let versions = self.sources.iter().map(Source::version);
        Snapshot {
            contents: self.contents.clone(),
            // `None` is less than any version: the cache is only as new as its oldest source.
            resource_version: versions.min().flatten(),
            newest: self.sources.iter().map(|source| source.newest).collect(),
            journals: self.sources.iter().map(|source| source.journal.clone()).collect(),
            pending: self
                .sources
                .iter()
                .map(|source| source.pending.versions())
                .collect(),
            tombstones: self.tombstones.clone(),
        }
    }

    /// The namespace of each source; `None` for all namespaces.
    pub(super) fn namespaces(&self) -> impl Iterator<Item = Option<&Arc<str>>> {
        self.sources
            .iter()
            .map(|source| source.journal.namespace.as_ref())
    }

    /// The copy of this namespace's name that objects share, including those of a list in progress.
    pub(super) fn shared_namespace(&self, source: usize, namespace: &str) -> Option<&Arc<str>> {
        let listing = self.sources[source].listing.as_ref();
        let listed = listing.and_then(|listing| listing.shared_namespace(namespace));
        listed.or_else(|| self.contents.shared_namespace(namespace))
    }

    /// Panics if an index does.
    pub(super) fn try_indexes(&self, value: &V) {
        self.contents.try_indexes(value);
    }

    /// The entry of this object at this version, with its text, if the cache already has it.
    pub(super) fn unchanged(&self, key: &ObjectKey, uid: &Uid, version: ResourceVersion) -> Option<Item<V>> {
        let current = self.contents.get(key.namespace(), key.name())?;
        (current.uid == *uid && current.resource_version == version).then(|| self.contents.item(current))
    }

    /// Returns true if this event confirms that the served state is current. The objects of a list do not: until the
    /// list is done, readers get the earlier state, however old. The list of a check does not either.
    pub(super) fn confirms_served_state<K>(&self, source: usize, event: &SourceEvent<K>) -> bool {
        let source = &self.sources[source];
        match event {
            SourceEvent::ListStarted
            | SourceEvent::CheckStarted
            | SourceEvent::Listed(_)
            | SourceEvent::ListedUnreadable { .. } => false,
            SourceEvent::ListDone(_) => source.is_replacing() || source.listing.is_none(),
            SourceEvent::Applied(_)
            | SourceEvent::Deleted(_)
            | SourceEvent::DeletedUnreadable { .. }
            | SourceEvent::Unreadable { .. }
            | SourceEvent::Bookmark(_) => !source.is_replacing(),
        }
    }

    /// Begins a list that replaces the contents, or checks them.
    pub(super) fn list_started(&mut self, source: usize, is_check: bool) {
        let purpose = if is_check {
            Purpose::Check {
                since: self.sources[source].version(),
                done: None,
            }
        } else {
            Purpose::Replace
        };
        self.sources[source].listing = Some(Listing::new(self.contents.emptied(), purpose));
    }

    pub(super) fn listed(&mut self, source: usize, item: Item<V>) {
        let is_buried = self.is_buried(&item.entry);
        if let Some(listing) = &mut self.sources[source].listing {
            listing.list(item, is_buried);
        }
    }

    /// Ends the current check without a result.
    pub(super) fn check_abandoned(&mut self, source: usize) {
        let is_check = |listing: &mut Listing<V>| listing.purpose != Purpose::Replace;
        self.sources[source].listing.take_if(is_check);
    }

    /// Leaves out a listed object that cannot be read.
    pub(super) fn listed_unreadable(&mut self, source: usize, key: &ObjectKey, version: ResourceVersion) {
        if let Some(listing) = &mut self.sources[source].listing {
            listing.take_out(key, |current| current.resource_version <= version);
        }
    }

    /// Completes the list. A list that replaces the contents takes effect at once: objects that it lacks are gone,
    /// except for later local writes. The list of a check takes effect once the watch has reached its version. Returns
    /// the number of repaired objects.
    pub(super) fn list_done(&mut self, source: usize, version: ResourceVersion) -> usize {
        let listing = self.sources[source].listing.take();
        let mut listing = listing.unwrap_or_else(|| Listing::new(self.contents.emptied(), Purpose::Replace));
        listing.put_pending();
        match listing.purpose {
            Purpose::Replace => {
                // The list may lack the objects that this process deleted.
                let has_deleted = !self.tombstones.is_empty();
                let confirmed = self.sources[source].version();
                if confirmed > Some(version) {
                    // The API server was restored from a backup: later versions belong to another history.
                    for source in &mut self.sources {
                        source.pending.clear();
                        source.newest = source.newest.min(Some(version));
                    }
                    self.tombstones.clear();
                }
                let deleted = self.sources[source]
                    .journal
                    .replaced(listing.confirmed(), version);
                let changes = self.swap(source, listing, version);
                if confirmed.is_none() || changes > 0 || has_deleted || !deleted.is_empty() {
                    self.raise_newest(source, version);
                }
                self.deletion_waits.confirm(&deleted);
                self.forget_tombstones(source);
                0
            }
            // A list that is older than the state at its request proves nothing.
            Purpose::Check { since, .. } if since > Some(version) => 0,
            Purpose::Check { since, .. } => {
                let done = Some(version);
                listing.purpose = Purpose::Check { since, done };
                self.sources[source].listing = Some(listing);
                self.finish_check(source)
            }
        }
    }

    /// Applies an added or modified object. Like all events, returns the number of repaired objects.
    pub(super) fn applied(&mut self, source: usize, item: Item<V>) -> usize {
        let entry = &item.entry;
        let version = entry.resource_version;
        let is_buried = self.is_buried(entry);
        let source_state = &mut self.sources[source];
        source_state.pending.confirm(&entry.key, version);
        let is_replacing = source_state.is_replacing();
        if !is_replacing {
            source_state.journal.applied(entry);
        }
        if let Some(listing) = &mut source_state.listing {
            listing.put(item.clone(), is_buried);
        }
        if !is_buried && !is_replacing {
            self.put(source, item);
        }
        self.confirm(source, version)
    }

    /// Applies a deletion at this version.
    pub(super) fn deleted(
        &mut self,
        source: usize,
        key: &ObjectKey,
        uid: &Uid,
        version: ResourceVersion,
    ) -> usize {
        self.sources[source].pending.confirm(key, version);
        self.take_out_confirmed(source, key, Some(uid), version);
        if self
            .tombstones
            .get(key)
            .is_some_and(|tombstone| tombstone.uid == *uid)
        {
            self.tombstones.remove(key);
        }
        let repaired = self.confirm(source, version);
        if self.sources[source].version() >= Some(version) {
            self.deletion_waits.confirm(std::slice::from_ref(uid));
        }
        repaired
    }

    /// Leaves out an object that can no longer be read.
    pub(super) fn unreadable(&mut self, source: usize, key: &ObjectKey, version: ResourceVersion) -> usize {
        self.sources[source].pending.confirm(key, version);
        self.take_out_confirmed(source, key, None, version);
        self.confirm(source, version)
    }

    /// Applies a bookmark: everything up to this version is confirmed.
    pub(super) fn bookmark(&mut self, source: usize, version: ResourceVersion) -> usize {
        self.forget_tombstones(source);
        self.advance(source, version)
    }

    /// Raises the newest served version of a source.
    fn raise_newest(&mut self, source: usize, version: ResourceVersion) {
        let newest = &mut self.sources[source].newest;
        *newest = (*newest).max(Some(version));
    }

    pub(super) fn deletion_waits(&mut self) -> &mut DeletionWaits {
        &mut self.deletion_waits
    }

    fn source_of(&self, key: &ObjectKey) -> Option<usize> {
        self.sources.iter().position(|source| source.has(key))
    }

    fn put(&mut self, source: usize, item: Item<V>) {
        let entry = &item.entry;
        let current = self.contents.get(entry.key.namespace(), entry.key.name());
        let is_newer = current.is_none_or(|current| current.resource_version < entry.resource_version);
        let pending = self.sources[source].pending.get(&entry.key);
        if is_newer && pending.is_none_or(|ours| ours <= entry.resource_version) {
            self.contents.insert(item);
        }
    }

    /// Removes an object whose deletion the watch confirmed: the one with this uid, or any without a uid. During a list
    /// that replaces the contents, only from that list.
    fn take_out_confirmed(
        &mut self,
        source: usize,
        key: &ObjectKey,
        uid: Option<&Uid>,
        version: ResourceVersion,
    ) {
        let is_meant = |current: &Entry<V>| {
            uid.is_none_or(|uid| current.uid == *uid) && current.resource_version <= version
        };
        let source_state = &mut self.sources[source];
        if !source_state.is_replacing() {
            source_state.journal.deleted(key, uid, version);
            take_out_of(&mut self.contents, key, is_meant);
        }
        if let Some(listing) = &mut source_state.listing {
            listing.take_out(key, is_meant);
            listing.deleted.insert(key.clone(), version);
        }
    }

    /// Advances to the version of an event, unless a list is replacing the contents: then the event is part of the
    /// list.
    fn confirm(&mut self, source: usize, version: ResourceVersion) -> usize {
        if self.sources[source].is_replacing() {
            return 0;
        }
        self.raise_newest(source, version);
        self.advance(source, version)
    }

    fn advance(&mut self, source: usize, version: ResourceVersion) -> usize {
        self.sources[source].journal.advance(version);
        // The watch has passed these versions without an event: its selectors do not select the objects.
        for (ours, key) in self.sources[source].pending.take_passed(version) {
            take_out_of(&mut self.contents, &key, |current| {
                current.resource_version == ours
            });
        }
        self.finish_check(source)
    }

    /// Completes a check if its list is complete and the watch has reached the list's version. Contents and list have
    /// then had the same events, so each difference is an error. Returns the number of differences.
    fn finish_check(&mut self, source: usize) -> usize {
        let confirmed = self.sources[source].version();
        let is_due = |listing: &mut Listing<V>| match listing.purpose {
            Purpose::Check { done, .. } => done.is_some() && done <= confirmed,
            Purpose::Replace => false,
        };
        match (self.sources[source].listing.take_if(is_due), confirmed) {
            (Some(listing), Some(confirmed)) => {
                let listed = listing.confirmed();
                let journal = &mut self.sources[source].journal;
                let missed = count_differences(&journal.objects, &listed);
                if missed > 0 {
                    self.deletion_waits.confirm(&journal.without(&listed));
                    journal.restart(listed, confirmed);
                }
                let repaired = self.swap(source, listing, confirmed).max(missed);
                if repaired > 0 {
                    self.raise_newest(source, confirmed);
                }
                repaired
            }
            _ => 0,
        }
    }

    /// Replaces the contents of a source with a list of this version, except for later local writes. Returns the number
    /// of changed objects.
    fn swap(&mut self, source: usize, listing: Listing<V>, version: ResourceVersion) -> usize {
        let previous = self.contents.clone();
        let source_state = &mut self.sources[source];
        match &source_state.journal.namespace {
            None => self.contents = listing.contents,
            Some(namespace) => self.contents.replace_namespace(namespace, &listing.contents),
        }
        source_state.pending.take_passed(version);
        for key in source_state.pending.keys() {
            let ours = previous.get(key.namespace(), key.name());
            if let Some(ours) = ours.filter(|ours| ours.resource_version > version) {
                self.contents.insert(previous.item(ours));
            }
        }
        let changes = count_differences(&previous.objects, &self.contents.objects);
        if changes == 0 {
            // The same objects: keep the generations, so that results cached by generation stay valid.
            self.contents = previous;
        }
        changes
    }
}
