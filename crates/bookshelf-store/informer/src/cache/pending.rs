//! Pending writes: writes and deletions of this process that are served and not confirmed yet.

use imbl::OrdMap;

use super::confirmed::Confirmed;
use super::snapshot::Snapshot;
use super::tombstone::Tombstone;
use crate::object::{ObjectKey, ResourceVersion};

/// The pending writes of a snapshot, of a namespace or of all.
pub(super) struct Pending {
    /// The newest version of the creates and updates.
    written: Option<ResourceVersion>,
    /// The deletions, whose versions are not known.
    deleted: Vec<(ObjectKey, Tombstone)>,
}

impl<V> Snapshot<V> {
    pub(super) fn pending(&self, namespace: Option<&str>) -> Pending {
        let written = self.pending.iter().flat_map(|pending| of(pending, namespace));
        let written = written.map(|(_, version)| *version).max();
        let confirmed = self.confirmed(namespace);
        let deleted = of(&self.tombstones, namespace)
            .filter(|(key, tombstone)| !is_confirmed(&confirmed, key, tombstone));
        Pending {
            written,
            deleted: deleted
                .map(|(key, tombstone)| (key.clone(), tombstone.clone()))
                .collect(),
        }
    }
}

impl Pending {
    /// Returns true once all of them are confirmed.
    pub(super) fn is_confirmed<V>(&self, confirmed: &Confirmed<'_, V>) -> bool {
        let mut deleted = self.deleted.iter();
        (self.written.is_none() || confirmed.version() >= self.written)
            && deleted.all(|(key, tombstone)| is_confirmed(confirmed, key, tombstone))
    }
}

/// Returns true if the confirmed state no longer has an object that this process deleted.
fn is_confirmed<V>(confirmed: &Confirmed<'_, V>, key: &ObjectKey, tombstone: &Tombstone) -> bool {
    let confirmed = confirmed.get(key.namespace(), key.name());
    confirmed.is_none_or(|entry| !tombstone.buries(entry))
}

/// Returns the entries of a map in a namespace, or all of them.
fn of<'a, T>(
    map: &'a OrdMap<ObjectKey, T>,
    namespace: Option<&'a str>,
) -> impl Iterator<Item = (&'a ObjectKey, &'a T)> {
    let from = ObjectKey::new(namespace.unwrap_or_default(), "");
    map.range(from..)
        .take_while(move |(key, _)| namespace.is_none_or(|namespace| key.namespace() == namespace))
}
