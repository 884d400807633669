//! The transform of a cache, and the objects that it leaves out.

use std::error::Error as StdError;
use std::sync::Arc;

use crate::object::{ObjectKey, ResourceVersion};

pub(super) type BoxError = Box<dyn StdError + Send + Sync>;
pub(super) type Transform<K, V> = Arc<dyn Fn(K) -> Result<V, BoxError> + Send + Sync>;

/// An object that is left out of a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftOut {
    /// The key of the object; with empty names if it has none.
    pub key: ObjectKey,
    /// Its version, if it says one.
    pub resource_version: Option<ResourceVersion>,
    /// Why it is left out: it cannot be read, or the transform or an index refuses it.
    pub error: String,
}

/// The hook that is called for each.
pub(super) type LeftOutHook = dyn Fn(&LeftOut) + Send + Sync;

impl LeftOut {
    pub(super) fn new(key: ObjectKey, resource_version: Option<ResourceVersion>, error: String) -> Self {
        let version = resource_version.map(tracing::field::display);
        tracing::warn!(%key, version, error, "leaving an object out of the cache");
        Self {
            key,
            resource_version,
            error,
        }
    }
}
