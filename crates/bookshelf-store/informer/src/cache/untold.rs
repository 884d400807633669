//! What readers are shown and the watch has not told yet: what this process wrote and deleted itself.

use imbl::OrdMap;

use super::snapshot::Snapshot;
use super::told::Told;
use super::tombstone::Tombstone;
use crate::object::{ObjectKey, ResourceVersion};

/// What a snapshot shows of a namespace, or of all, that the watch had not told then.
pub(super) struct Untold {
    /// The newest version of what was created or updated.
    written: Option<ResourceVersion>,
    /// What was deleted, at versions that nobody knows.
    deleted: Vec<(ObjectKey, Tombstone)>,
}

impl<V> Snapshot<V> {
    pub(super) fn untold(&self, namespace: Option<&str>) -> Untold {
        let written = self.ahead.iter().flat_map(|ahead| of(ahead, namespace));
        let written = written.map(|(_, version)| *version).max();
        let told = self.told(namespace);
        let deleted =
            of(&self.tombstones, namespace).filter(|(key, tombstone)| !is_told(&told, key, tombstone));
        Untold {
            written,
            deleted: deleted
                .map(|(key, tombstone)| (key.clone(), tombstone.clone()))
                .collect(),
        }
    }
}

impl Untold {
    /// Whether all of it has been told by now.
    pub(super) fn is_told<V>(&self, told: &Told<'_, V>) -> bool {
        let mut deleted = self.deleted.iter();
        (self.written.is_none() || told.version() >= self.written)
            && deleted.all(|(key, tombstone)| is_told(told, key, tombstone))
    }
}

/// Whether an object that we deleted is none that the watch has told to be there.
fn is_told<V>(told: &Told<'_, V>, key: &ObjectKey, tombstone: &Tombstone) -> bool {
    let told = told.get(key.namespace(), key.name());
    told.is_none_or(|entry| !tombstone.buries(entry))
}

/// What a map has of a namespace, or all of it.
fn of<'a, T>(
    map: &'a OrdMap<ObjectKey, T>,
    namespace: Option<&'a str>,
) -> impl Iterator<Item = (&'a ObjectKey, &'a T)> {
    let from = ObjectKey::new(namespace.unwrap_or_default(), "");
    map.range(from..)
        .take_while(move |(key, _)| namespace.is_none_or(|namespace| key.namespace() == namespace))
}
