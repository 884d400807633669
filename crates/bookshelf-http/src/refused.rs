//! Refusals of the HTTP parser: there is no request to answer, so the client gets a bare 400, 408 or 431.
//!
//! `actix-http` reports them only in the log, at ERROR, so any client that reaches a port could trigger an alert. This
//! module counts these lines, and logs them at debug instead.

use std::fmt;

use actix_web::http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tokio::runtime::Handle;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// The target that logs refusals of the parser, and the prefix of its messages.
const TARGET: &str = "actix_http::h1::dispatcher";
const MESSAGE: &str = "stream error: request parse error: ";
/// The reason of a head with too many fields or too many bytes.
const TOO_LARGE: &str = "message head is too large";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StatusLabels {
    http_response_status_code: u16,
}

/// The number of requests that the HTTP parser refused. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusals(Family<StatusLabels, Counter>);

impl Refusals {
    pub(crate) fn register(&self, registry: &mut Registry) {
        for status in [
            StatusCode::BAD_REQUEST,
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        ] {
            drop(self.0.get_or_create_owned(&StatusLabels::new(status)));
        }
        registry.register(
            "http_server_unreadable_requests",
            "Requests that the HTTP parser refused, on both ports, by the status of the bare answer",
            self.0.clone(),
        );
    }

    /// Counts a request, and logs it at debug.
    pub(crate) fn refused(&self, status: StatusCode, reason: &str) {
        self.count(status);
        log(status, reason);
    }

    fn count(&self, status: StatusCode) {
        self.0.get_or_create(&StatusLabels::new(status)).inc();
    }

    /// Returns the layer that counts the parser's refusals, at any log level.
    pub(crate) fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        let of_parser = filter_fn(may_be_of_parser).with_max_level_hint(LevelFilter::ERROR);
        Counting(self.clone()).with_filter(of_parser)
    }
}

impl StatusLabels {
    fn new(status: StatusCode) -> Self {
        Self {
            http_response_status_code: status.as_u16(),
        }
    }
}

fn log(status: StatusCode, reason: &str) {
    let status = status.as_u16();
    tracing::debug!(status, reason, "the HTTP parser refused a request");
}

struct Counting(Refusals);

impl<S: Subscriber> Layer<S> for Counting {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let Some(reason) = reason(event) else { return };
        let status = if reason == TOO_LARGE {
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        } else {
            StatusCode::BAD_REQUEST
        };
        self.0.count(status);
        // An event within an event would confuse the filters of the layers.
        if let Ok(runtime) = Handle::try_current() {
            drop(runtime.spawn(async move { log(status, &reason) }));
        }
    }
}

/// Formats all events except the parser's refusals, for which it writes nothing.
///
/// Not a filter: filtering by the content of an event, not by its metadata, fails assertions of `tracing-subscriber`.
pub(crate) struct WithoutRefusals<F>(pub(crate) F);

impl<S, N, F> FormatEvent<S, N> for WithoutRefusals<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        match reason(event) {
            Some(_) => Ok(()),
            None => self.0.format_event(context, writer, event),
        }
    }
}

fn may_be_of_parser(metadata: &Metadata<'_>) -> bool {
    *metadata.level() == Level::ERROR && metadata.target() == TARGET
}

/// Returns the reason of the parser's refusal, if an event reports one.
fn reason(event: &Event<'_>) -> Option<String> {
    if !may_be_of_parser(event.metadata()) {
        return None;
    }
    let mut message = Message::default();
    event.record(&mut message);
    message.0.strip_prefix(MESSAGE).map(str::to_owned)
}

#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::{EnvFilter, registry};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn counted(refusals: &Refusals, status: StatusCode) -> u64 {
        refusals.0.get_or_create(&StatusLabels::new(status)).get()
    }

    #[test]
    fn a_refusal_of_the_parser_is_counted_and_not_logged_and_anything_else_is_logged() {
        for level in ["info", "off"] {
            let (refusals, lines) = (Refusals::default(), Lines::default());
            let writer = lines.clone();
            let layer = tracing_subscriber::fmt::layer()
                .with_writer(move || writer.clone())
                .map_event_format(WithoutRefusals)
                .with_filter(EnvFilter::new(level));
            let subscriber = registry().with(layer).with(refusals.layer());
            // Otherwise every debug line of every library would be formatted, then thrown away.
            assert!(subscriber.max_level_hint() <= Some(LevelFilter::INFO));
            tracing::subscriber::with_default(subscriber, || {
                for reason in ["invalid Header provided", TOO_LARGE, TOO_LARGE] {
                    tracing::error!(target: TARGET, "stream error: {}", format_args!("request parse error: {reason}"));
                }
                tracing::error!(target: TARGET, "stream error: {}", "I/O error: broken pipe");
                tracing::error!(target: "elsewhere", "{MESSAGE}a line of somebody else");
            });
            assert_eq!(counted(&refusals, StatusCode::BAD_REQUEST), 1);
            assert_eq!(counted(&refusals, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE), 2);
            let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
            let expected: &[&str] = if level == "info" {
                &["broken pipe", "a line of somebody else"]
            } else {
                &[]
            };
            let lines = text.lines().collect::<Vec<_>>();
            assert_eq!(lines.len(), expected.len(), "{text}");
            for (line, words) in lines.into_iter().zip(expected) {
                assert!(line.contains(words), "{text}");
            }
        }
    }
}
