//! A typed connector to the API server: get, list, create, update, patch and delete for any resource,
//! namespaced or cluster-scoped.
//!
//! It takes the place of [`kube::Client`], on the same layers, and differs from [`kube::Api`] by the needs of a service that
//! answers requests:
//!
//! - every call has a deadline, waiting for its turn included;
//! - kube's own retry is off: it repeats a POST whose answer was lost, and up to 15 times. Here a request is
//!   repeated only when nothing was written ([`Reason::Unavailable`]), a few times, with jitter, within the
//!   deadline;
//! - a write whose answer was lost is [`Reason::OutcomeUnknown`], never a failure;
//! - the requests in flight are limited ([`Options::max_in_flight`]), first come, first served, each [`PriorityLevel`]
//!   with a share of its own, and on demand those of a second, as client-go does it ([`Options::qps`],
//!   [`Options::burst`]). A call whose turn cannot come before its deadline is refused at once
//!   ([`Reason::Overloaded`]).
//!
//! ```
//! use kube_informer::connector::{Connector, Options};
//! use kube_informer::object::ObjectKey;
//! use k8s_openapi::api::core::v1::Namespace;
//!
//! # // Run where there is an API server for tests.
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let Some(kubeconfig) = std::env::var_os("BOOKSHELF_TEST_KUBECONFIG") else { return Ok(()) };
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let options = Options::default();
//! # let options = Options { kubeconfig: Some(kubeconfig.into()), ..options };
//! let connector = Connector::infer(options).await?;
//! let namespaces = connector.resource::<Namespace>();
//! let namespace = namespaces.get(&ObjectKey::cluster_scoped("default")).await?;
//! println!("there since {:?}", namespace.metadata.creation_timestamp);
//! # assert!(namespace.metadata.creation_timestamp.is_some());
//! # Ok(())
//! # })
//! # }
//! ```

mod clients;
mod error;
mod events;
mod kubeconfig;
mod limits;
mod proxy;
mod resource;
mod transport;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use http::header::USER_AGENT;

use crate::metrics::Metrics;
use clients::Clients;
pub use error::explanation;
pub use error::{Error, Reason};
pub use events::{Event, EventType, Events};
pub use limits::{PriorityLevel, RateLimiter};
pub(crate) use resource::is_released;
pub use resource::{Deleted, ResourceClient};
pub(crate) use transport::jittered;

/// The settings of a [`Connector`]: its way to the API server, deadlines and limits.
#[derive(Clone, Debug)]
pub struct Options {
    /// The kubeconfig file. `None`: `KUBECONFIG`, `~/.kube/config`, then the Pod's own ServiceAccount.
    pub kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context. `None`: its current one.
    pub context: Option<String>,
    /// The longest time of a call, from the request for it to its response: waiting for its turn, connecting and retries
    /// included.
    pub deadline: Duration,
    /// The most requests in flight at once, of which each [`PriorityLevel`] has a share of one at least. The lists and
    /// watches that feed caches, and Events, do not count.
    pub max_in_flight: u32,
    /// Requests per second in the long run; 0 or less: no limit, as Kubernetes advises where the API server has
    /// [Priority and Fairness](https://kubernetes.io/docs/concepts/cluster-administration/flow-control/).
    pub qps: f64,
    /// The number of requests that may follow each other at once, where `qps` is a limit. Each [`PriorityLevel`] has its
    /// share of both.
    pub burst: u32,
    /// The name of the client: the `User-Agent`, and the manager of the fields that it writes. The default is the program's
    /// file name, as in client-go.
    pub client_name: String,
    /// The metrics of requests and caches.
    pub metrics: Metrics,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            kubeconfig: None,
            context: None,
            deadline: Duration::from_secs(5),
            max_in_flight: 64,
            qps: 0.0,
            burst: 100,
            client_name: program_name().unwrap_or_else(|| "unknown".to_owned()),
            metrics: Metrics::default(),
        }
    }
}

/// The program's file name, if it is one to go by.
fn program_name() -> Option<String> {
    let path = PathBuf::from(std::env::args_os().next()?);
    let name = path.file_name()?.to_str()?;
    // The API server accepts this as the manager of a field, and HTTP as a header.
    let is_usable = name.len() <= 128 && name.bytes().all(|byte| byte.is_ascii_graphic());
    is_usable.then(|| name.to_owned())
}

