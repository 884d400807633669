//! A list-watch against an API server that misbehaves: no streaming lists, expired pages, versions that go back,
//! forbidden namespaces, watches that end.

// Clippy takes only functions marked `#[test]` for tests.
#![allow(clippy::unwrap_used)]

mod support;

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kube_informer::cache::{Builder, LeftOut, Reader};

use k8s_openapi::api::core::v1::ConfigMap;
use kube_informer::connector::Options;
use kube_informer::object::ObjectKey;
use kube_informer::{Failure, ListWatch, Origin};
use serde_json::{Value, json};
use support::{Answer, api_server};
use tokio::sync::mpsc;

const SOON: Duration = Duration::from_secs(30);

fn object(name: &str, version: u32) -> Value {
    json!({"metadata": {
        "name": name, "namespace": "ns", "uid": name, "resourceVersion": version.to_string(),
    }})
}

fn page(version: u32, next: &str, objects: &[Value]) -> Answer {
    let version = version.to_string();
    Answer::ok(&json!({"metadata": {"resourceVersion": version, "continue": next}, "items": objects}))
}

fn refused(status: &'static str) -> Answer {
    Answer::With(status, "{}".to_owned())
}

/// Returns true if a request is for a streaming list.
fn is_streaming_list(request: &str) -> bool {
    request.contains("sendInitialEvents=true")
}

fn is_watch(request: &str) -> bool {
    request.contains("watch=true")
}

/// Returns a cache of names that the configured list-watch feeds from a server that answers with `answer`.
async fn follow(
    namespaces: &[&str],
    configure: impl FnOnce(ListWatch<ConfigMap>) -> ListWatch<ConfigMap>,
    answer: impl Fn(&str) -> Answer + Send + Sync + 'static,
) -> (Reader<()>, tokio::task::JoinHandle<Infallible>) {
    follow_into(builder(), namespaces, configure, answer).await
}

fn builder() -> Builder<ConfigMap, ()> {
    Builder::new(|_: ConfigMap| Ok::<_, Infallible>(()))
}

/// Like [`follow`], but with a given builder of the cache.
async fn follow_into(
    builder: Builder<ConfigMap, ()>,
    namespaces: &[&str],
    configure: impl FnOnce(ListWatch<ConfigMap>) -> ListWatch<ConfigMap>,
    answer: impl Fn(&str) -> Answer + Send + Sync + 'static,
) -> (Reader<()>, tokio::task::JoinHandle<Infallible>) {
    let (reader, writer) = builder.namespaces(namespaces.iter().copied()).build();
    let connector = api_server(&Options::default(), answer).await;
    let list_watch = configure(ListWatch::new(connector.resource()));
    (reader, tokio::spawn(list_watch.run(writer)))
}

fn names(reader: &Reader<()>) -> Vec<String> {
    reader
        .load()
        .iter()
        .map(|entry| entry.key.name().to_owned())
        .collect()
}

#[tokio::test]
async fn an_api_server_that_cannot_stream_lists_is_listed_in_pages() {
    for refusal in ["400 Bad Request", "422 Unprocessable Entity"] {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let answer = move |request: &str| {
            seen.lock().unwrap().push(request.to_owned());
            if is_streaming_list(request) {
                refused(refusal)
            } else if is_watch(request) {
                let event = json!({"type": "ADDED", "object": object("d", 8)});
                Answer::Watch(vec![event.to_string()])
            } else if request.contains("continue=second") {
                page(7, "third", &[object("b", 4)])
            } else if request.contains("continue=third") {
                page(7, "", &[object("c", 5)])
            } else {
                page(7, "second", &[object("a", 3)])
            }
        };
        let (reader, feed) = follow(&[], |list_watch| list_watch, answer).await;
        reader.wait_for("8".parse().unwrap(), SOON).await.unwrap();
        assert_eq!(names(&reader), ["a", "b", "c", "d"]);
        let requests = requests.lock().unwrap().clone();
        let [streaming, pages @ .., watch] = requests.as_slice() else {
            panic!("{requests:?}")
        };
        assert!(is_streaming_list(streaming) && is_watch(watch), "{requests:?}");
        assert!(watch.contains("resourceVersion=7"), "{watch}");
        assert!(pages.len() == 3 && pages.iter().all(|page| page.contains("limit=500")));
        feed.abort();
    }
}

