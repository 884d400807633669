//! The input of a cache.

use crate::object::{ObjectKey, ResourceVersion, Uid};

/// An event of a source, which sends a list, from [`ListStarted`](Self::ListStarted) to [`ListDone`](Self::ListDone),
/// then the changes since. Changes without an earlier list count as complete up to their version. A list that was not
/// started counts as empty.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SourceEvent<K> {
    /// A list begins that replaces the cached objects. Until it is done, readers see the earlier objects.
    ListStarted,
    /// A list that checks the cached objects is about to be requested. The watch goes on. When it has
    /// reached the list's version, the cache repairs and counts the differences.
    CheckStarted,
    /// An object of the list.
    Listed(K),
    /// The list is complete, at this version. Objects that it lacks are gone.
    ListDone(ResourceVersion),
    /// An object was added or modified. During a list that replaces the cached objects, this is part of it.
    Applied(K),
    /// An object was deleted, likewise part of a list in progress. Its `resourceVersion` is that of the deletion.
    Deleted(K),
    /// All events up to this version have been sent.
    Bookmark(ResourceVersion),
    /// An object of the list that cannot be read as a `K`.
    ListedUnreadable {
        /// Its key.
        key: ObjectKey,
        /// Its version.
        version: ResourceVersion,
        /// Why it cannot be read.
        error: String,
    },
    /// An object was added or modified that cannot be read as a `K`.
    Unreadable {
        /// Its key.
        key: ObjectKey,
        /// Its version.
        version: ResourceVersion,
        /// Why it cannot be read.
        error: String,
    },
    /// An object was deleted that cannot be read as a `K`.
    DeletedUnreadable {
        /// Its key.
        key: ObjectKey,
        /// Its uid.
        uid: Uid,
        /// The version of the deletion.
        version: ResourceVersion,
    },
}
