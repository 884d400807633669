//! The calls for one resource.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{
    DeleteParams, GetParams, ListParams, ObjectList, Patch, PatchParams, PostParams, Preconditions,
    WatchParams,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Instrument as _;

use super::transport::Transport;
use super::{Error, PriorityLevel, Reason};
use crate::decode;
use crate::metrics::{CallMetrics, Metrics, ResourceMetrics};
use crate::object::{ObjectKey, Uid};

/// Get, list, create, update, patch and delete of one resource. Created by
/// [`Connector::resource`](super::Connector::resource).
///
/// Every call sends one request, which is repeated only if nothing was written, and ends before the connector's
/// deadline.
pub struct ResourceClient<K: kube::Resource> {
    transport: Arc<Transport>,
    dynamic_type: K::DynamicType,
    name: Arc<str>,
    counted: Arc<ResourceMetrics>,
    level: PriorityLevel,
    skips_managed_fields: bool,
}

impl<K: kube::Resource<DynamicType: Clone>> Clone for ResourceClient<K> {
    fn clone(&self) -> Self {
        Self {
            transport: Arc::clone(&self.transport),
            dynamic_type: self.dynamic_type.clone(),
            name: Arc::clone(&self.name),
            counted: Arc::clone(&self.counted),
            level: self.level,
            skips_managed_fields: self.skips_managed_fields,
        }
    }
}

/// The outcome of a delete.
#[derive(Debug)]
pub enum Deleted<K> {
    /// The object is gone.
    Gone,
    /// The object has a `deletionTimestamp` and still exists, until its finalizers have run and its grace period is
    /// over.
    Terminating(Box<K>),
}

impl<K: kube::Resource> ResourceClient<K> {
    pub(super) fn new(transport: Arc<Transport>, dynamic_type: K::DynamicType) -> Self {
        let (plural, group) = (K::plural(&dynamic_type), K::group(&dynamic_type));
        let name: Arc<str> = if group.is_empty() {
            plural.into()
        } else {
            format!("{plural}.{group}").into()
        };
        Self {
            counted: Arc::new(transport.metrics.requests(&name)),
            transport,
            dynamic_type,
            name,
            level: PriorityLevel::default(),
            skips_managed_fields: false,
        }
    }

    /// Returns the same calls, where get, create, update and patch return objects without `metadata.managedFields`:
    /// reading these takes longer than the rest of a small object, and few callers need them.
    #[must_use]
    pub fn without_managed_fields(mut self) -> Self {
        self.skips_managed_fields = true;
        self
    }

    /// Returns the same calls in another priority level.
    #[must_use]
    pub fn with_priority_level(mut self, level: PriorityLevel) -> Self {
        self.level = level;
        self
    }

    /// Returns the resource's plural and group, as in `deployments.apps`.
    #[must_use]
    pub fn name(&self) -> String {
        self.name.to_string()
    }

    /// Returns the metrics of this connector.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.transport.metrics
    }

    /// Waits for the next successful answer to any request of the connector from now on.
    pub(crate) fn next_success(&self) -> impl Future<Output = ()> {
        self.transport.next_success()
    }

    /// Returns one page of a list, unparsed. It has its own deadline, since a page takes longer than an object.
    pub(crate) async fn list_page(
        &self,
        namespace: Option<&str>,
        parameters: &ListParams,
        deadline: Duration,
    ) -> Result<Bytes, Error> {
        let call = self.call(&self.counted.list, namespace.unwrap_or_default(), "");
        let request = self.request(namespace).list(parameters);
        let request = request.map_err(|error| call.malformed(&error))?;
        self.transport
            .call_without_turn(request, deadline, call.counted)
            .instrument(call.span())
            .await
            .map_err(|reason| call.failed(reason))
    }

    /// Returns one page of a list, unparsed, within the connector's deadline and limits.
    pub(crate) async fn list_unparsed(
        &self,
        namespace: Option<&str>,
        parameters: &ListParams,
    ) -> Result<Bytes, Error> {
        let call = self.call(&self.counted.list, namespace.unwrap_or_default(), "");
        call.send_raw(|request| request.list(parameters)).await
    }

    /// Opens a watch and returns its answer, unparsed. The deadline applies only to the answer's head.
    pub(crate) async fn watch(
        &self,
        namespace: Option<&str>,
        parameters: &WatchParams,
        version: &str,
    ) -> Result<Response<Incoming>, Error> {
        let call = self.call(&self.counted.watch, namespace.unwrap_or_default(), "");
        let request = self.request(namespace).watch(parameters, version);
        let request = request.map_err(|error| call.malformed(&error))?;
        self.transport
            .open_without_turn(request, call.counted)
            .instrument(call.span())
            .await
            .map_err(|reason| call.failed(reason))
    }

    fn request(&self, namespace: Option<&str>) -> kube::core::Request {
        let namespace = namespace.filter(|namespace| !namespace.is_empty());
        kube::core::Request::new(K::url_path(&self.dynamic_type, namespace))
    }

    fn call<'a>(&'a self, counted: &'a CallMetrics, namespace: &'a str, name: &'a str) -> Call<'a, K> {
        Call {
            resource: self,
            counted,
            namespace,
            name,
        }
    }
}

