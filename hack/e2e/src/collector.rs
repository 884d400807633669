//! A trace collector that receives OTLP over HTTP, like OpenTelemetry's own.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result, ensure};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value},
    trace::v1::span::SpanKind,
};
use prost::Message as _;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::eventually;

/// An exported span.
#[derive(Clone, Debug)]
pub struct Span {
    /// The service that exported the span.
    pub service: String,
    /// The name of the span.
    pub name: String,
    /// The kind of the span.
    pub kind: SpanKind,
    /// The trace id, in hexadecimal digits.
    pub trace_id: String,
    /// The id of the span.
    pub span_id: String,
    /// The id of the parent span; empty for a root span.
    pub parent_id: String,
    /// Set for a span with status error.
    pub has_failed: bool,
    attributes: Vec<KeyValue>,
}

impl Span {
    /// Returns an attribute as text; empty if it is missing.
    #[must_use]
    pub fn attribute(&self, key: &str) -> String {
        text(&self.attributes, key)
    }
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    let attribute = attributes.iter().find(|attribute| attribute.key == key);
    let value = attribute.and_then(|attribute| attribute.value.clone()?.value);
    match value {
        Some(any_value::Value::StringValue(text)) => text,
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        Some(value) => format!("{value:?}"),
        None => String::new(),
    }
}

/// A running collector. It stops with the runtime, and so with the test, that creates it.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    /// Starts a collector.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let spans = Arc::<Mutex<Vec<Span>>>::default();
        let received = Arc::clone(&spans);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let received = Arc::clone(&received);
                // An unreadable export is dropped, so the test that expects it fails.
                tokio::spawn(async move { serve(stream, &received).await });
            }
        });
        Ok(Self { address, spans })
    }

    /// Returns the flag that makes a service export its spans here.
    #[must_use]
    pub fn flag(&self) -> String {
        format!("--otlp-endpoint=http://{}", self.address)
    }

    /// Returns all spans received so far.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a span that `accept` accepts, and returns the first one.
    pub async fn span(&self, what: &str, accept: impl Fn(&Span) -> bool) -> Result<Span> {
        eventually(&format!("a span of {what} is exported"), async || {
            Ok(self.spans().into_iter().find(&accept))
        })
        .await
    }
}

async fn serve(stream: TcpStream, received: &Mutex<Vec<Span>>) -> Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            if line == "\r\n" {
                break;
            }
            head.push(line.trim_end().to_lowercase());
        }
        ensure!(
            head.first()
                .is_some_and(|line| line.starts_with("post /v1/traces "))
        );
        ensure!(
            head.iter()
                .any(|line| line == "content-type: application/x-protobuf")
        );
        let length = head.iter().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.context("a length")?.parse()?];
        stream.read_exact(&mut body).await?;
        let spans = spans(ExportTraceServiceRequest::decode(body.as_slice())?);
        received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(spans);
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).await?;
    }
}

fn spans(request: ExportTraceServiceRequest) -> Vec<Span> {
    let mut spans = Vec::new();
    for of_resource in request.resource_spans {
        let resource = of_resource.resource.unwrap_or_default();
        let service = text(&resource.attributes, "service.name");
        for span in of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            spans.push(Span {
                service: service.clone(),
                kind: span.kind(),
                trace_id: hex(&span.trace_id),
                span_id: hex(&span.span_id),
                parent_id: hex(&span.parent_span_id),
                // STATUS_CODE_ERROR
                has_failed: span.status.is_some_and(|status| status.code == 2),
                name: span.name,
                attributes: span.attributes,
            });
        }
    }
    spans
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
