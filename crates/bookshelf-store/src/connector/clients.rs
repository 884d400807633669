//! The clients of a connector: one for each runtime that sends requests.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use tokio::runtime::{Handle, Id};

/// Clients of one configuration. A request goes through the client of the runtime that it is made on, whose tasks
/// send it and take its answer in: between the threads of a server with a runtime on each, it would otherwise be
/// handed over twice each way, which takes longer than all the rest of it.
pub(super) struct Clients {
    config: kube::Config,
    first: kube::Client,
    by_runtime: RwLock<HashMap<Id, kube::Client>>,
}

impl Clients {
    /// Makes the first client, that of the current runtime.
    pub(super) fn new(config: kube::Config) -> kube::Result<Self> {
        let first = kube::Client::try_from(config.clone())?;
        let by_runtime = HashMap::from([(Handle::current().id(), first.clone())]);
        Ok(Self {
            config,
            first,
            by_runtime: RwLock::new(by_runtime),
        })
    }

    /// The first client.
    pub(super) fn first(&self) -> &kube::Client {
        &self.first
    }

    /// The client of the current runtime.
    pub(super) fn current(&self) -> kube::Client {
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

    fn another(&self) -> kube::Client {
        let auth = &self.config.auth_info;
        // To ask a plugin for credentials takes a process of its own, and may take a while.
        if auth.exec.is_some() || auth.auth_provider.is_some() {
            return self.first.clone();
        }
        kube::Client::try_from(self.config.clone()).unwrap_or_else(|error| {
            tracing::warn!(%error, "no connection of its own for a thread: it shares the first one's");
            self.first.clone()
        })
    }
}