/// A connection to an API server cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The kubeconfig that was named cannot be read or used.
    #[error("cannot use the kubeconfig {path}")]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// Why.
        source: kube::config::KubeconfigError,
    },
    /// Neither a kubeconfig nor a ServiceAccount is there.
    #[error(
        "no kubeconfig and no ServiceAccount found: set KUBECONFIG or name a kubeconfig, or run in a Pod with a ServiceAccount"
    )]
    Infer(#[source] Box<kube::config::InferConfigError>),
    /// None of the files that `KUBECONFIG` names exists, and no ServiceAccount is there.
    #[error("KUBECONFIG names no file that exists: {0:?}; and there is no ServiceAccount of a Pod")]
    NoKubeconfig(String),
    /// The configuration does not make a client: a bad certificate, for instance.
    #[error("cannot make a client of the Kubernetes configuration")]
    Client(#[source] Box<kube::Error>),
    /// The name in [`Options::client_name`] is not one.
    #[error("the client's name {0:?} is not a valid HTTP header value")]
    ClientName(String),
}

/// A connection to one API server. Clones share it, its limits included; each tokio runtime that uses it has its own
/// sockets, which are let go with the last clone: a runtime for every job wants a connector for every job.
#[derive(Clone)]
pub struct Connector {
    transport: Arc<transport::Transport>,
}

impl Connector {
    /// Connects as the environment says: a kubeconfig, or in a Pod its ServiceAccount. Sends nothing yet.
    ///
    /// As kubectl, with a kubeconfig it goes through the proxy that this names or, if it names none, through that of
    /// `HTTPS_PROXY`, but for this host and those of `NO_PROXY`.
    pub async fn infer(options: Options) -> Result<Self, ConnectError> {
        let mut config = kubeconfig::infer(&options).await?;
        proxy::except(&mut config);
        Self::new(config, &options)
    }

    /// Connects with a given configuration; its connect timeout and its retry setting are replaced by ours. Sends
    /// nothing yet.
    ///
    /// Has to be called within a tokio runtime.
    pub fn new(mut config: kube::Config, options: &Options) -> Result<Self, ConnectError> {
        let user_agent = HeaderValue::from_str(&options.client_name)
            .map_err(|_| ConnectError::ClientName(options.client_name.clone()))?;
        config.headers.push((USER_AGENT, user_agent));
        config.default_retry = false;
        config.connect_timeout = Some(transport::connect_timeout(options));
        let clients = Clients::new(config).map_err(|error| ConnectError::Client(Box::new(error)))?;
        Ok(Self {
            transport: Arc::new(transport::Transport::new(clients, options)),
        })
    }

    /// The calls for a resource whose type says which it is.
    #[must_use]
    pub fn resource<K: kube::Resource<DynamicType: Default>>(&self) -> ResourceClient<K> {
        self.resource_with(K::DynamicType::default())
    }

    /// The calls for a resource that is known at run time only: with kube's `ApiResource` for `K::DynamicType`, objects are
    /// read as [`DynamicObject`](kube::api::DynamicObject)s.
    ///
    /// ```
    /// use kube_informer::connector::{Connector, Options};
    /// use kube_informer::object::ObjectKey;
    /// use kube::api::{ApiResource, DynamicObject};
    /// use kube::core::GroupVersionKind;
    ///
    /// # // Run where there is an API server for tests.
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let Some(kubeconfig) = std::env::var_os("BOOKSHELF_TEST_KUBECONFIG") else { return Ok(()) };
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # let options = Options { kubeconfig: Some(kubeconfig.into()), ..Options::default() };
    /// # let connector = Connector::infer(options).await?;
    /// let kind = GroupVersionKind::gvk("rbac.authorization.k8s.io", "v1", "ClusterRole");
    /// let roles = connector.resource_with::<DynamicObject>(ApiResource::from_gvk(&kind));
    /// let admin = roles.get(&ObjectKey::cluster_scoped("cluster-admin")).await?;
    /// assert!(admin.data["rules"].is_array());
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    #[must_use]
    pub fn resource_with<K: kube::Resource>(&self, dynamic_type: K::DynamicType) -> ResourceClient<K> {
        ResourceClient::new(Arc::clone(&self.transport), dynamic_type)
    }

    /// Returns a client for the calls that a [`ResourceClient`] does not have: subresources such as a status, logs, forced
    /// applies, other ways to delete. It shares the connector's configuration and connections, and has none of its deadlines,
    /// limits and metrics. To have its answer in the next read of a cache, give it to
    /// [`Writer::observe`](crate::cache::Writer::observe).
    ///
    /// ```
    /// use kube_informer::connector::{Connector, Options};
    /// use k8s_openapi::api::core::v1::Namespace;
    ///
    /// # // Run where there is an API server for tests.
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let Some(kubeconfig) = std::env::var_os("BOOKSHELF_TEST_KUBECONFIG") else { return Ok(()) };
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # let options = Options { kubeconfig: Some(kubeconfig.into()), ..Options::default() };
    /// let connector = Connector::infer(options).await?;
    /// let namespaces = kube::Api::<Namespace>::all(connector.client());
    /// let namespace = namespaces.get_status("default").await?;
    /// assert!(namespace.status.is_some());
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    ///
    /// Its requests run on the runtime on which the connector was made.
    #[must_use]
    pub fn client(&self) -> kube::Client {
        self.transport.clients.unlimited()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_without_a_name_is_named_after_its_program() {
        let name = Options::default().client_name;
        assert!(name.starts_with("kube_informer-"), "{name}");
    }
}
