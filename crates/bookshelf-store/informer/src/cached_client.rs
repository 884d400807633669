//! A resource's calls, whose answers the cache has at once.

use kube::api::{Patch, Preconditions};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::{Identity, Reader, Writer, identity};
use crate::connector::{Deleted, Error, Reason, ResourceClient, is_released};
use crate::object::{ObjectKey, ResourceVersion, Uid};

/// The calls for a resource, joined with the cache of it: what one of them has written or read is in the next read of
/// the cache, deletes included, and no older event or list that is still on its way undoes it.
///
/// Any number of tasks may call at a time, in any order: the newer one of two responses about an object stays. The cache
/// takes a response in before the call returns. Without a response ([`Reason::OutcomeUnknown`], or the future was
/// dropped), the write may have happened, and the watch confirms it; [`get`](Self::get) does so at once.
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
    /// Joins a resource's calls with its cache, which something else has to feed. Their responses come
    /// [`without_managed_fields`](ResourceClient::without_managed_fields), as the objects of a
    /// [`ListWatch`](super::ListWatch) do: the cache keeps the first copy of a version.
    pub fn new(resource: ResourceClient<K>, writer: Writer<K, V>) -> Self {
        let resource = resource.without_managed_fields();
        Self { resource, writer }
    }

    /// A reader of the cache.
    #[must_use]
    pub fn reader(&self) -> Reader<V> {
        self.writer.reader()
    }

    /// The calls alone.
    #[must_use]
    pub fn resource(&self) -> &ResourceClient<K> {
        &self.resource
    }

    /// The cache's writing side.
    #[must_use]
    pub fn writer(&self) -> &Writer<K, V> {
        &self.writer
    }
}

impl<K: kube::Resource + Clone + DeserializeOwned, V> CachedClient<K, V> {
    /// Reads the object of this key from etcd's quorum. Afterwards the cache serves no older version of it, and none if there
    /// is no object.
    ///
    /// If the cache has not had the object yet, it may serve an earlier object of the same name until the watch confirms
    /// that one's deletion.
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

    /// Creates an object as [`ResourceClient::create`] does, and puts the answer into the cache.
    pub async fn create(&self, object: &K) -> Result<K, Error>
    where
        K: Serialize,
    {
        self.resource
            .create(object)
            .await
            .map(|object| self.observed(object))
    }

    /// Updates an object as [`ResourceClient::update`] does, and puts the answer into the cache.
    pub async fn update(&self, object: &K) -> Result<K, Error>
    where
        K: Serialize,
    {
        let updated = self.resource.update(object).await;
        updated.map(|object| self.observed_change(object))
    }

    /// Patches an object as [`ResourceClient::patch`] does, and puts the answer into the cache.
    pub async fn patch<P: Serialize>(&self, key: &ObjectKey, patch: &Patch<P>) -> Result<K, Error> {
        let patched = self.resource.patch(key, patch).await;
        patched.map(|object| self.observed_change(object))
    }

    /// Deletes an object as [`ResourceClient::delete`] does. A deleted object is not served any more, also if another client
    /// has deleted it before ([`Reason::NotFound`]); an object with finalizers is served as it is while they run.
    ///
    /// If the cache has not had the object yet and no precondition has its version, an earlier one of its name may be
    /// served until the watch confirms its deletion, too.
    ///
    /// The API server's response does not have the version of the deletion. To learn it, wait for it with
    /// [`Writer::deletion_of`], beginning before this call.
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
                    // It may never have had the version of the precondition.
                    self.observe_gone(key, before, uid, None);
                }
                Err(error)
            }
        }
    }

    fn observed(&self, object: K) -> K {
        // The watch is often faster than the answer.
        if !self.writer.serves(&object) {
            self.writer.observe(object.clone());
        }
        object
    }

    /// Takes in the answer to a change. One that removes the last finalizer of a deleted object has deleted it.
    fn observed_change(&self, object: K) -> K {
        if is_released(object.meta())
            && let Ok(Identity { key, uid, version }) = identity(&object)
        {
            // Not up to the cache's newest version: by now there may be another object of this name.
            self.writer.observe_deleted(&key, uid, version);
            return object;
        }
        self.observed(object)
    }

    /// Records that there is no object of this key: it had this uid and version, if they are known, and the cache had
    /// `before` when the request was sent.
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

/// The cached state of an object at the time of a request.
struct Known {
    /// The object's, if it was there.
    uid: Option<Uid>,
    /// The newest version of anything. The API server handled the request after it: an object that is gone by its response
    /// is gone in all versions up to this one.
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
