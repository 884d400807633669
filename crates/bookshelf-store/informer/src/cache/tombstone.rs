//! A deleted object's name and version, kept so that no older event brings it back.

use tokio::time::Instant;

use super::contents::Entry;
use crate::object::{ResourceVersion, Uid};

/// An object we deleted.
#[derive(Clone)]
pub(super) struct Tombstone {
    pub(super) uid: Uid,
    /// One from before it was deleted. Whatever of its name is not newer is it, or came before it.
    pub(super) version: ResourceVersion,
    pub(super) since: Instant,
}

impl Tombstone {
    /// Returns true if this is the object, or an earlier one of its name.
    pub(super) fn buries<V>(&self, entry: &Entry<V>) -> bool {
        entry.uid == self.uid || entry.resource_version <= self.version
    }
}
