//! The connector against an API server that misbehaves: which requests are repeated, which are not, and how each ends.
//! The server is a socket that the test controls, since a real API server cannot be made to lose a response at will.

// Clippy takes only functions marked `#[test]` for tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference};
use kube_informer::connector::{Connector, Event, EventType, Options, Reason, ResourceClient};
use kube_informer::metrics::Metrics;
use kube_informer::object::ObjectKey;
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const DEADLINE: Duration = Duration::from_secs(2);

/// The server's reaction to a request.
#[derive(Clone, Copy)]
enum Answer {
    /// Answers with this status line, headers and body.
    With(&'static str, &'static str, &'static str),
    /// Reads the request and closes the connection.
    HangUp,
    /// Reads the request and never answers.
    Silence,
}

const CREATED: Answer = Answer::With("201 Created", "", r#"{"metadata": {"name": "a"}}"#);
const TOO_MANY: Answer = Answer::With("429 Too Many Requests", "Retry-After: 0\r\n", "{}");
const BROKEN: Answer = Answer::With(
    "500 Internal Server Error",
    "",
    r#"{"message": "etcdserver: request timed out"}"#,
);

/// Returns a client of a server that answers each request with the next of `answers`, and repeats the last one. Also
/// returns the number of requests.
async fn server(answers: &'static [Answer]) -> (ResourceClient<ConfigMap>, Arc<AtomicUsize>) {
    server_for(answers, Options::default()).await
}

async fn server_for(
    answers: &'static [Answer],
    options: Options,
) -> (ResourceClient<ConfigMap>, Arc<AtomicUsize>) {
    let (connector, requests) = connector_for(answers, options).await;
    (connector.resource(), requests)
}

async fn connector_for(answers: &'static [Answer], options: Options) -> (Connector, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, answers, Arc::clone(&count)));
        }
    });
    (connector(&url, options), requests)
}

