//! Connector and list-watch against a real API server, on resources that have nothing to do with books:
//! cluster-scoped and namespaced, typed and dynamic. Run by `cargo xtask test`, which starts the API server.

// Clippy takes only functions marked `#[test]` for tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use kube_informer::cache::{Builder, Reader};

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, Preconditions};
use kube::core::{GroupVersionKind, ObjectMeta};
use kube_informer::ListWatch;
use kube_informer::connector::{Connector, Deleted, Options, Reason};
use kube_informer::metrics::Metrics;
use kube_informer::object::ObjectKey;
use prometheus_client::registry::Registry;
use serde_json::json;

const SOON: Duration = Duration::from_secs(30);

async fn connector() -> Connector {
    connector_with(Metrics::default()).await
}

async fn connector_with(metrics: Metrics) -> Connector {
    let kubeconfig = std::env::var_os("BOOKSHELF_TEST_KUBECONFIG")
        .expect("BOOKSHELF_TEST_KUBECONFIG names no API server: run the tests with `cargo xtask test`");
    let options = Options {
        kubeconfig: Some(kubeconfig.into()),
        qps: 0.0,
        metrics,
        ..Options::default()
    };
    Connector::infer(options).await.unwrap()
}

/// Creates a namespace for one test and returns its name.
async fn namespace(connector: &Connector, name: &str) -> String {
    let name = format!("{name}-{}", std::process::id());
    let mut namespace = Namespace::default();
    namespace.metadata.name = Some(name.clone());
    connector
        .resource::<Namespace>()
        .create(&namespace)
        .await
        .unwrap();
    name
}

fn config_map(namespace: &str, name: &str, value: &str) -> ConfigMap {
    serde_json::from_value(
        json!({"metadata": {"name": name, "namespace": namespace}, "data": {"value": value}}),
    )
    .unwrap()
}

fn preconditions(object: &ConfigMap) -> Preconditions {
    Preconditions {
        uid: object.metadata.uid.clone(),
        resource_version: object.metadata.resource_version.clone(),
    }
}

#[tokio::test]
async fn an_object_is_created_read_changed_and_deleted() {
    let connector = connector().await;
    let namespace = namespace(&connector, "connector").await;
    let maps = connector.resource::<ConfigMap>();
    let key = ObjectKey::new(namespace.as_str(), "a");

    let missing = maps.get(&key).await.unwrap_err();
    assert!(matches!(missing.reason, Reason::NotFound(_)), "{missing}");
    let first = maps.create(&config_map(&namespace, "a", "1")).await.unwrap();
    let again = maps.create(&config_map(&namespace, "a", "1")).await.unwrap_err();
    assert!(matches!(again.reason, Reason::AlreadyExists(_)), "{again}");

    let mut second = first.clone();
    second
        .data
        .get_or_insert_default()
        .insert("value".to_owned(), "2".to_owned());
    let second = maps.update(&second).await.unwrap();
    let stale = maps.update(&first).await.unwrap_err();
    assert!(matches!(stale.reason, Reason::Conflict(_)), "{stale}");

    let patch =
        |version: &Option<String>| json!({"metadata": {"resourceVersion": version}, "data": {"value": "3"}});
    let stale = maps
        .patch(&key, &Patch::Merge(patch(&first.metadata.resource_version)))
        .await
        .unwrap_err();
    assert!(matches!(stale.reason, Reason::Conflict(_)), "{stale}");
    let third = maps
        .patch(&key, &Patch::Merge(patch(&second.metadata.resource_version)))
        .await
        .unwrap();
    assert_eq!(maps.get(&key).await.unwrap(), third);

    let list = maps
        .list(Some(&namespace), &ListParams::default().fields("metadata.name=a"))
        .await
        .unwrap();
    assert_eq!(list.items, std::slice::from_ref(&third));

    let stale = maps.delete(&key, preconditions(&second)).await.unwrap_err();
    assert!(matches!(stale.reason, Reason::Conflict(_)), "{stale}");
    assert!(matches!(
        maps.delete(&key, preconditions(&third)).await.unwrap(),
        Deleted::Gone
    ));
    let gone = maps.delete(&key, preconditions(&third)).await.unwrap_err();
    assert!(matches!(gone.reason, Reason::NotFound(_)), "{gone}");
}

#[tokio::test]
async fn an_object_with_a_finalizer_is_terminating_when_deleted() {
    let connector = connector().await;
    let namespace = namespace(&connector, "finalizer").await;
    let maps = connector.resource::<ConfigMap>();
    let mut map = config_map(&namespace, "a", "1");
    map.metadata.finalizers = Some(vec!["example.com/hold".to_owned()]);
    let map = maps.create(&map).await.unwrap();
    let key = ObjectKey::new(namespace.as_str(), "a");

    let Deleted::Terminating(held) = maps.delete(&key, preconditions(&map)).await.unwrap() else {
        panic!("an object with a finalizer was gone at once");
    };
    assert!(held.metadata.deletion_timestamp.is_some());
    maps.patch(&key, &Patch::Merge(json!({"metadata": {"finalizers": null}})))
        .await
        .unwrap();
    assert!(matches!(
        maps.get(&key).await.unwrap_err().reason,
        Reason::NotFound(_)
    ));
}

