//! Objects that are left out because the transform or an index refuses them, and their counts.

use std::convert::Infallible;

use k8s_openapi::api::core::v1::ConfigMap;
use prometheus_client::registry::Registry;

use super::super::{Builder, SourceEvent};
use super::{SOON, object, rv};
use crate::metrics::Metrics;

fn is_bad(map: &ConfigMap) -> bool {
    map.metadata.name.as_deref() == Some("bad")
}

fn listed(builder: Builder<ConfigMap, bool>) -> super::super::Reader<bool> {
    let (reader, writer) = builder.build();
    writer.apply([
        SourceEvent::ListStarted,
        SourceEvent::Listed(object("bad", "1", 1, "")),
        SourceEvent::Listed(object("good", "2", 2, "")),
        SourceEvent::ListDone(rv(3)),
    ]);
    writer.apply([
        SourceEvent::Applied(object("bad", "1", 4, "")),
        SourceEvent::Applied(object("good", "2", 5, "")),
    ]);
    writer.observe(object("bad", "1", 6, ""));
    reader
}

#[test]
fn an_object_on_which_the_transform_panics_is_left_out() {
    let transform = |map: ConfigMap| {
        assert!(!is_bad(&map), "a bad object");
        Ok::<_, Infallible>(true)
    };
    let reader = listed(Builder::new(transform));
    assert_eq!(reader.load().len(), 1);
    assert_eq!(reader.load().get("ns", "good").unwrap().resource_version, rv(5));
}

#[test]
fn an_object_on_which_an_index_panics_is_left_out() {
    let mut builder = Builder::new(|map: ConfigMap| Ok::<_, Infallible>(is_bad(&map)));
    let index = builder.index("good", |is_bad| {
        assert!(!is_bad, "a bad object");
        vec!["good".into()]
    });
    let reader = listed(builder);
    let snapshot = reader.snapshot();
    assert_eq!((snapshot.len(), snapshot.indexed(index, "good").count()), (1, 1));
    assert_eq!(snapshot.get("ns", "good").unwrap().resource_version, rv(5));
}

#[tokio::test]
async fn a_cache_fed_by_hand_counts_its_events_and_refusals() {
    let (metrics, mut registry) = (Metrics::default(), Registry::default());
    metrics.register(&mut registry);
    let transform = |map: ConfigMap| {
        if is_bad(&map) {
            Err("a bad object")
        } else {
            Ok(true)
        }
    };
    let reader = listed(Builder::new(transform).metrics(&metrics, "configmaps"));
    let mut handler = reader.handle(|_| panic!("a handler that panics"), None);
    handler.wait_synced(SOON).await.unwrap();
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    for line in [
        "cache_refused_objects_total{resource=\"configmaps\"} 3",
        "cache_handler_panics_total{resource=\"configmaps\"} 1",
        "cache_events_total{resource=\"configmaps\",type=\"listed\"} 2",
        "cache_events_total{resource=\"configmaps\",type=\"applied\"} 2",
        "cache_objects{resource=\"configmaps\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
}