impl<K: kube::Resource + DeserializeOwned> ResourceClient<K> {
    /// Returns the object with this key, by a quorum read from etcd.
    pub async fn get(&self, key: &ObjectKey) -> Result<K, Error> {
        let call = self.call(&self.counted.get, key.namespace(), key.name());
        call.send_for_object(|request| request.get(key.name(), &GetParams::default()))
            .await
    }

    /// Returns the objects of a namespace, or of all (`None`): one page if `parameters` has a limit.
    pub async fn list(&self, namespace: Option<&str>, parameters: &ListParams) -> Result<ObjectList<K>, Error>
    where
        K: Clone,
    {
        let call = self.call(&self.counted.list, namespace.unwrap_or_default(), "");
        call.send(|request| request.list(parameters)).await
    }

    /// Creates an object in the namespace that its metadata names, and returns the stored object. A namespaced object
    /// without a namespace is a [`Reason::NotFound`].
    pub async fn create(&self, object: &K) -> Result<K, Error>
    where
        K: Serialize,
    {
        let meta = object.meta();
        let call = self.call(
            &self.counted.create,
            meta.namespace.as_deref().unwrap_or_default(),
            meta.name.as_deref().unwrap_or_default(),
        );
        let body = serde_json::to_vec(object).map_err(|error| call.malformed(&error))?;
        call.send_for_object(|request| request.create(&self.post_parameters(), body))
            .await
    }

    /// Replaces an object (PUT) if it still has the resourceVersion that the new metadata names. The API server refuses
    /// a custom resource without one.
    pub async fn update(&self, object: &K) -> Result<K, Error>
    where
        K: Serialize,
    {
        let meta = object.meta();
        let name = meta.name.as_deref().unwrap_or_default();
        let call = self.call(
            &self.counted.update,
            meta.namespace.as_deref().unwrap_or_default(),
            name,
        );
        let body = serde_json::to_vec(object).map_err(|error| call.malformed(&error))?;
        call.send_for_object(|request| request.replace(name, &self.post_parameters(), body))
            .await
    }

    /// Changes parts of an object. A merge patch with a `metadata.resourceVersion` applies only to that version: at
    /// another version, the call fails with [`Reason::Conflict`].
    pub async fn patch<P: Serialize>(&self, key: &ObjectKey, patch: &Patch<P>) -> Result<K, Error> {
        let parameters = PatchParams {
            field_manager: Some(self.transport.field_manager.clone()),
            ..Default::default()
        };
        let call = self.call(&self.counted.patch, key.namespace(), key.name());
        call.send_for_object(|request| request.patch(key.name(), &parameters, patch))
            .await
    }

    /// Deletes the object with this key if it meets the preconditions. Otherwise fails with [`Reason::Conflict`].
    pub async fn delete(&self, key: &ObjectKey, preconditions: Preconditions) -> Result<Deleted<K>, Error> {
        let (deleted, _) = self.delete_known(key, preconditions).await?;
        Ok(deleted)
    }

    /// Deletes an object. If it is gone, also returns its uid, if the answer has that.
    pub(crate) async fn delete_known(
        &self,
        key: &ObjectKey,
        preconditions: Preconditions,
    ) -> Result<(Deleted<K>, Option<Uid>), Error> {
        #[derive(serde::Deserialize)]
        struct Answer {
            kind: String,
            details: Option<Details>,
        }
        #[derive(serde::Deserialize)]
        struct Details {
            uid: Option<String>,
        }

        let call = self.call(&self.counted.delete, key.namespace(), key.name());
        let parameters = DeleteParams::background().preconditions(preconditions);
        let body = call
            .send_raw(|request| request.delete(key.name(), &parameters))
            .await?;
        let answer: Answer = serde_json::from_slice(&body).map_err(|error| call.unreadable(&error))?;
        if answer.kind == "Status" {
            let uid = answer.details.and_then(|details| details.uid);
            return Ok((Deleted::Gone, uid.as_deref().map(Uid::from)));
        }
        let object: K = serde_json::from_slice(&body).map_err(|error| call.unreadable(&error))?;
        // For some built-in resources, the API server returns the object that is gone.
        if is_gone(object.meta()) {
            return Ok((Deleted::Gone, object.meta().uid.as_deref().map(Uid::from)));
        }
        Ok((Deleted::Terminating(Box::new(object)), None))
    }

