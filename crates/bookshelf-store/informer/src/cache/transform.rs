//! The transform and the text of a cache, and the objects that it leaves out.

use std::error::Error as StdError;
use std::sync::Arc;

use crate::object::{ObjectKey, ResourceVersion};

pub(super) type BoxError = Box<dyn StdError + Send + Sync>;
pub(super) type Transform<K, V> = Arc<dyn Fn(K) -> Result<V, BoxError> + Send + Sync>;
pub(super) type Text<K> = Arc<dyn Fn(&K) -> String + Send + Sync>;

/// Makes the cached value and text of an object.
pub(super) struct Maker<K, V> {
    pub(super) transform: Transform<K, V>,
    pub(super) text: Option<Text<K>>,
}

impl<K, V> Maker<K, V> {
    /// Returns the value of an object, and its text, if the cache keeps texts.
    pub(super) fn make(&self, object: K) -> Result<(V, Option<String>), BoxError> {
        let text = self.text.as_ref().map(|text| text(&object));
        Ok(((self.transform)(object)?, text))
    }
}

impl<K, V> Clone for Maker<K, V> {
    fn clone(&self) -> Self {
        Self {
            transform: Arc::clone(&self.transform),
            text: self.text.clone(),
        }
    }
}

/// An object that is left out of a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftOut {
    /// The key of the object. A missing namespace or name is empty.
    pub key: ObjectKey,
    /// Its version; `None` if its metadata cannot be used.
    pub resource_version: Option<ResourceVersion>,
    /// Why it is left out: it cannot be read, or the transform or an index refuses it.
    pub error: String,
}

/// The hook that is called for each object left out.
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
