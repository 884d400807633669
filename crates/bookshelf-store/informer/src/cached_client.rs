//! The calls of a resource, whose responses the cache serves at once.

use kube::api::{Patch, Preconditions};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::{Identity, Reader, Writer, identity};
use crate::connector::{Deleted, Error, Reason, ResourceClient, is_released};
use crate::object::{ObjectKey, ResourceVersion, Uid};

/// The calls of a resource, joined with its cache. The next read of the cache reflects whatever a call has written,
/// deleted or read, and no older event or list that is still in flight undoes it.
///
/// Any number of tasks may call concurrently: of two responses about an object, the newer one wins. The cache has the
/// response before the call returns. Without a response ([`Reason::OutcomeUnknown`], or a dropped future), the write
/// may have happened; the watch confirms it, and [`get`](Self::get) finds out at once.
///
/// A write outside the namespaces of the cache
/// ([`Builder::namespaces`](crate::cache::Builder::namespaces)) is not served. An object that the selectors of
/// the [`ListWatch`](super::ListWatch) do not select is served until the watch has passed its version.
///
/// ```
/// use std::time::Duration;
///
/// use kube_informer::cache::Builder;
/// use kube_informer::{CachedClient, ListWatch};
/// use kube_informer::connector::{Connector, Options};
/// use kube_informer::object::ObjectKey;
/// use k8s_openapi::api::core::v1::ConfigMap;
/// use kube::api::Preconditions;
///
/// # // Run where there is an API server for tests.
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let Some(kubeconfig) = std::env::var_os("BOOKSHELF_TEST_KUBECONFIG") else { return Ok(()) };
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let options = Options::default();
/// # let options = Options { kubeconfig: Some(kubeconfig.into()), ..options };
/// let connector = Connector::infer(options).await?;
/// let config_maps = connector.resource::<ConfigMap>();
/// let (reader, writer) = Builder::new(|map: ConfigMap| map.data.ok_or("it has no data")).build();
/// tokio::spawn(ListWatch::new(config_maps.clone()).run(writer.clone()));
/// reader.wait_synced(Duration::from_secs(30)).await?;
///
/// let config_maps = CachedClient::new(config_maps, writer);
/// let key = ObjectKey::new("default", format!("served-at-once-{}", std::process::id()));
/// let mut map: ConfigMap = serde_json::from_value(serde_json::json!({
///     "metadata": {"name": key.name(), "namespace": key.namespace()},
///     "data": {"first": "value"},
/// }))?;
/// map = config_maps.create(&map).await?;
/// assert!(reader.load().get(key.namespace(), key.name()).is_some());
///
/// map.data.get_or_insert_default().insert("key".to_owned(), "value".to_owned());
/// config_maps.update(&map).await?;
/// let snapshot = reader.snapshot();
/// assert!(snapshot.get(key.namespace(), key.name()).is_some_and(|entry| entry.value.contains_key("key")));
///
/// config_maps.delete(&key, Preconditions::default()).await?;
/// assert!(reader.load().get(key.namespace(), key.name()).is_none());
/// # Ok(())
/// # })
/// # }
/// ```
pub struct CachedClient<K: kube::Resource, V> {
    resource: ResourceClient<K>,
    writer: Writer<K, V>,
}

impl<K: kube::Resource<DynamicType: Clone>, V> Clone for CachedClient<K, V> {
    fn clone(&self) -> Self {
        Self {
            resource: self.resource.clone(),
            writer: self.writer.clone(),
        }
    }
}

impl<K: kube::Resource, V> CachedClient<K, V> {
    /// Joins a resource's calls with its cache, which must be fed separately. Like the objects of a
    /// [`ListWatch`](super::ListWatch), the responses come
    /// [`without_managed_fields`](ResourceClient::without_managed_fields): the cache keeps the first copy of a version.
    pub fn new(resource: ResourceClient<K>, writer: Writer<K, V>) -> Self {
        let resource = resource.without_managed_fields();
        Self { resource, writer }
    }

    /// A reader of the cache.
    #[must_use]
    pub fn reader(&self) -> Reader<V> {
        self.writer.reader()
    }

    /// The calls without the cache.
    #[must_use]
    pub fn resource(&self) -> &ResourceClient<K> {
        &self.resource
    }

    /// The writer of the cache.
    #[must_use]
    pub fn writer(&self) -> &Writer<K, V> {
        &self.writer
    }
}

