//! The wire format of the API server: pages of lists, and lines of watches.

use std::collections::BTreeMap;

use kube::core::Status;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::Failure;
use crate::cache::SourceEvent;
use crate::decode::{self, Unmanaged};
use crate::object::{ObjectKey, ResourceVersion, Uid};

/// Marks the bookmark that ends the initial events of a streaming list
/// ([KEP-3157](https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/3157-watch-list)).
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// A page of a list with its objects undecoded, so that one that cannot be read does not affect the others.
#[derive(Deserialize)]
pub(super) struct Page<'a> {
    pub(super) metadata: PageMetadata,
    /// Absent and null mean an empty list: API servers written in Go may send null.
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

impl<'a> Page<'a> {
    /// Returns the metadata of the page, and its objects.
    pub(super) fn into_parts(self) -> (PageMetadata, impl Iterator<Item = &'a RawValue>) {
        (self.metadata, self.items.into_iter().flatten())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageMetadata {
    pub(super) resource_version: String,
    #[serde(rename = "continue", default)]
    pub(super) continue_token: String,
}

/// A line of a watch.
pub(super) enum Line<K> {
    /// An added or modified object, and its version.
    Applied(K, Option<String>),
    /// A deleted object, and the version of the deletion.
    Deleted(K, Option<String>),
    /// A deleted object that cannot be read.
    DeletedUnreadable(Unreadable, Uid),
    /// A changed object that cannot be read. `None` if not even its metadata can be read.
    Unreadable(Option<Unreadable>),
    /// All events up to this version have been sent.
    Bookmark {
        version: String,
        ends_initial_events: bool,
    },
}

impl<K> Line<K> {
    /// Returns the line for a deleted object that cannot be read. Without a uid, the object counts as changed.
    fn deleted_unreadable(mut unreadable: Unreadable) -> Self {
        match unreadable.uid.take() {
            Some(uid) => Self::DeletedUnreadable(unreadable, uid),
            None => Self::Unreadable(Some(unreadable)),
        }
    }
}

/// An object that cannot be read.
pub(super) struct Unreadable {
    pub(super) key: ObjectKey,
    pub(super) uid: Option<Uid>,
    pub(super) version: ResourceVersion,
    pub(super) error: String,
}

/// Returns the event of a listed object that cannot be read.
pub(super) fn not_listed<K>(unreadable: Unreadable) -> SourceEvent<K> {
    let Unreadable {
        key, version, error, ..
    } = unreadable;
    SourceEvent::ListedUnreadable { key, version, error }
}

/// Returns the event of a changed object that cannot be read.
pub(super) fn not_applied<K>(unreadable: Unreadable) -> SourceEvent<K> {
    let Unreadable {
        key, version, error, ..
    } = unreadable;
    SourceEvent::Unreadable { key, version, error }
}

/// The metadata that every object has, even if the rest of it cannot be read.
#[derive(Deserialize)]
struct Skeleton {
    metadata: SkeletonMetadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SkeletonMetadata {
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
    uid: Option<String>,
    resource_version: String,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// Reads an object. The error identifies the object, unless not even its metadata can be read.
pub(super) fn read_object<K: DeserializeOwned>(object: &RawValue) -> Result<K, Option<Unreadable>> {
    decode::object(object.get()).map_err(|error| {
        let Skeleton { metadata } = serde_json::from_str(object.get()).ok()?;
        let version = metadata.resource_version.parse().ok()?;
        let key = ObjectKey::new(metadata.namespace, metadata.name);
        Some(Unreadable {
            key,
            uid: metadata.uid.as_deref().map(Uid::from),
            version,
            error: error.to_string(),
        })
    })
}

/// Reads a line of a watch. An `ERROR` event of the API server is a failure.
pub(super) fn read_line<K: kube::Resource + DeserializeOwned>(line: &str) -> Result<Line<K>, Failure> {
    #[derive(Deserialize)]
    struct Change<'a, K: DeserializeOwned> {
        #[serde(rename = "type")]
        kind: &'a str,
        #[serde(bound(deserialize = "K: DeserializeOwned"))]
        object: Unmanaged<K>,
    }

    // Nearly all lines are changes, which are read in one pass. The others are read again, in two steps.
    if let Ok(Change { kind, object }) = serde_json::from_str(line)
        && let Some(line) = change(kind, object.0)
    {
        return Ok(line);
    }
    read_in_steps(line)
}

/// Returns the line of a change; `None` for other types of events.
fn change<K: kube::Resource>(kind: &str, object: K) -> Option<Line<K>> {
    let version = object.meta().resource_version.clone();
    match kind {
        "ADDED" | "MODIFIED" => Some(Line::Applied(object, version)),
        "DELETED" => Some(Line::Deleted(object, version)),
        _ => None,
    }
}

fn read_in_steps<K: kube::Resource + DeserializeOwned>(line: &str) -> Result<Line<K>, Failure> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(rename = "type")]
        kind: &'a str,
        #[serde(borrow)]
        object: &'a RawValue,
    }

    let Envelope { kind, object } = serde_json::from_str(line).map_err(Failure::unreadable)?;
    match kind {
        "ERROR" => {
            let status: Status = serde_json::from_str(object.get()).map_err(Failure::unreadable)?;
            Err(Failure::ended(status))
        }
        "BOOKMARK" => {
            let Skeleton { metadata } = serde_json::from_str(object.get()).map_err(Failure::unreadable)?;
            let ends_initial_events = metadata
                .annotations
                .get(INITIAL_EVENTS_END)
                .is_some_and(|end| end == "true");
            Ok(Line::Bookmark {
                version: metadata.resource_version,
                ends_initial_events,
            })
        }
        _ => Ok(match read_object::<K>(object) {
            Ok(object) => change(kind, object)
                .ok_or_else(|| Failure::unreadable(format_args!("an event of the unknown type {kind:?}")))?,
            Err(Some(unreadable)) if kind == "DELETED" => Line::deleted_unreadable(unreadable),
            Err(unreadable) => Line::Unreadable(unreadable),
        }),
    }
}
