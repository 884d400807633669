//! Traces: the spans that a collector receives.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use e2e::{Cluster, Collector, Library, Program, Service, Wire};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use tokio::net::TcpListener;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// Returns the caller's `traceparent`, sampled or not.
fn traceparent(is_sampled: bool) -> String {
    format!("00-{TRACE}-{CALLER}-0{}", u8::from(is_sampled))
}

#[tokio::test]
async fn a_request_is_a_span_of_its_callers_trace_with_its_api_requests_as_children() -> Result<()> {
    let library = Library::open().await?;
    let collector = Collector::start().await?;
    let service = Service::start(Program::Admin, &library.cluster, &[&collector.flag()]).await?;
    let create = service
        .api()?
        .post(library.list_path())
        .json(&library.body("book"));
    let answer = create.header("traceparent", traceparent(true)).await?;
    answer.json(201);

    let span = collector
        .span("the request", |span| span.name == "POST /book/{namespace}")
        .await?;
    assert_eq!(span.service, "admin-api");
    assert_eq!(span.kind, SpanKind::Server);
    assert_eq!((span.trace_id.as_str(), span.parent_id.as_str()), (TRACE, CALLER));
    for (key, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/book/{namespace}"),
        ("http.response.status_code", "201"),
        ("url.path", &library.list_path()),
        ("url.scheme", "http"),
        ("request_id", answer.header("x-request-id")),
    ] {
        assert_eq!(span.attribute(key), value, "{key}");
    }
    assert!(!span.has_failed);

    let name = "create books.bookshelf.lostinsoba.com";
    let child = collector
        .span("the call to the API server", |span| span.name == name)
        .await?;
    assert_eq!(child.kind, SpanKind::Client);
    assert_eq!(
        (&child.trace_id, &child.parent_id),
        (&span.trace_id, &span.span_id)
    );

    // The request is logged as usual.
    let id = answer.header("x-request-id").to_owned();
    let line = service
        .log()
        .line("the request is logged", |line| line["message"] == "request")
        .await?;
    assert_eq!(line["span"]["request_id"], id);
    Ok(())
}

#[tokio::test]
async fn reads_are_spans_unless_their_caller_does_not_record() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let collector = Collector::start().await?;
    let service = Service::start(Program::User, &library.cluster, &[&collector.flag()]).await?;
    let api = service.api()?;
    let unrecorded = api.get("/namespace").header("traceparent", traceparent(false));
    unrecorded.await?.json(200);
    api.get(format!("{}?category_id=math", library.list_path()))
        .await?
        .json(200);
    api.get("/no/such/route").await?.problem(404, "not_found");
    let nonsense = api.get(library.path("book")).header("traceparent", "nonsense");
    nonsense.await?.json(200);

    let read = collector
        .span("a read", |span| span.name == "GET /book/{namespace}/{id}")
        .await?;
    assert_eq!((read.service.as_str(), read.parent_id.as_str()), ("user-api", ""));
    assert_ne!(read.trace_id, TRACE);
    let list = collector
        .span("a list", |span| span.name == "GET /book/{namespace}")
        .await?;
    assert_eq!(list.attribute("url.query"), "category_id=math");
    assert_ne!(list.trace_id, read.trace_id);
    let unrouted = collector.span("no route", |span| span.name == "GET").await?;
    assert_eq!(unrouted.attribute("http.response.status_code"), "404");
    assert_eq!(unrouted.attribute("http.route"), "");
    assert!(!unrouted.has_failed, "the client's mistake is not ours");
    let spans = collector.spans();
    assert!(
        spans.iter().all(|span| span.name != "GET /namespace"),
        "{spans:?}"
    );
    // Reads from a cache send no request. The lists and watches that feed the cache have their own traces.
    let feeds = |name: &str| name.starts_with("list ") || name.starts_with("watch ");
    assert!(
        spans
            .iter()
            .all(|span| span.kind == SpanKind::Server || feeds(&span.name)),
        "{spans:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_server_error_is_a_span_with_status_error() -> Result<()> {
    let library = Library::open().await?;
    let collector = Collector::start().await?;
    let wire = Wire::to(Cluster::shared()?.kubeconfig_of(Program::Admin.name()).await?).await?;
    let arguments = [&collector.flag(), "--events=false", "--history=false"];
    let service = Service::launch_as(Program::Admin, wire.kubeconfig(), &arguments).await?;
    service.ready().await?;
    let api = service.api()?;
    api.post(library.list_path())
        .json(&library.body("first"))
        .await?
        .json(201);
    wire.lose_next_answer();
    let lost = api.post(library.list_path()).json(&library.body("lost")).await?;
    lost.problem(504, "outcome_unknown");
    let span = collector.span("the failure", |span| span.has_failed).await?;
    assert_eq!(span.attribute("http.response.status_code"), "504");
    assert_eq!(span.attribute("error.type"), "504");
    Ok(())
}

#[tokio::test]
async fn remaining_spans_are_exported_at_the_end() -> Result<()> {
    let collector = Collector::start().await?;
    let cluster = Cluster::shared()?;
    let mut service = Service::start(Program::User, &cluster, &[&collector.flag()]).await?;
    service.api()?.get("/namespace").await?.json(200);
    assert!(service.terminate().await?, "it ends by itself");
    let spans = collector.spans();
    assert!(
        spans.iter().any(|span| span.name == "GET /namespace"),
        "{spans:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_hanging_collector_holds_up_neither_requests_nor_the_end() -> Result<()> {
    // Connections to this address open, but are never accepted.
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let flag = format!("--otlp-endpoint=http://{}", listener.local_addr()?);
    let mut service = Service::start(Program::User, &Cluster::shared()?, &[&flag]).await?;
    let api = service.api()?;
    for _ in 0..100 {
        api.get("/namespace").await?.json(200);
    }
    let started = Instant::now();
    assert!(service.terminate().await?, "it ends by itself");
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
    Ok(())
}

#[tokio::test]
async fn a_missing_collector_is_logged_once() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    drop(listener);
    let flag = format!("--otlp-endpoint=http://{address}");
    let service = Service::start(Program::User, &Cluster::shared()?, &[&flag]).await?;
    let api = service.api()?;
    api.get("/namespace").await?.json(200);
    let lost = "spans are lost: they cannot be exported";
    let mut log = service.log();
    let line = log.line("spans are lost", |line| line["message"] == lost).await?;
    assert_eq!(line["level"], "WARN");
    line["error"].as_str().context("why")?;
    api.get("/namespace").await?.json(200);
    Ok(())
}
