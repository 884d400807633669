//! The Prometheus metrics of connectors and caches.
//!
//! Metrics that client-go has, too, have its names (`rest_client_…`, `reflector_…`, `store_resource_version`). Labels
//! are verbs, resources and status codes: few values, and none that a client of the service can choose.
//!
//! ```
//! use kube_informer::connector::Options;
//! use kube_informer::metrics::Metrics;
//! use prometheus_client::registry::Registry;
//!
//! let metrics = Metrics::default();
//! let mut registry = Registry::default();
//! metrics.register(&mut registry);
//! let options = Options { metrics, ..Options::default() };
//! // A connector with these options counts, and so do the caches that it feeds.
//! # let _ = options;
//! ```

mod cache;
mod events;
mod requests;

use prometheus_client::registry::Registry;

pub(crate) use cache::CacheMetrics;
use cache::Caches;
pub(crate) use events::EventMetrics;
use requests::Requests;
pub(crate) use requests::{CallMetrics, ResourceMetrics};

/// The metrics of connectors and caches. Clones share their counts.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    requests: Requests,
    caches: Caches,
    events: EventMetrics,
}

impl Metrics {
    /// Registers all metrics.
    pub fn register(&self, registry: &mut Registry) {
        self.requests.register(registry);
        self.caches.register(registry);
        self.events.register(registry);
    }

    /// Returns the metrics of calls on one resource.
    pub(crate) fn requests(&self, resource: &str) -> ResourceMetrics {
        self.requests.of(resource)
    }

    /// Returns the metrics of Events.
    pub(crate) fn events(&self) -> EventMetrics {
        self.events.clone()
    }

    /// Returns the metrics of the cache of one resource.
    pub(crate) fn cache(&self, resource: &str) -> CacheMetrics {
        self.caches.of(resource)
    }
}
