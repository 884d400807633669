//! The objects that exist when a stream begins, in the order of versions and in parts.

use std::sync::Arc;

use super::{ConfirmedState, EventKind, StreamEvent, StreamId, Topic};
use crate::cache::Entry;
use crate::object::ResourceVersion;

/// The minimum size of a part; as small as possible in tests, which need several parts.
const PART: usize = if cfg!(test) { 1 } else { 1024 };
/// The number of parts of a large list.
const PARTS: usize = 32;

/// The progress of a list.
///
/// It holds no objects: each part is read from the current state. An object that has changed since the beginning has a
/// later version, and follows after the list, as deletions do.
pub(super) struct InitialList {
    /// The version of the last object that was returned.
    sent: Option<ResourceVersion>,
    /// The latest version at the beginning; `None`: there were no objects.
    until: Option<ResourceVersion>,
}

impl InitialList {
    pub(super) fn of<T>(objects: &[&Arc<Entry<T>>]) -> Self {
        Self {
            sent: None,
            until: objects.iter().map(|object| object.resource_version).max(),
        }
    }

    /// Returns the next part; empty at the end. `reached` is the id of a client that has the whole list.
    pub(super) fn next<V, S: Topic<V>>(
        &mut self,
        confirmed: &ConfirmedState<'_, V>,
        topic: &S,
        reached: StreamId,
    ) -> Vec<StreamEvent<S::Item>> {
        if self.sent >= self.until {
            return Vec::new();
        }
        let mut objects = topic.objects(confirmed);
        let part = PART.max(objects.len() / PARTS);
        objects.retain(|object| {
            let version = Some(object.resource_version);
            self.sent < version && version <= self.until
        });
        if objects.len() > part {
            objects.select_nth_unstable_by_key(part, |object| object.resource_version);
            objects.truncate(part);
        }
        objects.sort_unstable_by_key(|object| object.resource_version);
        self.sent = objects
            .last()
            .map_or(self.until, |last| Some(last.resource_version));
        let events = objects.into_iter().map(|object| StreamEvent {
            kind: EventKind::Created(topic.item(confirmed, object)),
            id: Some(reached.no_later_than(S::RESOURCE, object.resource_version)),
        });
        events.collect()
    }
}
