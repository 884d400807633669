//! The next read of the cache serves the answers of calls, and late events do not undo them.

// Clippy takes only functions marked `#[test]` for tests.
#![allow(clippy::unwrap_used)]

mod support;

use kube_informer::cache::{Builder, SourceEvent, Writer};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, Preconditions};
use kube_informer::CachedClient;
use kube_informer::connector::{Deleted, Options, Reason};
use kube_informer::object::ObjectKey;
use serde_json::{Value, json};
use support::{Answer, api_server};

fn object(uid: &str, version: u32) -> Value {
    json!({"kind": "ConfigMap", "metadata": {
        "name": "a", "namespace": "ns", "uid": uid, "resourceVersion": version.to_string(),
    }})
}

fn map(uid: &str, version: u32) -> ConfigMap {
    serde_json::from_value(object(uid, version)).unwrap()
}

fn key() -> ObjectKey {
    ObjectKey::new("ns", "a")
}

/// Returns a client whose API server answers with `answer`. Its cache holds the versions of objects, after a list of
/// `listed` at version 5.
async fn client(
    listed: &[ConfigMap],
    answer: impl Fn(&str) -> Answer + Send + Sync + 'static,
) -> CachedClient<ConfigMap, u32> {
    let version = |map: ConfigMap| map.metadata.resource_version.unwrap_or_default().parse::<u32>();
    let (_, writer) = Builder::new(version).build();
    writer.apply([SourceEvent::ListStarted]);
    writer.apply(listed.iter().cloned().map(SourceEvent::Listed));
    writer.apply([SourceEvent::ListDone("5".parse().unwrap())]);
    CachedClient::new(api_server(&Options::default(), answer).await.resource(), writer)
}

/// Returns the served version of the object.
fn served(client: &CachedClient<ConfigMap, u32>) -> Option<u32> {
    client.reader().load().get("ns", "a").map(|entry| entry.value)
}

fn applied(writer: &Writer<ConfigMap, u32>, object: ConfigMap) {
    writer.apply([SourceEvent::Applied(object)]);
}

fn not_found() -> Answer {
    Answer::With("404 Not Found", json!({"reason": "NotFound"}).to_string())
}