async fn serve(mut stream: TcpStream, answers: &[Answer], count: Arc<AtomicUsize>) {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {
        let place = count.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        match answers[place] {
            Answer::With(status, headers, body) => {
                let length = body.len();
                let answer = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            Answer::HangUp => return,
            Answer::Silence => std::future::pending().await,
        }
    }
}

fn client(url: &str, options: Options) -> ResourceClient<ConfigMap> {
    connector(url, options).resource()
}

fn connector(url: &str, options: Options) -> Connector {
    let config = kube::Config::new(url.parse().unwrap());
    let options = Options {
        deadline: DEADLINE,
        ..options
    };
    Connector::new(config, &options).unwrap()
}

fn object() -> ConfigMap {
    let mut object = ConfigMap::default();
    object.metadata.name = Some("a".to_owned());
    object.metadata.namespace = Some("ns".to_owned());
    object
}

fn key() -> ObjectKey {
    ObjectKey::new("ns", "a")
}

#[tokio::test]
async fn a_create_that_was_not_taken_on_is_repeated() {
    let (options, registry) = counted();
    let (client, requests) = server_for(&[TOO_MANY, TOO_MANY, CREATED], options).await;
    client.create(&object()).await.unwrap();
    assert_eq!(requests.load(Ordering::SeqCst), 3);
    let text = text_of(&registry);
    let repeated = r#"rest_client_request_retries_total{verb="create",resource="configmaps",code="429"} 2"#;
    assert!(text.contains(repeated), "{text}");
}

#[tokio::test]
async fn a_create_is_given_up_when_it_is_never_taken_on() {
    let (client, requests) = server(&[TOO_MANY]).await;
    let error = client.create(&object()).await.unwrap_err();
    assert!(
        matches!(
            error.reason,
            Reason::Unavailable {
                retry_after: Some(Duration::ZERO),
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(requests.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_create_whose_answer_makes_no_sense_has_happened() {
    const NONSENSE: Answer = Answer::With("201 Created", "", r#"{"metadata": 1}"#);
    let (client, requests) = server(&[NONSENSE]).await;
    let error = client.create(&object()).await.unwrap_err();
    assert!(matches!(error.reason, Reason::Unreadable(_)), "{error}");
    assert_eq!(requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_is_not_repeated() {
    let (client, requests) = server(&[Answer::HangUp]).await;
    let error = client.create(&object()).await.unwrap_err();
    assert!(matches!(error.reason, Reason::OutcomeUnknown(_)), "{error}");
    assert_eq!(requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_create_that_may_have_happened_is_not_repeated() {
    let (client, requests) = server(&[BROKEN]).await;
    let error = client.create(&object()).await.unwrap_err();
    assert!(matches!(error.reason, Reason::OutcomeUnknown(_)), "{error}");
    assert_eq!(requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_503_that_is_not_the_api_servers_own_may_have_written() {
    let (client, requests) = server(&[Answer::With(
        "503 Service Unavailable",
        "",
        "upstream connect error",
    )])
    .await;
    let error = client.create(&object()).await.unwrap_err();
    assert!(matches!(error.reason, Reason::OutcomeUnknown(_)), "{error}");
    assert_eq!(requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_read_that_fails_at_the_server_has_written_nothing() {
    let (client, requests) = server(&[BROKEN, CREATED]).await;
    client.get(&key()).await.unwrap();
    assert_eq!(requests.load(Ordering::SeqCst), 2);
    let (client, _) = server(&[BROKEN]).await;
    let error = client.get(&key()).await.unwrap_err();
    assert!(matches!(error.reason, Reason::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_asks_to_wait_for_ever_is_not_waited_for() {
    let (client, requests) = server(&[Answer::With(
        "429 Too Many Requests",
        "Retry-After: 18446744073709551615\r\n",
        "{}",
    )])
    .await;
    let error = client.create(&object()).await.unwrap_err();
    assert!(
        matches!(
            error.reason,
            Reason::Unavailable {
                retry_after: Some(_),
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_read_whose_answer_is_lost_is_repeated() {
    let (client, requests) = server(&[Answer::HangUp, CREATED]).await;
    client.get(&key()).await.unwrap();
    assert_eq!(requests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left_at_the_deadline() {
    let (client, _) = server(&[Answer::Silence]).await;
    let started = Instant::now();
    let (read, write) = (client.get(&key()).await, client.create(&object()).await);
    assert!(matches!(read.unwrap_err().reason, Reason::Unavailable { .. }));
    assert!(matches!(write.unwrap_err().reason, Reason::OutcomeUnknown(_)));
    let elapsed = started.elapsed();
    assert!(elapsed >= DEADLINE * 2 && elapsed < DEADLINE * 4, "{elapsed:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_has_written_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client(&url, Options::default())
        .create(&object())
        .await
        .unwrap_err();
    assert!(matches!(error.reason, Reason::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn a_request_whose_turn_cannot_come_before_its_deadline_is_refused_at_once() {
    let options = Options {
        qps: 0.1,
        // Three quarters of this are for the workload.
        burst: 4,
        ..Options::default()
    };
    let (client, requests) = server_for(&[CREATED], options).await;
    for _ in 0..3 {
        client.get(&key()).await.unwrap();
    }
    let began = Instant::now();
    let error = client.create(&object()).await.unwrap_err();
    assert!(began.elapsed() < Options::default().deadline / 4);
    let Reason::Overloaded { retry_after } = error.reason else {
        panic!("{error}");
    };
    assert!(retry_after > Duration::from_secs(9), "{retry_after:?}");
    assert_eq!(requests.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn an_error_names_the_verb_and_the_object() {
    let (client, _) = server(&[Answer::With(
        "404 Not Found",
        "",
        r#"{"reason": "NotFound", "message": "gone"}"#,
    )])
    .await;
    let error = client.get(&key()).await.unwrap_err();
    assert_eq!(error.to_string(), "get configmaps/ns/a: not found: gone");
}

#[tokio::test]
async fn a_name_that_would_leave_its_path_is_not_sent() {
    let (client, requests) = server(&[CREATED]).await;
    let error = client
        .get(&ObjectKey::new("ns", "../../secrets/a"))
        .await
        .unwrap_err();
    assert!(matches!(error.reason, Reason::Malformed(_)), "{error}");
    assert_eq!(requests.load(Ordering::SeqCst), 0);
}

/// Returns options with metrics, and their registry.
fn counted() -> (Options, Registry) {
    let metrics = Metrics::default();
    let mut registry = Registry::default();
    metrics.register(&mut registry);
    let options = Options {
        metrics,
        ..Options::default()
    };
    (options, registry)
}

fn text_of(registry: &Registry) -> String {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
    text
}

fn event(reason: &str) -> Event {
    Event {
        type_: EventType::Normal,
        reason: reason.to_owned(),
        action: "Test".to_owned(),
        note: None,
        secondary: None,
    }
}

#[tokio::test]
async fn an_event_whose_answer_is_lost_is_sent_again_and_one_that_is_refused_is_not() {
    const REFUSED: Answer = Answer::With("422 Unprocessable Entity", "", r#"{"code": 422}"#);
    let (options, registry) = counted();
    let (connector, requests) = connector_for(&[Answer::HangUp, CREATED, REFUSED], options).await;
    let (events, send) = connector.events();
    let sending = tokio::spawn(send);
    for (reason, attempts) in [("Lost", 2), ("Refused", 3)] {
        events.record(event(reason), ObjectReference::default());
        events.flush(Duration::from_secs(30)).await;
        assert_eq!(requests.load(Ordering::SeqCst), attempts, "{reason}");
    }
    let text = text_of(&registry);
    for code in ["<error>", "201", "422"] {
        let of = format!(r#"{{verb="create",resource="events.events.k8s.io",code="{code}"}} 1"#);
        assert!(
            text.contains(&format!("rest_client_requests_total{of}\n")),
            "{text}"
        );
    }
    sending.abort();
}

#[tokio::test]
async fn events_that_cannot_be_sent_are_dropped_and_nobody_waits() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (options, registry) = counted();
    let (events, send) = connector(&url, options).events();
    let sending = tokio::spawn(send);
    // The sender takes the first event off the queue, and never gets an answer.
    let record = |number: usize| events.record(event(&format!("Reason{number}")), ObjectReference::default());
    record(0);
    let _taken = listener.accept().await.unwrap();
    let started = Instant::now();
    for number in 0..1500 {
        record(number);
    }
    assert!(started.elapsed() < DEADLINE, "{:?}", started.elapsed());
    let text = text_of(&registry);
    assert!(
        text.contains("kubernetes_events_total{outcome=\"dropped\"} 500\n"),
        "{text}"
    );
    sending.abort();
}
