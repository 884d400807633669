//! The metrics of the server, for Prometheus, with the names of
//! [OpenTelemetry's conventions for HTTP](https://opentelemetry.io/docs/specs/semconv/http/http-metrics/).

use std::cell::RefCell;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds in seconds: from a read of the cache to the default `--kube-timeout`.
const SECONDS: [f64; 12] = [
    0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0,
];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
#[expect(clippy::struct_field_names, reason = "the names are the convention's")]
struct RouteLabels {
    http_request_method: &'static str,
    http_route: String,
    http_response_status_code: u16,
}

/// The number and duration of answered requests. Clones share the counts.
#[derive(Clone, Debug)]
pub(crate) struct HttpMetrics {
    duration: Family<RouteLabels, Histogram>,
}

impl Default for HttpMetrics {
    fn default() -> Self {
        Self {
            duration: Family::new_with_constructor(|| Histogram::new(SECONDS)),
        }
    }
}

impl HttpMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "http_server_request_duration",
            "Time from a request's head to its answer's, by the route's template",
            Unit::Seconds,
            self.duration.clone(),
        );
    }

    /// Returns the metrics of one method of one route.
    pub(crate) fn route(&self, method: &Method, template: &str) -> RouteMetrics {
        RouteMetrics {
            metrics: self.clone(),
            method: name(method),
            template: template.into(),
            by_status: RefCell::default(),
        }
    }

    /// Counts the answer to a request without a route.
    pub(crate) fn unrouted(&self, method: &Method, status: StatusCode, took: Duration) {
        self.route(method, "").answered(status, took);
    }
}

/// The metrics of event streams. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamMetrics {
    pub(crate) open: Gauge,
    pub(crate) resets: Counter,
    pub(crate) cut_off: Counter,
}

impl StreamMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "http_server_active_streams",
            "Event streams that are open",
            self.open.clone(),
        );
        registry.register(
            "http_server_stream_resets",
            "Event streams that could not resume from their client's last event, and started over",
            self.resets.clone(),
        );
        registry.register(
            "http_server_streams_cut_off",
            "Event streams that were ended because their client read too slowly",
            self.cut_off.clone(),
        );
    }
}

/// Returns the label of a method. Methods that clients make up share a label.
fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}

/// The metrics of one method of one route on one thread. Keeps the histograms that it has used, to save lookups.
pub(crate) struct RouteMetrics {
    metrics: HttpMetrics,
    method: &'static str,
    template: Box<str>,
    by_status: RefCell<Vec<(StatusCode, Histogram)>>,
}

impl RouteMetrics {
    /// Returns the template of the route's path.
    pub(crate) fn template(&self) -> &str {
        &self.template
    }

    /// Counts an answer.
    pub(crate) fn answered(&self, status: StatusCode, took: Duration) {
        let mut by_status = self.by_status.borrow_mut();
        let known = by_status.iter().position(|(of, _)| *of == status);
        let place = known.unwrap_or_else(|| {
            let labels = RouteLabels {
                http_request_method: self.method,
                http_route: self.template.to_string(),
                http_response_status_code: status.as_u16(),
            };
            by_status.push((status, self.metrics.duration.get_or_create_owned(&labels)));
            by_status.len() - 1
        });
        by_status[place].1.observe(took.as_secs_f64());
    }
}
