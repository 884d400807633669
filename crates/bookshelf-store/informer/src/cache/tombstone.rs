//! A deleted object's name and version, kept so that no older event brings it back.

use tokio::time::Instant;

use super::contents::Entry;
use crate::object::{ResourceVersion, Uid};

/// An object that this process deleted.
#[derive(Clone)]
pub(super) struct Tombstone {
    pub(super) uid: Uid,
    /// A version from before the deletion. Any object of this name up to this version is the deleted object or a
    /// predecessor.
    pub(super) version: ResourceVersion,
    pub(super) since: Instant,
}

impl Tombstone {
    /// Returns true if `entry` is the deleted object, or an earlier one of its name.
    pub(super) fn buries<V>(&self, entry: &Entry<V>) -> bool {
        entry.uid == self.uid || entry.resource_version <= self.version
    }
}
