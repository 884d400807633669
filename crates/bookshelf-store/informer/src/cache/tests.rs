//! Tests that feed the cache by hand: what readers see after lists, events and local writes, in every order in which
//! they can arrive.

mod checks;
mod deletions;
mod events;
mod following;
mod local_writes;
mod model;
mod ranges;
mod refreshes;
mod refusals;
mod selectors;
mod sources;
mod staleness;
mod texts;

use std::convert::Infallible;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::json;

use super::{Builder, Index, Reader, SourceEvent, Writer};
use crate::object::{ObjectKey, ResourceVersion};

const NOW: Duration = Duration::ZERO;
const SOON: Duration = Duration::from_secs(5);

struct Fixture {
    reader: Reader<String>,
    writer: Writer<ConfigMap, String>,
    by_value: Index,
}

/// A cache that keeps the `data.value` of each object, as its text too, and refuses objects without one.
fn fixture() -> Fixture {
    fixture_with(|builder| builder)
}

fn fixture_with(options: impl FnOnce(Builder<ConfigMap, String>) -> Builder<ConfigMap, String>) -> Fixture {
    let builder = Builder::new(|map: ConfigMap| {
        map.data
            .and_then(|mut data| data.remove("value"))
            .ok_or("the object has no value")
    });
    let mut builder = options(builder.text(value));
    let by_value = builder.index("value", |value: &String| vec![value.as_str().into()]);
    let (reader, writer) = builder.build();
    Fixture {
        reader,
        writer,
        by_value,
    }
}

fn value(map: &ConfigMap) -> String {
    let value = map.data.as_ref().and_then(|data| data.get("value"));
    value.cloned().unwrap_or_default()
}

impl Fixture {
    fn listed(self, version: u32, objects: &[ConfigMap]) -> Self {
        self.list(version, objects);
        self
    }

    fn list(&self, version: u32, objects: &[ConfigMap]) {
        let objects = objects.iter().cloned().map(SourceEvent::Listed);
        self.writer.apply([SourceEvent::ListStarted]);
        self.writer.apply(objects);
        self.writer.apply([SourceEvent::ListDone(rv(version))]);
    }

    fn applied(&self, object: ConfigMap) {
        self.writer.apply([SourceEvent::Applied(object)]);
    }

    fn deleted(&self, object: ConfigMap) {
        self.writer.apply([SourceEvent::Deleted(object)]);
    }

    /// Returns every object as `name=value`. Checks that the index and the texts agree with it.
    fn contents(&self) -> Vec<String> {
        let snapshot = self.reader.snapshot();
        for entry in snapshot.iter() {
            let mut filed = snapshot.indexed(self.by_value, &entry.value);
            assert!(
                filed.any(|filed| filed.key == entry.key),
                "the index lacks {:?}",
                entry.key
            );
        }
        texts::check(&snapshot, &["", "0", "1", "x", "y"]);
        assert_eq!(
            snapshot.contents.indexes[0].len(),
            snapshot.len(),
            "the index has objects that are gone"
        );
        snapshot
            .iter()
            .map(|entry| format!("{}={}", entry.key.name(), entry.value))
            .collect()
    }
}

fn rv(version: u32) -> ResourceVersion {
    version.to_string().parse().unwrap()
}

fn object(name: &str, uid: &str, version: u32, value: &str) -> ConfigMap {
    serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": "ns", "uid": uid, "resourceVersion": version.to_string()},
        "data": {"value": value},
    }))
    .unwrap()
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("ns", name)
}

#[test]
fn nothing_is_there_before_the_first_list_is_complete() {
    let cache = fixture();
    cache.writer.apply([
        SourceEvent::ListStarted,
        SourceEvent::Listed(object("a", "1", 3, "x")),
    ]);
    assert!(!cache.reader.is_synced());
    assert!(cache.contents().is_empty());
    cache.writer.apply([SourceEvent::ListDone(rv(5))]);
    assert!(cache.reader.is_synced());
    assert_eq!(cache.contents(), ["a=x"]);
    assert_eq!(cache.reader.load().resource_version(), Some(rv(5)));
}

#[test]
fn events_change_objects_and_the_index_follows() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x"), object("b", "2", 4, "x")]);
    cache.applied(object("a", "1", 6, "y"));
    cache.applied(object("c", "3", 7, "x"));
    cache.deleted(object("b", "2", 8, "x"));
    assert_eq!(cache.contents(), ["a=y", "c=x"]);
    assert_eq!(cache.reader.load().resource_version(), Some(rv(8)));
}

