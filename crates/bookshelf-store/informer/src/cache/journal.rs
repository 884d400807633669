//! The confirmed state of one source, without local writes: the objects, and the latest changes in their order.

use std::ops::Bound;
use std::sync::Arc;

use imbl::{OrdSet, Vector};

use super::contents::{ByKey, Entry, KeyProbe};
use super::event::{Event, between, differences};
use crate::object::{ObjectKey, ResourceVersion, Uid};

/// The number of changes that a journal may have however few objects there are. Beyond it, there are no more changes
/// than objects: each keeps the object that it replaced, so the journal takes about as much memory as the objects.
const MANY_CHANGES: usize = 1024;

/// A confirmed change.
#[derive(Debug)]
pub struct Change<V> {
    /// The version after the change. All changes found by a list have the version of the list.
    pub version: ResourceVersion,
    /// The event.
    pub event: Event<V>,
}

/// The journal of one source of a cache.
pub(super) struct Journal<V> {
    /// `None`: all namespaces.
    pub(super) namespace: Option<Arc<str>>,
    /// The confirmed version.
    pub(super) version: Option<ResourceVersion>,
    /// The objects as of that version.
    pub(super) objects: OrdSet<ByKey<V>>,
    /// The latest changes, in the order of their versions.
    changes: Vector<Arc<Change<V>>>,
    /// The maximum number of changes, however many objects there are.
    capacity: usize,
    /// The version after which the changes are complete.
    since: Option<ResourceVersion>,
    /// The version of the last list that replaced the watch. Objects created and deleted just before it had no event.
    listed: Option<ResourceVersion>,
    /// Versions up to this one may belong to an earlier history, or to a state that had to be repaired.
    untrusted: Option<ResourceVersion>,
    /// The number of restarts of history: versions went back, or objects had to be repaired.
    pub(super) restarts: u64,
}

impl<V> Clone for Journal<V> {
    fn clone(&self) -> Self {
        Self {
            namespace: self.namespace.clone(),
            version: self.version,
            objects: self.objects.clone(),
            changes: self.changes.clone(),
            capacity: self.capacity,
            since: self.since,
            listed: self.listed,
            untrusted: self.untrusted,
            restarts: self.restarts,
        }
    }
}

impl<V> Journal<V> {
    pub(super) fn new(namespace: Option<Arc<str>>, capacity: usize) -> Self {
        Self {
            namespace,
            version: None,
            objects: OrdSet::new(),
            changes: Vector::new(),
            capacity,
            since: None,
            listed: None,
            untrusted: None,
            restarts: 0,
        }
    }

    /// Returns true if it covers this namespace.
    pub(super) fn has(&self, namespace: &str) -> bool {
        let of = self.namespace.as_deref();
        of.is_none_or(|of| of == namespace)
    }

    /// The objects of a namespace, or all, ordered by namespace, then name.
    pub(super) fn part(&self, namespace: Option<&str>) -> impl Iterator<Item = &Arc<Entry<V>>> {
        // No object has an empty name, so this place is before all objects of the namespace.
        let place = KeyProbe {
            namespace: namespace.unwrap_or_default(),
            name: "",
        };
        let range = (Bound::Excluded(&place), Bound::Unbounded);
        let objects = self.objects.range::<_, KeyProbe<'_>>(range);
        objects
            .map(|ByKey(entry)| entry)
            .take_while(move |entry| namespace.is_none_or(|namespace| entry.key.namespace() == namespace))
    }

    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<&Arc<Entry<V>>> {
        let slot = self.objects.get(&KeyProbe { namespace, name });
        slot.map(|slot| &slot.0)
    }

    /// Records an added or modified object.
    pub(super) fn applied(&mut self, new: &Arc<Entry<V>>) {
        let version = new.resource_version;
        if self.version >= Some(version) {
            return;
        }
        let old = self.remove(&new.key, |_| true);
        self.objects.insert(ByKey(Arc::clone(new)));
        for event in between(old, Some(Arc::clone(new))) {
            self.push(version, event);
        }
    }

    /// Records a deleted object: the one with this uid, or without a uid, any with this key.
    pub(super) fn deleted(&mut self, key: &ObjectKey, uid: Option<&Uid>, version: ResourceVersion) {
        if self.version >= Some(version) {
            return;
        }
        let old = self.remove(key, |current| uid.is_none_or(|uid| current.uid == *uid));
        if let Some(old) = old {
            self.push(version, Event::Deleted(old));
        }
    }

