//! Traces: a span for each request, exported over OTLP to `--otlp-endpoint`.
//!
//! Names and attributes of spans follow
//! [OpenTelemetry's conventions for HTTP](https://opentelemetry.io/docs/specs/semconv/http/http-spans/). The caller's
//! [`traceparent`](https://www.w3.org/TR/trace-context/) is continued, including a decision not to sample. Requests to
//! the API server are child spans of the request that causes them.

mod export;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName};
use anyhow::Context as _;
use http::Uri;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{Status, TraceContextExt as _, TracerProvider as _};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Level, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use export::Client;

/// The target prefixes whose spans are exported: the project's crates.
const OURS: [&str; 2] = ["bookshelf_", "kube_informer"];

/// The longest time for the export of a batch.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest time for the export of the last spans.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// Set while spans are exported. Without an exporter no span is created, which saves its cost.
static IS_ON: AtomicBool = AtomicBool::new(false);

/// The exporter of spans, which must be shut down at the end.
pub(crate) struct Exporter(SdkTracerProvider);

impl Exporter {
    /// Creates the exporter to the collector at this address, for a service of this name. Must be called within a tokio
    /// runtime.
    pub(crate) fn new(endpoint: &Uri, service: &str) -> anyhow::Result<Self> {
        let client = Client::new(endpoint, EXPORT_TIMEOUT).context("--otlp-endpoint cannot be used")?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!(
                "{}/v1/traces",
                endpoint.to_string().trim_end_matches('/')
            ))
            .with_timeout(EXPORT_TIMEOUT)
            .build()
            .context("--otlp-endpoint cannot be used")?;
        let resource = Resource::builder().with_service_name(service.to_owned()).build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build();
        IS_ON.store(true, Ordering::Relaxed);
        Ok(Self(provider))
    }

    /// Returns the layer that exports spans of this service. It ignores log lines.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let ours = filter_fn(|metadata| {
            metadata.is_span() && OURS.iter().any(|ours| metadata.target().starts_with(ours))
        });
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("bookshelf"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(ours.with_max_level_hint(Level::DEBUG))
    }

    /// Exports the remaining spans, and shuts down.
    pub(crate) async fn shut_down(self) {
        let provider = self.0;
        let flushed = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH_TIMEOUT));
        if let Ok(Err(error)) = flushed.await {
            tracing::warn!(%error, "the last spans were not exported");
        }
    }
}

/// Returns true while spans are exported.
pub(crate) fn is_on() -> bool {
    IS_ON.load(Ordering::Relaxed)
}

/// Creates the span of a request with this id.
pub(crate) fn span(request_id: &str) -> Span {
    tracing::info_span!("request", request_id, otel.kind = "server")
}

/// Sets parent, name and attributes of a request's span. `route` is the template of its route, if there is one.
pub(crate) fn begin(span: &Span, request: &HttpRequest, route: Option<&str>) {
    if !is_on() {
        return;
    }
    let caller = TraceContextPropagator::new().extract(&Headers(request.headers()));
    // This does not fail: the span is new, and its layer is installed.
    let _ = span.set_parent(caller);
    let method = request.method();
    span.set_attribute("http.request.method", method.to_string());
    span.set_attribute("url.scheme", "http");
    span.set_attribute("url.path", request.path().to_owned());
    if !request.query_string().is_empty() {
        span.set_attribute("url.query", without_token(request.query_string()));
    }
    let name = match route {
        Some(route) => {
            span.set_attribute("http.route", route.to_owned());
            format!("{method} {route}")
        }
        None => method.to_string(),
    };
    span.context().span().update_name(name);
}

/// Returns a query string without the value of `access_token`. This service reads no token there, but some clients send
/// one ([RFC 6750, section 2.3](https://www.rfc-editor.org/rfc/rfc6750#section-2.3)).
fn without_token(query: &str) -> String {
    let parameters = query.split('&').map(|parameter| match parameter.split_once('=') {
        Some((name, _)) if name.eq_ignore_ascii_case("access_token") => "access_token=REDACTED",
        _ => parameter,
    });
    parameters.collect::<Vec<_>>().join("&")
}

/// Records the answer to a request in its span.
pub(crate) fn end(span: &Span, status: StatusCode) {
    if !is_on() {
        return;
    }
    span.set_attribute("http.response.status_code", i64::from(status.as_u16()));
    // An error of the client is not an error of the service.
    if status.is_server_error() {
        span.set_attribute("error.type", status.as_str().to_owned());
        span.set_status(Status::error(""));
    }
}

/// The headers of a request, as propagators read them.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_a_query_is_not_exported() {
        for (query, exported) in [
            ("category_id=math&limit=1", "category_id=math&limit=1"),
            ("access_token=secret", "access_token=REDACTED"),
            ("a&Access_Token=secret=&b=", "a&access_token=REDACTED&b="),
        ] {
            assert_eq!(without_token(query), exported);
        }
    }
}