    fn post_parameters(&self) -> PostParams {
        PostParams {
            field_manager: Some(self.transport.field_manager.clone()),
            ..Default::default()
        }
    }
}

/// A call in progress, which its errors name.
struct Call<'a, K: kube::Resource> {
    resource: &'a ResourceClient<K>,
    counted: &'a CallMetrics,
    namespace: &'a str,
    name: &'a str,
}

impl<K: kube::Resource> Call<'_, K> {
    async fn send<T: DeserializeOwned>(
        &self,
        build: impl FnOnce(kube::core::Request) -> Result<Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<T, Error> {
        let body = self.send_raw(build).await?;
        serde_json::from_slice(&body).map_err(|error| self.unreadable(&error))
    }

    async fn send_for_object(
        &self,
        build: impl FnOnce(kube::core::Request) -> Result<Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<K, Error>
    where
        K: DeserializeOwned,
    {
        let body = self.send_raw(build).await?;
        let object = if self.resource.skips_managed_fields {
            decode::object_from_slice(&body)
        } else {
            serde_json::from_slice(&body)
        };
        object.map_err(|error| self.unreadable(&error))
    }

    async fn send_raw(
        &self,
        build: impl FnOnce(kube::core::Request) -> Result<Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<Bytes, Error> {
        for segment in [self.namespace, self.name] {
            if !is_path_segment(segment) {
                return Err(self.malformed(&format_args!("{segment:?} cannot be part of a path")));
            }
        }
        let request =
            build(self.resource.request(Some(self.namespace))).map_err(|error| self.malformed(&error))?;
        let transport = &self.resource.transport;
        transport
            .call(request, self.resource.level, self.counted)
            .instrument(self.span())
            .await
            .map_err(|reason| self.failed(reason))
    }

    /// Returns a span for the time of the call, or for the time until a watch is open.
    fn span(&self) -> tracing::Span {
        let (verb, resource) = (self.counted.verb(), &*self.resource.name);
        tracing::debug_span!(
            "kubernetes",
            // For traces, in which the API server has its own span.
            otel.name = format!("{verb} {resource}"),
            otel.kind = "client",
            verb,
            resource,
            self.namespace,
            self.name
        )
    }

    fn failed(&self, reason: Reason) -> Error {
        Error::new(self, reason)
    }

    fn malformed(&self, error: &dyn fmt::Display) -> Error {
        self.failed(Reason::Malformed(error.to_string()))
    }

    fn unreadable(&self, error: &dyn fmt::Display) -> Error {
        self.failed(Reason::Unreadable(error.to_string()))
    }
}

impl<K: kube::Resource> fmt::Display for Call<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.counted.verb(), self.resource.name)?;
        for part in [self.namespace, self.name] {
            if !part.is_empty() {
                write!(f, "/{part}")?;
            }
        }
        Ok(())
    }
}

/// Returns true if the object in the answer to a delete no longer exists.
fn is_gone(deleted: &ObjectMeta) -> bool {
    deleted.deletion_timestamp.is_none() || is_released(deleted)
}

/// Returns true if the object in the answer to a delete or a change is deleted and no longer exists: its grace period
/// is zero, and it has no finalizers. (A namespace does not show this: it has no grace period, and its finalizers are
/// in its spec.)
pub(crate) fn is_released(meta: &ObjectMeta) -> bool {
    let finalizers = meta.finalizers.as_deref().unwrap_or_default();
    meta.deletion_timestamp.is_some()
        && meta.deletion_grace_period_seconds == Some(0)
        && finalizers.is_empty()
}

/// Returns true if a name is one segment of the request's path, into which kube puts names unescaped. Accepts a little
/// more than Kubernetes' rule, which the API server checks.
fn is_path_segment(name: &str) -> bool {
    name != "."
        && name != ".."
        && name
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"/%?#\\".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::is_path_segment;

    #[test]
    fn a_name_cannot_leave_its_place_in_the_path() {
        for good in ["", "name", "a.b", "system:node", "ns-1"] {
            assert!(is_path_segment(good), "{good}");
        }
        for bad in ["..", ".", "a/b", "a%2fb", "a?b", "a#b", "a b", "ä", "a\n"] {
            assert!(!is_path_segment(bad), "{bad}");
        }
    }
}
