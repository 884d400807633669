//! The clients of a connector: one for each runtime that sends requests.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ConfigExt as _};
use tokio::runtime::{Handle, Id};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceBuilder};

/// Sends requests: what [`kube::Client`] is made of, but for its queue, with a task behind it, and its spans. Each request
/// would pay for them, and a connector needs neither.
pub(super) type Client = BoxCloneSyncService<Request<Body>, Response<Incoming>, BoxError>;

/// Clients of one configuration. A request goes through the client of the runtime that it is made on, whose tasks
/// send it and take its answer in: between the threads of a server with a runtime on each, it would otherwise be
/// handed over twice each way, which takes longer than all the rest of it.
pub(super) struct Clients {
    config: kube::Config,
    first: Client,
    by_runtime: RwLock<HashMap<Id, Client>>,
}

impl Clients {
    /// Makes the first client, that of the current runtime.
    pub(super) fn new(config: kube::Config) -> kube::Result<Self> {
        let first = client(&config)?;
        let by_runtime = HashMap::from([(Handle::current().id(), first.clone())]);
        Ok(Self {
            config,
            first,
            by_runtime: RwLock::new(by_runtime),
        })
    }

    /// The first client, as kube's own code takes it, with a queue.
    pub(super) fn for_events(&self) -> kube::Client {
        kube::Client::new(self.first.clone(), self.config.default_namespace.as_str())
    }

    /// The client of the current runtime.
    pub(super) fn current(&self) -> Client {
        let runtime = Handle::current().id();
        let clients = self.by_runtime.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&runtime) {
            return client.clone();
        }
        drop(clients);
        let client = self.another();
        let mut clients = self.by_runtime.write().unwrap_or_else(PoisonError::into_inner);
        clients.entry(runtime).or_insert(client).clone()
    }

    fn another(&self) -> Client {
        let auth = &self.config.auth_info;
        // To ask a plugin for credentials takes a process of its own, and may take a while.
        if auth.exec.is_some() || auth.auth_provider.is_some() {
            return self.first.clone();
        }
        client(&self.config).unwrap_or_else(|error| {
            tracing::warn!(%error, "no connection of its own for a thread: it shares the first one's");
            self.first.clone()
        })
    }
}

fn client(config: &kube::Config) -> kube::Result<Client> {
    // Never past it: that may be the only way there, or the only allowed one.
    if let Some(proxy_url) = config.proxy_url.clone() {
        let proxy_url = Box::new(proxy_url);
        return Err(kube::Error::ProxyProtocolUnsupported { proxy_url });
    }
    let mut connector = TimeoutConnector::new(config.rustls_https_connector()?);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    connector.set_reset_reader_on_write(config.reset_reader_on_write);
    let hyper: legacy::Client<_, Body> = legacy::Client::builder(TokioExecutor::new()).build(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(hyper);
    Ok(BoxCloneSyncService::new(service))
}