impl<K: kube::Resource + Clone + DeserializeOwned, V> CachedClient<K, V> {
    /// Gets an object with a quorum read. Afterwards, the cache serves no older version of the object, and none at all
    /// if it does not exist.
    ///
    /// If the cache did not have the object before the call, it may serve an earlier object of the same name until the
    /// watch confirms the deletion of that object.
    pub async fn get(&self, key: &ObjectKey) -> Result<K, Error> {
        let before = Known::of(&self.reader(), key);
        let got = self.resource.get(key).await;
        if let Err(error) = &got
            && matches!(error.reason, Reason::NotFound(_))
        {
            self.observe_gone(key, before, None, None);
        }
        got.map(|object| self.observed(object))
    }

    /// Creates an object as [`ResourceClient::create`] does, and caches the response.
    pub async fn create(&self, object: &K) -> Result<K, Error>
    where
        K: Serialize,
    {
        self.resource
            .create(object)
            .await
            .map(|object| self.observed(object))
    }

    /// Updates an object as [`ResourceClient::update`] does, and caches the response.
    pub async fn update(&self, object: &K) -> Result<K, Error>
    where
        K: Serialize,
    {
        let updated = self.resource.update(object).await;
        updated.map(|object| self.observed_change(object))
    }

    /// Patches an object as [`ResourceClient::patch`] does, and caches the response.
    pub async fn patch<P: Serialize>(&self, key: &ObjectKey, patch: &Patch<P>) -> Result<K, Error> {
        let patched = self.resource.patch(key, patch).await;
        patched.map(|object| self.observed_change(object))
    }

    /// Deletes an object as [`ResourceClient::delete`] does. A deleted object is no longer served, even if another
    /// client deleted it first ([`Reason::NotFound`]). An object with finalizers is served until they have run.
    ///
    /// If the cache did not have the object before the call and no precondition has its version, it may serve an
    /// earlier object of the same name, as after [`get`](Self::get).
    ///
    /// The API server's response lacks the version of the deletion. To wait until the cache serves it, call
    /// [`Writer::deletion_of`] before this method.
    pub async fn delete(&self, key: &ObjectKey, preconditions: Preconditions) -> Result<Deleted<K>, Error> {
        let before = Known::of(&self.reader(), key);
        let uid = preconditions.uid.as_deref().map(Uid::from);
        let version = preconditions.resource_version.as_deref();
        let version = version.and_then(|version| version.parse().ok());
        match self.resource.delete_known(key, preconditions).await {
            Ok((Deleted::Terminating(object), _)) => {
                self.writer.observe(K::clone(&object));
                Ok(Deleted::Terminating(object))
            }
            Ok((Deleted::Gone, answered)) => {
                self.observe_gone(key, before, answered.or(uid), version);
                Ok(Deleted::Gone)
            }
            Err(error) => {
                if matches!(error.reason, Reason::NotFound(_)) {
                    // The object may never have had the version of the precondition.
                    self.observe_gone(key, before, uid, None);
                }
                Err(error)
            }
        }
    }

    fn observed(&self, object: K) -> K {
        // The watch is often faster than the response.
        if !self.writer.serves(&object) {
            self.writer.observe(object.clone());
        }
        object
    }

    /// Caches the response to a change. Removing the last finalizer of a terminating object deletes it.
    fn observed_change(&self, object: K) -> K {
        if is_released(object.meta())
            && let Ok(Identity { key, uid, version }) = identity(&object)
        {
            // Not with the cache's newest version: another object of this name may exist by now.
            self.writer.observe_deleted(&key, uid, version);
            return object;
        }
        self.observed(object)
    }

    /// Records that there is no object of this key. `uid` and `version` are those that it had, if known. `before` is
    /// what the cache had when the request was sent.
    fn observe_gone(
        &self,
        key: &ObjectKey,
        before: Known,
        uid: Option<Uid>,
        version: Option<ResourceVersion>,
    ) {
        if let Some(uid) = uid.or(before.uid) {
            let version = before.version.max(version).unwrap_or(ResourceVersion::LEAST);
            self.writer.observe_deleted(key, uid, version);
        }
    }
}

/// The cached state of an object when a request is sent.
struct Known {
    /// The uid of the object, if the cache had it.
    uid: Option<Uid>,
    /// The newest version that the cache served. The API server handles the request later: if the response reports an
    /// object as gone, it is gone in all versions up to this one.
    version: Option<ResourceVersion>,
}

impl Known {
    fn of<V>(reader: &Reader<V>, key: &ObjectKey) -> Self {
        let snapshot = reader.load();
        let entry = snapshot.get(key.namespace(), key.name());
        Self {
            uid: entry.map(|entry| entry.uid.clone()),
            version: snapshot
                .newest_version()
                .max(entry.map(|entry| entry.resource_version)),
        }
    }
}