#[test]
fn a_snapshot_stays_as_it_was() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    let before = cache.reader.snapshot();
    cache.applied(object("a", "1", 6, "y"));
    assert_eq!(before.get("ns", "a").unwrap().value, "x");
    assert_eq!(before.indexed(cache.by_value, "y").count(), 0);
    assert_eq!(before.indexed(cache.by_value, "x").count(), 1);
}

#[test]
fn a_list_replaces_everything_at_once() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x"), object("b", "2", 4, "x")]);
    cache.writer.apply([
        SourceEvent::ListStarted,
        SourceEvent::Listed(object("b", "2", 9, "y")),
    ]);
    assert_eq!(
        cache.contents(),
        ["a=x", "b=x"],
        "a list that is not complete shows"
    );
    cache.writer.apply([SourceEvent::ListDone(rv(9))]);
    assert_eq!(cache.contents(), ["b=y"]);
}

#[test]
fn an_object_we_deleted_is_not_brought_back_by_its_older_events() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    cache.writer.observe_deleted(&key("a"), "1".into(), rv(3));
    assert!(cache.contents().is_empty());
    cache.applied(object("a", "1", 6, "older"));
    cache.list(6, &[object("a", "1", 6, "older")]);
    assert!(cache.contents().is_empty());
    cache.deleted(object("a", "1", 7, "older"));
    cache.applied(object("a", "2", 8, "another"));
    assert_eq!(cache.contents(), ["a=another"]);
}

#[test]
fn a_predecessor_of_an_object_we_deleted_is_not_brought_back() {
    let cache = fixture().listed(5, &[]);
    // Created at 6, deleted at 7, created again at 8, then deleted by us before the watch reported any of this.
    cache.writer.observe_deleted(&key("a"), "2".into(), rv(8));
    cache.applied(object("a", "1", 6, "predecessor"));
    assert!(cache.contents().is_empty());
}

#[test]
fn an_object_we_deleted_is_not_brought_back_by_a_list_under_way() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    cache.writer.apply([
        SourceEvent::ListStarted,
        SourceEvent::Listed(object("a", "1", 3, "x")),
    ]);
    cache.writer.observe_deleted(&key("a"), "1".into(), rv(3));
    cache.writer.apply([SourceEvent::ListDone(rv(5))]);
    assert!(cache.contents().is_empty());
}

#[test]
fn events_before_the_end_of_a_streaming_list_count() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    cache.writer.apply([
        SourceEvent::ListStarted,
        SourceEvent::Listed(object("a", "1", 3, "x")),
        SourceEvent::Listed(object("b", "2", 4, "x")),
        SourceEvent::Listed(object("b", "2", 6, "y")),
        SourceEvent::Deleted(object("a", "1", 7, "x")),
    ]);
    assert_eq!(
        cache.reader.load().resource_version(),
        Some(rv(5)),
        "a list that is not complete counts"
    );
    cache.writer.apply([SourceEvent::ListDone(rv(7))]);
    assert_eq!(cache.contents(), ["b=y"]);
}

#[test]
fn deleting_an_object_leaves_its_successor() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    cache.writer.observe(object("a", "2", 9, "successor"));
    cache.writer.observe_deleted(&key("a"), "1".into(), rv(3));
    cache.deleted(object("a", "1", 8, "x"));
    assert_eq!(cache.contents(), ["a=successor"]);
}

#[test]
fn an_object_that_cannot_be_converted_is_left_out_until_it_can() {
    let without_value = |version| ConfigMap {
        data: None,
        ..object("a", "1", version, "")
    };
    let cache = fixture().listed(5, &[without_value(3), object("b", "2", 4, "x")]);
    assert_eq!(cache.contents(), ["b=x"]);
    cache.applied(object("a", "1", 6, "x"));
    assert_eq!(cache.contents(), ["a=x", "b=x"]);
    cache.applied(without_value(7));
    assert_eq!(cache.contents(), ["b=x"]);
    assert_eq!(cache.reader.load().resource_version(), Some(rv(7)));
}

