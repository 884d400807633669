//! A typed connector to the API server: get, list, create, update, patch and delete for any resource,
//! namespaced or cluster-scoped.
//!
//! It replaces [`kube::Client`], on the same layers, and differs from [`kube::Api`] in what a service needs to answer
//! requests:
//!
//! - every call has a deadline, which includes the wait for its turn;
//! - kube's retry is off: it repeats a POST whose answer was lost, up to 15 times. Here a request is repeated only if
//!   nothing was written ([`Reason::Unavailable`]): a few times, with jitter, before the deadline;
//! - a write whose answer was lost is a [`Reason::OutcomeUnknown`], never a failure;
//! - the number of requests in flight is limited ([`Options::max_in_flight`]), first come, first served, with a share
//!   for each [`PriorityLevel`]. The rate of requests can be limited, too, as in client-go ([`Options::qps`],
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

/// The settings of a [`Connector`]: its kubeconfig, deadline and limits.
#[derive(Clone, Debug)]
pub struct Options {
    /// The kubeconfig file. `None`: `KUBECONFIG`, `~/.kube/config`, then the Pod's ServiceAccount.
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig. `None`: the current context.
    pub context: Option<String>,
    /// The maximum time of a call until its answer, including the wait for its turn, connecting and retries.
    pub deadline: Duration,
    /// The maximum number of requests in flight. Each [`PriorityLevel`] has a share of at least one. Events and the
    /// lists and watches that feed caches do not count.
    pub max_in_flight: u32,
    /// The maximum average number of requests per second. 0 or less: no limit, as Kubernetes recommends for API servers
    /// with [Priority and Fairness](https://kubernetes.io/docs/concepts/cluster-administration/flow-control/).
    pub qps: f64,
    /// The number of requests that may be sent at once, if `qps` is a limit. Each [`PriorityLevel`] has a share of
    /// both.
    pub burst: u32,
    /// The name of the client: its `User-Agent` and field manager. The default is the program's file name, as in
    /// client-go.
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

/// Returns the program's file name, if it can be a client name.
fn program_name() -> Option<String> {
    let path = PathBuf::from(std::env::args_os().next()?);
    let name = path.file_name()?.to_str()?;
    // The API server accepts this as a field manager, and HTTP as a header value.
    let is_usable = name.len() <= 128 && name.bytes().all(|byte| byte.is_ascii_graphic());
    is_usable.then(|| name.to_owned())
}

/// The error of setting up a connection to an API server.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The kubeconfig cannot be read or used.
    #[error("cannot use the kubeconfig {path}")]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: kube::config::KubeconfigError,
    },
    /// There is neither a kubeconfig nor a ServiceAccount.
    #[error(
        "no kubeconfig and no ServiceAccount found: set KUBECONFIG, pass a kubeconfig, or run in a Pod with a ServiceAccount"
    )]
    Infer(#[source] Box<kube::config::InferConfigError>),
    /// No file that `KUBECONFIG` names exists, and there is no ServiceAccount.
    #[error("no file of KUBECONFIG exists: {0:?}, and there is no ServiceAccount of a Pod")]
    NoKubeconfig(String),
    /// No client can be built from the configuration: a bad certificate, for instance.
    #[error("cannot build a client from the Kubernetes configuration")]
    Client(#[source] Box<kube::Error>),
    /// [`Options::client_name`] is not a valid header value.
    #[error("the client's name {0:?} is not a valid HTTP header value")]
    ClientName(String),
}

/// A connection to one API server. Clones share it, including its limits. Each tokio runtime that uses it has its own
/// sockets, which are closed with the last clone: a program that creates a runtime per job should create a connector
/// per job, too.
#[derive(Clone)]
pub struct Connector {
    transport: Arc<transport::Transport>,
}

impl Connector {
    /// Creates a connector from the environment: from a kubeconfig or, in a Pod, its ServiceAccount. Sends nothing yet.
    ///
    /// With a kubeconfig, it uses the proxy that this names, like kubectl. If the kubeconfig names none, it uses the
    /// proxy of `HTTPS_PROXY`, except for this host and the hosts of `NO_PROXY`.
    pub async fn infer(options: Options) -> Result<Self, ConnectError> {
        let mut config = kubeconfig::infer(&options).await?;
        proxy::except(&mut config);
        Self::new(config, &options)
    }

    /// Creates a connector from a configuration, whose connect timeout and retry setting it replaces. Sends nothing
    /// yet.
    ///
    /// Must be called within a tokio runtime.
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

    /// Returns the calls for a resource that is known at compile time.
    #[must_use]
    pub fn resource<K: kube::Resource<DynamicType: Default>>(&self) -> ResourceClient<K> {
        self.resource_with(K::DynamicType::default())
    }

    /// Returns the calls for a resource that is known only at run time: with kube's `ApiResource` as `K::DynamicType`,
    /// objects are read as [`DynamicObject`](kube::api::DynamicObject)s.
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

    /// Returns a client for the calls that a [`ResourceClient`] does not have: subresources such as a status, logs,
    /// forced applies, other ways to delete. It shares the connector's configuration and connections, but not its
    /// deadlines, limits and metrics. Pass its answer to [`Writer::observe`](crate::cache::Writer::observe) to serve it
    /// in the next read of a cache.
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
    /// Its requests run on the runtime on which the connector was created.
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