/// Returns the deleted object without grace period and finalizers, as in the answers about Pods that have ended.
fn released() -> Value {
    let mut released = object("1", 9);
    released["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    released["metadata"]["deletionGracePeriodSeconds"] = 0.into();
    released
}

/// The same with a finalizer.
fn held() -> Value {
    let mut held = released();
    held["metadata"]["finalizers"] = json!(["example.com/held"]);
    held
}

fn gone(uid: &str) -> Answer {
    Answer::ok(&json!({"kind": "Status", "status": "Success", "details": {"name": "a", "uid": uid}}))
}

#[tokio::test]
async fn the_next_read_returns_the_created_updated_or_patched_object() {
    let client = client(&[], |request| {
        Answer::ok(&match request.split(' ').next() {
            Some("POST") => object("1", 10),
            Some("PUT") => object("1", 11),
            _ => object("1", 12),
        })
    })
    .await;
    client.create(&map("", 1)).await.unwrap();
    assert_eq!(served(&client), Some(10));
    client.update(&map("1", 10)).await.unwrap();
    assert_eq!(served(&client), Some(11));
    let patched = client.patch(&key(), &Patch::Merge(json!({}))).await.unwrap();
    assert_eq!(patched.metadata.resource_version.as_deref(), Some("12"));
    for late in 10..12 {
        applied(client.writer(), map("1", late));
        assert_eq!(served(&client), Some(12));
    }
}

#[tokio::test]
async fn the_next_read_does_not_return_a_deleted_object_and_no_late_event_brings_it_back() {
    for uid in [None, Some("1".to_owned())] {
        let client = client(&[map("1", 3)], |_| gone("1")).await;
        let preconditions = Preconditions {
            uid,
            resource_version: None,
        };
        let deleted = client.delete(&key(), preconditions).await.unwrap();
        assert!(matches!(deleted, Deleted::Gone));
        assert_eq!(served(&client), None);
        applied(client.writer(), map("1", 6));
        assert_eq!(served(&client), None);
        client.writer().apply([SourceEvent::Deleted(map("1", 7))]);
        applied(client.writer(), map("2", 8));
        assert_eq!(served(&client), Some(8));
    }
}

#[tokio::test]
async fn an_object_deleted_before_the_watch_reports_its_creation_is_never_served() {
    // The response has the uid of an object that the cache has never had: the successor of the cached one.
    let client = client(&[map("1", 3)], |_| gone("2")).await;
    client.delete(&key(), Preconditions::default()).await.unwrap();
    assert_eq!(served(&client), None);
    client.writer().apply([
        SourceEvent::Deleted(map("1", 6)),
        SourceEvent::Applied(map("2", 7)),
    ]);
    assert_eq!(served(&client), None);
}

#[tokio::test]
async fn an_object_with_finalizers_is_served_while_they_run() {
    let mut terminating = object("1", 9);
    terminating["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    let client = client(&[map("1", 3)], move |_| Answer::ok(&terminating)).await;
    let deleted = client.delete(&key(), Preconditions::default()).await.unwrap();
    assert!(matches!(deleted, Deleted::Terminating(_)));
    assert_eq!(served(&client), Some(9));
}

#[tokio::test]
async fn a_delete_that_returns_the_object_without_a_grace_period_or_finalizers_removes_it() {
    let mut given_time = released();
    given_time["metadata"]["deletionGracePeriodSeconds"] = 30.into();
    for (answer, still_served) in [(released(), None), (held(), Some(9)), (given_time, Some(9))] {
        let client = client(&[map("1", 3)], move |_| Answer::ok(&answer)).await;
        let deleted = client.delete(&key(), Preconditions::default()).await.unwrap();
        assert_eq!(matches!(deleted, Deleted::Gone), still_served.is_none());
        assert_eq!(served(&client), still_served);
        applied(client.writer(), map("1", 8));
        assert_eq!(served(&client), still_served);
    }
}

#[tokio::test]
async fn a_change_that_removes_the_last_finalizer_of_a_deleted_object_removes_it() {
    for (answer, still_served) in [(released(), None), (held(), Some(9))] {
        let answer = move |_: &str| Answer::ok(&answer);
        let (patched, updated) = (
            client(&[map("1", 3)], answer.clone()).await,
            client(&[map("1", 3)], answer).await,
        );
        patched.patch(&key(), &Patch::Merge(json!({}))).await.unwrap();
        updated.update(&map("1", 3)).await.unwrap();
        for client in [patched, updated] {
            assert_eq!(served(&client), still_served);
            applied(client.writer(), map("1", 8));
            assert_eq!(served(&client), still_served);
        }
    }
}

#[tokio::test]
async fn an_object_that_follows_a_released_one_before_the_answer_comes_is_served() {
    let client = client(&[map("1", 3)], |_| Answer::ok(&released())).await;
    // The watch is faster than the answer.
    client.writer().apply([
        SourceEvent::Deleted(map("1", 10)),
        SourceEvent::Applied(map("2", 11)),
    ]);
    client.patch(&key(), &Patch::Merge(json!({}))).await.unwrap();
    assert_eq!(served(&client), Some(11));
}

#[tokio::test]
async fn an_object_deleted_elsewhere_is_not_served_once_a_call_finds_it_missing() {
    let client = client(&[map("1", 3)], |_| not_found()).await;
    let error = client.delete(&key(), Preconditions::default()).await.unwrap_err();
    assert!(matches!(error.reason, Reason::NotFound(_)), "{error}");
    assert_eq!(served(&client), None);
    applied(client.writer(), map("2", 8));
    assert_eq!(served(&client), Some(8));
    client.get(&key()).await.unwrap_err();
    assert_eq!(served(&client), None);
}

#[tokio::test]
async fn a_read_object_is_served_and_a_refused_write_changes_nothing() {
    let client = client(&[map("1", 3)], |request| match request.split(' ').next() {
        Some("GET") => Answer::ok(&object("1", 8)),
        _ => Answer::With("409 Conflict", json!({"reason": "Conflict"}).to_string()),
    })
    .await;
    client.update(&map("1", 2)).await.unwrap_err();
    client.delete(&key(), Preconditions::default()).await.unwrap_err();
    assert_eq!(served(&client), Some(3));
    client.get(&key()).await.unwrap();
    assert_eq!(served(&client), Some(8));
}
