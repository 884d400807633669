//! The metrics of Kubernetes Events.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

/// Counts events. Clones share their counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventMetrics {
    events: Family<OutcomeLabels, Counter>,
}

impl EventMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "kubernetes_events",
            "Kubernetes Events about our objects: sent, failed, or dropped because the queue was full",
            self.events.clone(),
        );
    }

    pub(crate) fn sent(&self) {
        self.count("sent");
    }

    pub(crate) fn failed(&self) {
        self.count("failed");
    }

    pub(crate) fn dropped(&self) {
        self.count("dropped");
    }

    fn count(&self, outcome: &'static str) {
        self.events.get_or_create(&OutcomeLabels { outcome }).inc();
    }
}