    /// Advances the confirmed version.
    pub(super) fn advance(&mut self, version: ResourceVersion) {
        self.version = self.version.max(Some(version));
    }

    /// Replaces the objects with those of a list. The differences become changes at the version of the list. An object
    /// created and deleted in between leaves no change. Returns the uids of the deleted objects.
    pub(super) fn replaced(&mut self, objects: OrdSet<ByKey<V>>, version: ResourceVersion) -> Vec<Uid> {
        let Some(confirmed) = self.version else {
            self.objects = objects;
            self.version = Some(version);
            self.since = Some(version);
            self.listed = Some(version);
            return Vec::new();
        };
        let events = differences(&self.objects, &objects);
        let deleted = deleted(&events);
        if version < confirmed || (version == confirmed && !events.is_empty()) {
            self.restart(objects, version);
            return deleted;
        }
        // Without differences, the confirmed objects keep sharing their structure with the served ones.
        if !events.is_empty() {
            self.objects = objects;
        }
        if version > confirmed {
            self.version = Some(version);
            self.listed = Some(version);
        }
        for event in events {
            self.push(version, event);
        }
        deleted
    }

    /// Returns the uids of the objects that are missing from `objects`.
    pub(super) fn without(&self, objects: &OrdSet<ByKey<V>>) -> Vec<Uid> {
        deleted(&differences(&self.objects, objects))
    }

    /// Restarts the journal: its state was not that of the API server, so no follower can resume from it.
    pub(super) fn restart(&mut self, objects: OrdSet<ByKey<V>>, version: ResourceVersion) {
        self.untrusted = self.untrusted.max(self.version);
        self.restarts += 1;
        self.objects = objects;
        self.changes = Vector::new();
        self.version = Some(version);
        self.since = Some(version);
        self.listed = Some(version);
    }

    /// Returns the version after which all changes are known.
    pub(super) fn oldest(&self) -> Option<ResourceVersion> {
        self.since
    }

    /// Returns true if the changes after this version are known, for a follower of this journal that has nothing later.
    pub(super) fn knows_after(&self, version: ResourceVersion) -> bool {
        self.since.is_some_and(|since| since <= version)
    }

    /// Returns true if the changes after this version are known, even for a follower of another replica, which may have
    /// later changes: a list that replaces the watch does not report what became of those.
    pub(super) fn knows_each_after(&self, version: ResourceVersion) -> bool {
        self.knows_after(version) && self.has_no_list_after(version)
    }

    /// Returns true if no list has replaced the watch after this version.
    pub(super) fn has_no_list_after(&self, version: ResourceVersion) -> bool {
        self.listed <= Some(version)
    }

    /// Returns true if this version, from any replica, belongs to the current history, and the changes after it are
    /// known.
    pub(super) fn continues(&self, version: ResourceVersion) -> bool {
        self.untrusted < Some(version) && self.knows_each_after(version)
    }

    /// The changes after this version, the latest first.
    pub(super) fn after(&self, version: ResourceVersion) -> impl Iterator<Item = &Change<V>> {
        let latest = self.changes.iter().rev().map(Arc::as_ref);
        latest.take_while(move |change| change.version > version)
    }

    fn remove(&mut self, key: &ObjectKey, is_meant: impl Fn(&Entry<V>) -> bool) -> Option<Arc<Entry<V>>> {
        let (namespace, name) = (key.namespace(), key.name());
        if !self.get(namespace, name).is_some_and(|current| is_meant(current)) {
            return None;
        }
        self.objects
            .remove(&KeyProbe { namespace, name })
            .map(|slot| slot.0)
    }

    fn push(&mut self, version: ResourceVersion, event: Event<V>) {
        self.changes.push_back(Arc::new(Change { version, event }));
        let most = self.capacity.min(self.objects.len().max(MANY_CHANGES));
        while self.changes.len() > most
            && let Some(dropped) = self.changes.pop_front()
        {
            self.since = self.since.max(Some(dropped.version));
        }
    }
}

/// Returns the uids of the objects that the events delete.
fn deleted<V>(events: &[Event<V>]) -> Vec<Uid> {
    let deleted = events.iter().filter_map(|event| match event {
        Event::Deleted(entry) => Some(entry.uid.clone()),
        _ => None,
    });
    deleted.collect()
}