#[test]
fn look_ups_keep_to_their_namespace_and_their_value() {
    let mut elsewhere = object("a", "9", 4, "x");
    elsewhere.metadata.namespace = Some("ns2".to_owned());
    let cache = fixture().listed(
        5,
        &[
            object("b", "1", 1, "x"),
            object("a", "2", 2, "x"),
            object("c", "3", 3, "xy"),
            elsewhere,
        ],
    );
    let snapshot = cache.reader.snapshot();
    let names = |entries: Vec<&std::sync::Arc<super::Entry<String>>>| {
        entries
            .iter()
            .map(|entry| entry.key.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(snapshot.namespaced("ns").collect()),
        ["ns/a", "ns/b", "ns/c"]
    );
    assert_eq!(names(snapshot.namespaced("n").collect()), [""; 0]);
    assert_eq!(
        names(snapshot.indexed(cache.by_value, "x").collect()),
        ["ns/a", "ns/b", "ns2/a"]
    );
    assert_eq!(
        names(snapshot.indexed_in(cache.by_value, "x", "ns").collect()),
        ["ns/a", "ns/b"]
    );
}

#[tokio::test]
async fn waiting_for_a_version_ends_when_the_cache_has_it() {
    let cache = fixture().listed(5, &[]);
    cache.reader.wait_for(rv(5), NOW).await.unwrap();
    assert!(cache.reader.wait_for(rv(6), NOW).await.is_err());
    let waiting = tokio::spawn({
        let reader = cache.reader.clone();
        async move { reader.wait_for(rv(6), SOON).await }
    });
    cache.writer.apply([SourceEvent::Bookmark(rv(6))]);
    waiting.await.unwrap().unwrap();
}

#[test]
fn a_cluster_scoped_object_has_the_empty_namespace() {
    let (reader, writer) = Builder::new(|_: ConfigMap| Ok::<_, Infallible>(())).build();
    let mut shelf = object("shelf", "1", 1, "");
    shelf.metadata.namespace = None;
    writer.apply([
        SourceEvent::ListStarted,
        SourceEvent::Listed(shelf),
        SourceEvent::ListDone(rv(1)),
    ]);
    assert!(reader.load().get("", "shelf").is_some());
}

#[test]
fn an_object_that_a_streaming_list_deletes_is_served_until_the_list_is_done() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    cache.writer.apply([
        SourceEvent::ListStarted,
        SourceEvent::Listed(object("a", "1", 3, "x")),
        SourceEvent::Deleted(object("a", "1", 7, "x")),
    ]);
    assert_eq!(cache.contents(), ["a=x"]);
    cache.writer.apply([SourceEvent::ListDone(rv(8))]);
    assert!(cache.contents().is_empty());
}

#[test]
fn a_restored_api_server_s_list_counts_although_it_is_older() {
    let cache = fixture().listed(900, &[object("a", "1", 800, "x")]);
    cache.writer.observe(object("b", "2", 901, "lost"));
    cache.list(100, &[object("a", "1", 50, "restored")]);
    assert_eq!(cache.contents(), ["a=restored"]);
    let snapshot = cache.reader.snapshot();
    assert_eq!(
        (snapshot.resource_version(), snapshot.newest_version()),
        (Some(rv(100)), Some(rv(100)))
    );
    cache.applied(object("a", "1", 101, "y"));
    assert_eq!(cache.contents(), ["a=y"]);
}

#[test]
fn the_newest_version_stays_while_nothing_changes() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    let newest = || cache.reader.load().newest_version();
    assert_eq!(newest(), Some(rv(5)));
    cache.writer.apply([SourceEvent::Bookmark(rv(9))]);
    cache.list(10, &[object("a", "1", 3, "x")]);
    assert_eq!(newest(), Some(rv(5)));
    cache.writer.observe(object("a", "1", 12, "ours"));
    assert_eq!(newest(), Some(rv(12)));
    cache.deleted(object("a", "1", 13, "ours"));
    assert_eq!(newest(), Some(rv(13)));
    cache.writer.apply([SourceEvent::Bookmark(rv(20))]);
    cache.list(30, &[object("b", "2", 25, "x")]);
    assert_eq!(newest(), Some(rv(30)));
}

#[tokio::test]
async fn a_waiting_reader_learns_that_nothing_feeds_the_cache_any_more() {
    let Fixture { reader, writer, .. } = fixture();
    let mut subscription = reader.subscribe();
    drop(writer);
    assert!(reader.wait_synced(SOON).await.is_err());
    assert!(subscription.next().await.is_err());
}
