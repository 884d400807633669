//! What a connector counts.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds in seconds: from a write on a calm API server to the longest deadline anybody sets.
const SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Of {
    verb: &'static str,
    resource: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfCode {
    verb: &'static str,
    resource: String,
    code: String,
}

#[derive(Clone, Debug)]
pub(super) struct Requests {
    sent: Family<OfCode, Counter>,
    retries: Family<OfCode, Counter>,
    duration: Family<Of, Histogram>,
    limiter: Family<Of, Histogram>,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            sent: Family::default(),
            retries: Family::default(),
            duration: Family::new_with_constructor(histogram),
            limiter: Family::new_with_constructor(histogram),
        }
    }
}

fn histogram() -> Histogram {
    Histogram::new(SECONDS)
}

impl Requests {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "rest_client_requests",
            "Requests to the API server, by the status code of the answer; <error> where there was none",
            self.sent.clone(),
        );
        registry.register(
            "rest_client_request_retries",
            "Requests to the API server that repeated one which it did not take on, by what that was answered",
            self.retries.clone(),
        );
        registry.register_with_unit(
            "rest_client_request_duration",
            "Time from a request to the head of its answer, each repetition for itself",
            Unit::Seconds,
            self.duration.clone(),
        );
        registry.register_with_unit(
            "rest_client_rate_limiter_duration",
            "Time that calls waited for the client-side rate limiter",
            Unit::Seconds,
            self.limiter.clone(),
        );
    }

    pub(super) fn calls(&self, verb: &'static str, resource: String) -> CallMetrics {
        CallMetrics {
            requests: self.clone(),
            of: Of { verb, resource },
        }
    }
}

/// What calls of one verb on one resource count.
pub(crate) struct CallMetrics {
    requests: Requests,
    of: Of,
}

impl CallMetrics {
    /// A request was answered with this status code, or not at all.
    pub(crate) fn sent(&self, code: Option<u16>, took: Duration) {
        self.requests.sent.get_or_create(&self.of_code(code)).inc();
        let duration = self.requests.duration.get_or_create(&self.of);
        duration.observe(took.as_secs_f64());
    }

    /// A request that was answered with this status code, or not at all, is sent again.
    pub(crate) fn repeated(&self, code: Option<u16>) {
        self.requests.retries.get_or_create(&self.of_code(code)).inc();
    }

    /// A call has waited so long for its turn.
    pub(crate) fn waited(&self, time: Duration) {
        let limiter = self.requests.limiter.get_or_create(&self.of);
        limiter.observe(time.as_secs_f64());
    }

    fn of_code(&self, code: Option<u16>) -> OfCode {
        OfCode {
            verb: self.of.verb,
            resource: self.of.resource.clone(),
            code: code.map_or_else(|| "<error>".to_owned(), |code| code.to_string()),
        }
    }
}