#[tokio::test]
async fn a_list_of_nothing_may_be_null() {
    for items in ["", r#", "items": null"#, r#", "items": []"#] {
        let list = format!(r#"{{"metadata": {{"resourceVersion": "7"}}{items}}}"#);
        let answer = move |request: &str| {
            if is_streaming_list(request) {
                refused("400 Bad Request")
            } else if is_watch(request) {
                Answer::Watch(vec![])
            } else {
                Answer::ok(&list)
            }
        };
        let (reader, feed) = follow(&[], |list_watch| list_watch, answer).await;
        reader.wait_synced(SOON).await.unwrap();
        assert!(names(&reader).is_empty());
        feed.abort();
    }
}

#[tokio::test]
async fn a_list_whose_next_page_has_expired_begins_again_and_shows_nothing_of_the_first() {
    let firsts = Arc::new(AtomicUsize::new(0));
    let answer = move |request: &str| {
        if is_streaming_list(request) {
            refused("400 Bad Request")
        } else if is_watch(request) {
            Answer::Watch(vec![])
        } else if request.contains("continue=expired") {
            refused("410 Gone")
        } else if firsts.fetch_add(1, Ordering::SeqCst) == 0 {
            page(7, "expired", &[object("gone", 3)])
        } else {
            page(9, "", &[object("a", 8)])
        }
    };
    let (failures, mut failed) = mpsc::unbounded_channel();
    let on_failure = move |failure: &Failure, _: Origin<'_>| failures.send(failure.to_string()).unwrap();
    let (reader, feed) = follow(&[], |list_watch| list_watch.on_failure(on_failure), answer).await;
    reader.wait_synced(SOON).await.unwrap();
    assert_eq!(names(&reader), ["a"]);
    let failure = failed.recv().await.unwrap();
    assert!(failure.contains("expired"), "{failure}");
    feed.abort();
}

#[tokio::test]
async fn a_watch_from_an_expired_version_lists_again() {
    let lists = Arc::new(AtomicUsize::new(0));
    let answer = move |request: &str| {
        if is_streaming_list(request) {
            refused("400 Bad Request")
        } else if request.contains("resourceVersion=7") {
            let status = json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"});
            Answer::Watch(vec![json!({"type": "ERROR", "object": status}).to_string()])
        } else if is_watch(request) {
            Answer::Watch(vec![])
        } else if lists.fetch_add(1, Ordering::SeqCst) == 0 {
            page(7, "", &[object("gone", 3)])
        } else {
            page(9, "", &[object("a", 8)])
        }
    };
    let (reader, feed) = follow(&[], |list_watch| list_watch, answer).await;
    reader.wait_for("9".parse().unwrap(), SOON).await.unwrap();
    assert_eq!(names(&reader), ["a"]);
    feed.abort();
}

#[tokio::test]
async fn the_first_watch_after_a_list_is_short_so_that_a_newer_state_is_confirmed_soon() {
    let (sender, mut requests) = mpsc::unbounded_channel();
    let answer = move |request: &str| {
        if is_streaming_list(request) {
            refused("400 Bad Request")
        } else if is_watch(request) {
            sender.send(request.to_owned()).unwrap();
            Answer::ok(&"")
        } else {
            page(7, "", &[object("a", 3)])
        }
    };
    let watch_timeout = Duration::from_secs(20);
    let (_reader, feed) = follow(&[], |list_watch| list_watch.watch_timeout(watch_timeout), answer).await;
    for seconds in [2, 19, 19] {
        let watch = requests.recv().await.unwrap();
        assert!(watch.contains(&format!("timeoutSeconds={seconds}&")), "{watch}");
    }
    feed.abort();
}

#[tokio::test]
async fn selectors_go_along_with_lists_and_watches() {
    let (sender, mut requests) = mpsc::unbounded_channel();
    let answer = move |request: &str| {
        sender.send(request.to_owned()).unwrap();
        if is_streaming_list(request) {
            refused("400 Bad Request")
        } else if is_watch(request) {
            Answer::Watch(vec![])
        } else {
            page(7, "", &[])
        }
    };
    let select = |list_watch: ListWatch<ConfigMap>| list_watch.labels("team=green").fields("metadata.name=a");
    let (_reader, feed) = follow(&["ns"], select, answer).await;
    for _ in ["a streaming list", "a page", "a watch"] {
        let request = requests.recv().await.unwrap();
        assert!(
            request.starts_with("GET /api/v1/namespaces/ns/configmaps?"),
            "{request}"
        );
        assert!(request.contains("labelSelector=team%3Dgreen"), "{request}");
        assert!(request.contains("fieldSelector=metadata.name%3Da"), "{request}");
    }
    feed.abort();
}

#[tokio::test]
async fn a_restored_api_server_is_noticed_although_another_namespace_was_never_listed() {
    let lists = Arc::new(AtomicUsize::new(0));
    let answer = move |request: &str| {
        if request.contains("/namespaces/forbidden/") {
            refused("403 Forbidden")
        } else if is_streaming_list(request) {
            refused("400 Bad Request")
        } else if is_watch(request) {
            Answer::Watch(vec![])
        } else if lists.fetch_add(1, Ordering::SeqCst) == 0 {
            page(900, "", &[object("lost", 800)])
        } else {
            page(100, "", &[object("restored", 50)])
        }
    };
    let (went_back, mut noticed) = mpsc::unbounded_channel();
    let on_failure = move |failure: &Failure, _: Origin<'_>| {
        if matches!(failure, Failure::WentBack { .. }) {
            went_back.send(()).unwrap();
        }
    };
    let configure = |list_watch: ListWatch<ConfigMap>| {
        list_watch
            .check_every(Duration::from_millis(50))
            .on_failure(on_failure)
    };
    let (_reader, feed) = follow(&["forbidden", "ns"], configure, answer).await;
    let noticed = tokio::time::timeout(SOON, noticed.recv()).await;
    assert_eq!(noticed, Ok(Some(())));
    feed.abort();
}

