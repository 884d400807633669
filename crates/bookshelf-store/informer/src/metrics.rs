//! The metrics of connector and cache, for Prometheus.
//!
//! Names are client-go's (`rest_client_…`, `reflector_…`, `store_resource_version`) where it has the metric.
//! Labels are verbs, resources and status codes: few, and none that a request can choose.
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

/// The metrics of connectors and caches. Clones count together.
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
