//! Logs to standard error, as text on a terminal and as JSON elsewhere, and traces, if there is a collector.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::args::{LogArgs, LogFormat};
use crate::refused::{Refusals, WithoutRefusals};
use crate::trace::Exporter;

/// The exporter of traces, which must be shut down at the end of the process.
#[must_use = "to be shut down at the end"]
pub struct Telemetry(Option<Exporter>);

impl Telemetry {
    /// Exports the remaining spans. Takes a few seconds at most.
    pub async fn shut_down(self) {
        if let Some(exporter) = self.0 {
            exporter.shut_down().await;
        }
    }
}

/// Starts logging, and tracing under this service name. Refusals of the HTTP parser are counted, not logged as errors.
/// Call it once per process, within a tokio runtime.
pub(crate) fn init(args: &LogArgs, service: &str, refusals: &Refusals) -> anyhow::Result<Telemetry> {
    let filter = EnvFilter::try_new(&args.log).with_context(|| {
        format!(
            "--log {:?} is not a filter such as info or kube_informer=debug,info",
            args.log
        )
    })?;
    let is_terminal = io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(is_terminal);
    let is_json = match args.log_format {
        LogFormat::Auto => !is_terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let lines = if is_json {
        lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .map_event_format(WithoutRefusals)
            .boxed()
    } else {
        lines.map_event_format(WithoutRefusals).boxed()
    };
    let endpoint = args.otlp_endpoint.as_ref();
    let exporter = endpoint
        .map(|endpoint| Exporter::new(endpoint, service))
        .transpose()?;
    // The filter is for log lines only: the exporter and the counters get everything.
    let lines = lines.with_filter(filter);
    let lines = tracing_subscriber::registry().with(lines).with(refusals.layer());
    let started = match &exporter {
        Some(exporter) => lines.with(exporter.layer()).try_init(),
        None => lines.try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("logging cannot be started: {error}"))?;
    Ok(Telemetry(exporter))
}