#[tokio::test]
async fn the_hooks_get_failures_with_their_origin_and_a_panic_in_them_ends_nothing() {
    let answer = |request: &str| {
        if request.contains("/namespaces/forbidden/") {
            refused("403 Forbidden")
        } else if is_streaming_list(request) {
            refused("400 Bad Request")
        } else if is_watch(request) {
            let unreadable = json!({"metadata": object("unreadable", 8)["metadata"], "data": 1});
            let events = [
                json!({"type": "ADDED", "object": unreadable}),
                json!({"type": "ADDED", "object": {"metadata": 1}}),
                json!({"type": "ADDED", "object": object("a", 9)}),
            ];
            Answer::Watch(events.iter().map(Value::to_string).collect())
        } else {
            page(7, "", &[])
        }
    };
    let (failures, mut failed) = mpsc::unbounded_channel();
    let send_failure = failures.clone();
    let on_failure = move |failure: &Failure, origin: Origin<'_>| {
        let what = match failure {
            Failure::Request(_) => "a request".to_owned(),
            Failure::Unreadable(_) => "an object without metadata".to_owned(),
            other => other.to_string(),
        };
        assert_eq!(origin.resource, "configmaps");
        let namespace = origin.namespace.unwrap_or_default().to_owned();
        send_failure.send((namespace, what)).unwrap();
        panic!("a hook that panics");
    };
    let send_left_out = move |left_out: &LeftOut| {
        let LeftOut {
            key,
            resource_version,
            ..
        } = left_out;
        assert_eq!(*resource_version, Some("8".parse().unwrap()));
        failures
            .send((key.namespace().to_owned(), key.to_string()))
            .unwrap();
        panic!("a hook that panics");
    };
    let (reader, feed) = follow_into(
        builder().on_left_out(send_left_out),
        &["forbidden", "ns"],
        |list_watch| list_watch.on_failure(on_failure),
        answer,
    )
    .await;
    let mut expected = vec![
        ("forbidden", "a request"),
        ("ns", "ns/unreadable"),
        ("ns", "an object without metadata"),
    ];
    while !expected.is_empty() {
        let (namespace, what) = failed.recv().await.unwrap();
        expected.retain(|expected| *expected != (namespace.as_str(), what.as_str()));
    }
    let one = async {
        while reader.load().get("ns", "a").is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, one).await.unwrap();
    // The forbidden namespace is tried again without end.
    assert!(failed.recv().await.is_some());
    feed.abort();
}

