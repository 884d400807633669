//! The pending writes of one source.

use std::collections::BTreeSet;

use imbl::OrdMap;

use crate::object::{ObjectKey, ResourceVersion};

/// The local writes that one source has not confirmed yet, by key and by version: the cost of finding those that the
/// watch has passed depends on their number, not on that of all pending writes.
#[derive(Default)]
pub(crate) struct PendingWrites {
    versions: OrdMap<ObjectKey, ResourceVersion>,
    order: BTreeSet<(ResourceVersion, ObjectKey)>,
}

impl PendingWrites {
    /// A copy of the current versions.
    pub(crate) fn versions(&self) -> OrdMap<ObjectKey, ResourceVersion> {
        self.versions.clone()
    }

    pub(super) fn get(&self, key: &ObjectKey) -> Option<ResourceVersion> {
        self.versions.get(key).copied()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.versions.keys()
    }

    /// Adds a write of this version. The responses to two local writes may arrive in any order: the newer one counts.
    pub(super) fn wrote(&mut self, key: &ObjectKey, version: ResourceVersion) {
        let before = self.get(key);
        if before >= Some(version) {
            return;
        }
        if let Some(before) = before {
            self.order.remove(&(before, key.clone()));
        }
        self.versions.insert(key.clone(), version);
        self.order.insert((version, key.clone()));
    }

    /// Removes the write of an object that the watch has confirmed up to this version.
    pub(super) fn confirm(&mut self, key: &ObjectKey, version: ResourceVersion) {
        if let Some(ours) = self.get(key).filter(|ours| *ours <= version) {
            self.versions.remove(key);
            self.order.remove(&(ours, key.clone()));
        }
    }

    /// Removes and returns the writes that are no newer than this version.
    pub(super) fn take_passed(&mut self, version: ResourceVersion) -> Vec<(ResourceVersion, ObjectKey)> {
        let mut passed = Vec::new();
        while self.order.first().is_some_and(|(ours, _)| *ours <= version) {
            passed.extend(self.order.pop_first());
        }
        for (_, key) in &passed {
            self.versions.remove(key);
        }
        passed
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(version: usize) -> ResourceVersion {
        version.to_string().parse().unwrap()
    }

    fn key(number: usize) -> ObjectKey {
        ObjectKey::new("ns", format!("{number:06}"))
    }

    /// The number of writes of a service whose watch is interrupted for some minutes. Once, each event scanned all of them.
    #[test]
    fn each_event_takes_out_the_writes_that_it_has_passed_and_leaves_the_rest() {
        const MANY: usize = 20_000;
        let mut pending = PendingWrites::default();
        for number in 1..=MANY {
            pending.wrote(&key(number), version(number * 2));
        }
        for number in 1..=MANY {
            if number % 2 == 0 {
                pending.confirm(&key(number), version(number * 2));
                assert!(pending.take_passed(version(number * 2)).is_empty());
            } else {
                let passed = pending.take_passed(version(number * 2 + 1));
                assert_eq!(passed, [(version(number * 2), key(number))]);
            }
            assert_eq!(
                (pending.versions.len(), pending.order.len()),
                (MANY - number, MANY - number)
            );
        }
    }

    #[test]
    fn the_newer_of_two_writes_to_an_object_is_pending() {
        let mut pending = PendingWrites::default();
        for written in [5, 9, 7] {
            pending.wrote(&key(1), version(written));
        }
        pending.confirm(&key(1), version(8));
        assert!(pending.take_passed(version(8)).is_empty());
        assert_eq!(pending.get(&key(1)), Some(version(9)));
        assert_eq!(pending.take_passed(version(9)), [(version(9), key(1))]);
        assert!(pending.versions.is_empty() && pending.order.is_empty());
    }
}