#[tokio::test]
async fn a_cluster_scoped_object_needs_no_namespace() {
    let connector = connector().await;
    let name = namespace(&connector, "cluster-scoped").await;
    let namespaces = connector.resource::<Namespace>();
    let key = ObjectKey::cluster_scoped(name.as_str());
    let labelled = namespaces
        .patch(&key, &Patch::Merge(json!({"metadata": {"labels": {"a": "b"}}})))
        .await
        .unwrap();
    assert_eq!(labelled.metadata.labels.unwrap()["a"], "b");
    assert!(
        namespaces
            .list(None, &ListParams::default())
            .await
            .unwrap()
            .items
            .len()
            > 1
    );
    namespaces.delete(&key, Preconditions::default()).await.unwrap();
}

#[tokio::test]
async fn answers_come_with_or_without_managed_fields() {
    let connector = connector().await;
    let namespace = namespace(&connector, "managed-fields").await;
    let maps = connector.resource::<ConfigMap>();
    let created = maps.create(&config_map(&namespace, "a", "1")).await.unwrap();
    assert!(created.metadata.managed_fields.is_some());
    let maps = maps.without_managed_fields();
    let got = maps.get(&ObjectKey::new(namespace, "a")).await.unwrap();
    let expected = ObjectMeta {
        managed_fields: None,
        ..created.metadata
    };
    assert_eq!((got.metadata, got.data), (expected, created.data));
}

#[tokio::test]
async fn a_resource_known_at_run_time_only_is_reached_too() {
    let connector = connector().await;
    let namespace = namespace(&connector, "dynamic").await;
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "ConfigMap"));
    let maps = connector.resource_with::<DynamicObject>(resource.clone());
    let mut map = DynamicObject::new("a", &resource)
        .within(&namespace)
        .data(json!({"data": {"value": "1"}}));
    map.metadata.labels = Some([("a".to_owned(), "b".to_owned())].into());
    maps.create(&map).await.unwrap();
    let listed = maps
        .list(Some(&namespace), &ListParams::default().labels("a=b"))
        .await
        .unwrap();
    assert_eq!(listed.items[0].data["data"]["value"], "1");
}

/// Returns a cache of the values of a namespace's config maps, and the task that feeds it.
fn values(
    connector: &Connector,
    namespace: &str,
) -> (Reader<String>, tokio::task::JoinHandle<std::convert::Infallible>) {
    values_in(connector, &[namespace])
}

fn values_in(
    connector: &Connector,
    namespaces: &[&str],
) -> (Reader<String>, tokio::task::JoinHandle<std::convert::Infallible>) {
    let builder = Builder::new(|map: ConfigMap| {
        map.data
            .and_then(|mut data| data.remove("value"))
            .ok_or("the object has no value")
    });
    let (reader, writer) = builder.namespaces(namespaces.iter().copied()).build();
    let feed = ListWatch::new(connector.resource())
        .fields("metadata.name!=kube-root-ca.crt")
        .check_every(Duration::from_millis(500));
    (reader, tokio::spawn(feed.run(writer)))
}