#[tokio::test]
async fn an_unreadable_line_that_says_deleted_takes_the_object_away() {
    let answer = |request: &str| {
        if is_streaming_list(request) {
            refused("400 Bad Request")
        } else if is_watch(request) {
            let mut unreadable = object("a", 9);
            unreadable["data"] = 1.into();
            Answer::Watch(vec![json!({"type": "DELETED", "object": unreadable}).to_string()])
        } else {
            page(7, "", &[object("a", 3), object("b", 4)])
        }
    };
    let (reader, feed) = follow(&[], |list_watch| list_watch, answer).await;
    reader.wait_for("9".parse().unwrap(), SOON).await.unwrap();
    assert_eq!(names(&reader), ["b"]);
    feed.abort();
}

#[tokio::test]
async fn a_resource_without_a_definition_is_listed_once_there_is_one() {
    let lists = Arc::new(AtomicUsize::new(0));
    let answer = move |request: &str| {
        if is_watch(request) && !is_streaming_list(request) {
            Answer::Watch(vec![])
        } else if lists.fetch_add(1, Ordering::SeqCst) < 2 {
            refused("404 Not Found")
        } else if is_streaming_list(request) {
            let end = json!({"k8s.io/initial-events-end": "true"});
            let bookmark = json!({"metadata": {"resourceVersion": "7", "annotations": end}});
            Answer::Watch(vec![
                json!({"type": "ADDED", "object": object("a", 3)}).to_string(),
                json!({"type": "BOOKMARK", "object": bookmark}).to_string(),
            ])
        } else {
            refused("500 Internal Server Error")
        }
    };
    let (failures, mut failed) = mpsc::unbounded_channel();
    let on_failure = move |failure: &Failure, _: Origin<'_>| failures.send(failure.to_string()).unwrap();
    let (reader, feed) = follow(&[], |list_watch| list_watch.on_failure(on_failure), answer).await;
    let failure = failed.recv().await.unwrap();
    assert!(failure.contains("not found"), "{failure}");
    assert!(!reader.is_synced());
    reader.wait_synced(SOON).await.unwrap();
    assert_eq!(names(&reader), ["a"]);
    feed.abort();
}

#[tokio::test]
async fn a_success_of_another_call_ends_the_pause_of_an_outage() {
    let is_away = Arc::new(AtomicBool::new(true));
    let away = Arc::clone(&is_away);
    let answer = move |request: &str| {
        if request.contains("/configmaps/a") {
            Answer::ok(&object("a", 3))
        } else if away.load(Ordering::SeqCst) {
            refused("503 Service Unavailable")
        } else if is_streaming_list(request) {
            refused("400 Bad Request")
        } else if is_watch(request) {
            Answer::Watch(vec![])
        } else {
            page(7, "", &[object("a", 3)])
        }
    };
    let (failures, mut failed) = mpsc::unbounded_channel();
    let on_failure = move |_: &Failure, _: Origin<'_>| failures.send(()).unwrap();
    let (reader, writer) = builder().build();
    let connector = api_server(&Options::default(), answer).await;
    let list_watch = ListWatch::new(connector.resource()).on_failure(on_failure);
    let feed = tokio::spawn(list_watch.run(writer));
    for _ in 0..5 {
        failed.recv().await.unwrap();
    }
    // The shortest pause after the fifth failure.
    let least = Duration::from_millis(800) * 2_u32.pow(4) / 2;
    is_away.store(false, Ordering::SeqCst);
    let succeeded = Instant::now();
    let maps = connector.resource::<ConfigMap>();
    maps.get(&ObjectKey::new("ns", "a")).await.unwrap();
    reader.wait_synced(SOON).await.unwrap();
    assert!(succeeded.elapsed() < least, "{:?}", succeeded.elapsed());
    feed.abort();
}
