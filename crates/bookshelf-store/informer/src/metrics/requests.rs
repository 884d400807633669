//! The metrics of a connector.

use std::sync::OnceLock;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds in seconds: from a write on a calm API server to the longest deadline in use.
const SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CallLabels {
    verb: &'static str,
    resource: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResponseLabels {
    verb: &'static str,
    resource: String,
    code: String,
}

#[derive(Clone, Debug)]
pub(super) struct Requests {
    sent: Family<ResponseLabels, Counter>,
    retries: Family<ResponseLabels, Counter>,
    refused: Family<CallLabels, Counter>,
    duration: Family<CallLabels, Histogram>,
    limiter: Family<CallLabels, Histogram>,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            sent: Family::default(),
            retries: Family::default(),
            refused: Family::default(),
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
            "Repeated requests to the API server, by the status code of the failed attempt",
            self.retries.clone(),
        );
        registry.register(
            "rest_client_refused_calls",
            "Calls refused because the client-side limits left no turn before the deadline",
            self.refused.clone(),
        );
        registry.register_with_unit(
            "rest_client_request_duration",
            "Time from a request to the head of its answer, for each attempt",
            Unit::Seconds,
            self.duration.clone(),
        );
        registry.register_with_unit(
            "rest_client_rate_limiter_duration",
            "Time that calls waited for the client-side limits: requests in flight, and requests per second",
            Unit::Seconds,
            self.limiter.clone(),
        );
    }

    pub(super) fn of(&self, resource: &str) -> ResourceMetrics {
        let calls = |verb| CallMetrics::new(self, verb, resource);
        ResourceMetrics {
            create: calls("create"),
            delete: calls("delete"),
            get: calls("get"),
            list: calls("list"),
            patch: calls("patch"),
            update: calls("update"),
            watch: calls("watch"),
        }
    }
}

/// The metrics of calls on one resource, by verb.
pub(crate) struct ResourceMetrics {
    pub(crate) create: CallMetrics,
    pub(crate) delete: CallMetrics,
    pub(crate) get: CallMetrics,
    pub(crate) list: CallMetrics,
    pub(crate) patch: CallMetrics,
    pub(crate) update: CallMetrics,
    pub(crate) watch: CallMetrics,
}

/// The metrics of calls of one verb on one resource. Each series is looked up once, at its first call, so that calls
/// that were never made have no series.
pub(crate) struct CallMetrics {
    requests: Requests,
    labels: CallLabels,
    ok: OnceLock<Counter>,
    created: OnceLock<Counter>,
    duration: OnceLock<Histogram>,
    limiter: OnceLock<Histogram>,
}

impl CallMetrics {
    fn new(requests: &Requests, verb: &'static str, resource: &str) -> Self {
        Self {
            requests: requests.clone(),
            labels: CallLabels {
                verb,
                resource: resource.to_owned(),
            },
            ok: OnceLock::new(),
            created: OnceLock::new(),
            duration: OnceLock::new(),
            limiter: OnceLock::new(),
        }
    }

    pub(crate) fn verb(&self) -> &'static str {
        self.labels.verb
    }

    /// Counts a request that was answered with this status code, or not at all.
    pub(crate) fn sent(&self, code: Option<u16>, took: Duration) {
        let sent = || {
            self.requests
                .sent
                .get_or_create_owned(&self.response_labels(code))
        };
        match code {
            Some(200) => self.ok.get_or_init(sent).inc(),
            Some(201) => self.created.get_or_init(sent).inc(),
            _ => sent().inc(),
        };
        let duration = || self.requests.duration.get_or_create_owned(&self.labels);
        self.duration.get_or_init(duration).observe(took.as_secs_f64());
    }

    /// Counts the repetition of a request that was answered with this status code, or not at all.
    pub(crate) fn repeated(&self, code: Option<u16>) {
        self.requests
            .retries
            .get_or_create(&self.response_labels(code))
            .inc();
    }

    /// Counts a call that had no turn before its deadline.
    pub(crate) fn refused(&self) {
        self.requests.refused.get_or_create(&self.labels).inc();
    }

    /// Records the time that a call waited for its turn.
    pub(crate) fn waited(&self, time: Duration) {
        let limiter = || self.requests.limiter.get_or_create_owned(&self.labels);
        self.limiter.get_or_init(limiter).observe(time.as_secs_f64());
    }

    fn response_labels(&self, code: Option<u16>) -> ResponseLabels {
        ResponseLabels {
            verb: self.labels.verb,
            resource: self.labels.resource.clone(),
            code: code.map_or_else(|| "<error>".to_owned(), |code| code.to_string()),
        }
    }
}