async fn until(reader: &Reader<String>, expected: &[&str]) {
    let contents = || {
        reader
            .snapshot()
            .iter()
            .map(|entry| format!("{}={}", entry.key.name(), entry.value))
            .collect::<Vec<_>>()
    };
    let wait = async {
        while contents() != expected {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(SOON, wait).await;
    assert!(waited.is_ok(), "the cache has {:?}, not {expected:?}", contents());
}

#[tokio::test]
async fn a_cache_follows_the_changes_at_the_api_server() {
    let connector = connector().await;
    let namespace = namespace(&connector, "list-watch").await;
    let maps = connector.resource::<ConfigMap>();
    maps.create(&config_map(&namespace, "a", "1")).await.unwrap();
    let (reader, feed) = values(&connector, &namespace);
    reader.wait_synced(SOON).await.unwrap();
    until(&reader, &["a=1"]).await;

    let b = maps.create(&config_map(&namespace, "b", "2")).await.unwrap();
    let key = ObjectKey::new(namespace.as_str(), "b");
    let version = b.metadata.resource_version.as_deref().unwrap().parse().unwrap();
    reader.wait_for(version, SOON).await.unwrap();
    assert_eq!(reader.load().get(&namespace, "b").unwrap().value, "2");

    maps.patch(&key, &Patch::Merge(json!({"data": {"value": "3"}})))
        .await
        .unwrap();
    until(&reader, &["a=1", "b=3"]).await;
    maps.patch(&key, &Patch::Merge(json!({"data": null})))
        .await
        .unwrap();
    until(&reader, &["a=1"]).await;
    maps.delete(&ObjectKey::new(namespace.as_str(), "a"), Preconditions::default())
        .await
        .unwrap();
    until(&reader, &[]).await;
    feed.abort();
}

#[tokio::test]
async fn a_list_longer_than_a_page_is_complete() {
    let connector = connector().await;
    let namespace = namespace(&connector, "pages").await;
    let maps = connector.resource::<ConfigMap>();
    let requests = (0..1_201).map(|number| {
        let (maps, map) = (
            maps.clone(),
            config_map(&namespace, &format!("map-{number:04}"), "x"),
        );
        async move { maps.create(&map).await.map(|_| ()) }
    });
    let created = futures::stream::iter(requests);
    futures::StreamExt::collect::<Vec<_>>(futures::StreamExt::buffer_unordered(created, 16))
        .await
        .into_iter()
        .for_each(|created| created.unwrap());
    let (reader, feed) = values(&connector, &namespace);
    reader.wait_synced(SOON).await.unwrap();
    assert_eq!(reader.load().len(), 1_201);
    feed.abort();
}

#[tokio::test]
async fn one_cache_follows_several_namespaces_and_no_other() {
    let connector = connector().await;
    let [first, second, other] = [
        namespace(&connector, "several-first").await,
        namespace(&connector, "several-second").await,
        namespace(&connector, "several-other").await,
    ];
    let maps = connector.resource::<ConfigMap>();
    maps.create(&config_map(&first, "a", "1")).await.unwrap();
    maps.create(&config_map(&other, "x", "0")).await.unwrap();
    let (reader, feed) = values_in(&connector, &[&first, &second]);
    reader.wait_synced(SOON).await.unwrap();
    assert_eq!(reader.load().len(), 1);
    for (namespace, name) in [(&second, "b"), (&other, "y"), (&first, "c")] {
        maps.create(&config_map(namespace, name, "2")).await.unwrap();
    }
    let wait = async {
        while reader.load().len() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, wait).await.unwrap();
    let snapshot = reader.snapshot();
    assert!(snapshot.get(&first, "a").is_some() && snapshot.get(&first, "c").is_some());
    assert!(snapshot.get(&second, "b").is_some());
    assert_eq!(snapshot.namespaced(&other).count(), 0);
    feed.abort();
}

/// Returns the value of the metric whose line begins with `line`; 0 if there is none.
fn metric(registry: &Registry, line: &str) -> f64 {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
    let found = text.lines().find_map(|candidate| candidate.strip_prefix(line));
    found.map_or(0.0, |value| value.trim().parse().unwrap())
}

#[tokio::test]
async fn requests_lists_events_and_checks_are_counted() {
    let metrics = Metrics::default();
    let mut registry = Registry::default();
    metrics.register(&mut registry);
    let connector = connector_with(metrics).await;
    let namespace = namespace(&connector, "metrics").await;
    let maps = connector.resource::<ConfigMap>();
    maps.create(&config_map(&namespace, "a", "1")).await.unwrap();
    maps.create(&config_map(&namespace, "a", "1")).await.unwrap_err();
    let (reader, feed) = values(&connector, &namespace);
    reader.wait_synced(SOON).await.unwrap();
    let b = maps.create(&config_map(&namespace, "b", "2")).await.unwrap();
    let version = b.metadata.resource_version.as_deref().unwrap().parse().unwrap();
    reader.wait_for(version, SOON).await.unwrap();
    let wait = async {
        while metric(&registry, "cache_checks_total{resource=\"configmaps\"}") < 1.0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, wait).await.unwrap();
    for (line, expected) in [
        (
            "rest_client_requests_total{verb=\"create\",resource=\"configmaps\",code=\"201\"}",
            2.0,
        ),
        (
            "rest_client_requests_total{verb=\"create\",resource=\"configmaps\",code=\"409\"}",
            1.0,
        ),
        (
            "rest_client_requests_total{verb=\"create\",resource=\"namespaces\",code=\"201\"}",
            1.0,
        ),
        (
            "rest_client_rate_limiter_duration_seconds_count{verb=\"create\",resource=\"configmaps\"}",
            3.0,
        ),
        (
            "reflector_list_duration_seconds_count{resource=\"configmaps\"}",
            1.0,
        ),
        ("reflector_watches_total{resource=\"configmaps\"}", 1.0),
        ("cache_objects{resource=\"configmaps\"}", 2.0),
        (
            "cache_events_total{resource=\"configmaps\",type=\"applied\"}",
            1.0,
        ),
        ("cache_repaired_objects_total{resource=\"configmaps\"}", 0.0),
    ] {
        assert!(
            (metric(&registry, line) - expected).abs() < f64::EPSILON,
            "{line}: {}",
            metric(&registry, line)
        );
    }
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    let heard = metric(
        &registry,
        "cache_last_heard_timestamp_seconds{resource=\"configmaps\"}",
    );
    assert!((now - heard).abs() < 60.0, "{heard}, and it is {now}");
    assert!(reader.age().unwrap() < ListWatch::<ConfigMap>::WATCH_TIMEOUT);
    feed.abort();
}
