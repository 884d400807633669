//! A cache of several namespaces, each fed by its own source.

use std::convert::Infallible;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;

use super::super::{Builder, Reader, SourceEvent, Writer};
use super::{object, rv};
use crate::object::ObjectKey;

fn in_namespace(namespace: &str, name: &str, version: u32) -> ConfigMap {
    let uid = format!("{namespace}-{name}");
    let mut object = object(name, &uid, version, "");
    object.metadata.namespace = Some(namespace.to_owned());
    object
}

/// A cache of the namespaces `x` and `y`, and the writer of each.
fn fixture() -> (Reader<()>, Writer<ConfigMap, ()>, Writer<ConfigMap, ()>) {
    let builder = Builder::new(|_: ConfigMap| Ok::<_, Infallible>(()));
    let (reader, writer) = builder.namespaces(["y", "x"]).build();
    let [(x, feed_x), (y, feed_y)]: [_; 2] = writer.sources().try_into().ok().unwrap();
    assert_eq!((x.as_deref(), y.as_deref()), (Some("x"), Some("y")));
    (reader, feed_x, feed_y)
}

fn list(feed: &Writer<ConfigMap, ()>, version: u32, objects: Vec<ConfigMap>) {
    feed.apply([SourceEvent::ListStarted]);
    feed.apply(objects.into_iter().map(SourceEvent::Listed));
    feed.apply([SourceEvent::ListDone(rv(version))]);
}

fn names(reader: &Reader<()>) -> Vec<String> {
    reader.load().iter().map(|entry| entry.key.to_string()).collect()
}

#[test]
fn it_is_synced_when_every_namespace_is_and_as_old_as_the_oldest() {
    let (reader, x, y) = fixture();
    list(&x, 9, vec![in_namespace("x", "a", 3)]);
    assert!(!reader.is_synced());
    assert_eq!(reader.age(), None, "a namespace was never heard of");
    assert!(reader.age_in("x").is_some());
    assert_eq!((reader.age_in("y"), reader.age_in("other")), (None, None));
    list(&y, 5, vec![in_namespace("y", "b", 4)]);
    assert!(reader.age().is_some());
    assert_eq!(reader.load().resource_version(), Some(rv(5)));
    y.apply([SourceEvent::Bookmark(rv(12))]);
    assert_eq!(reader.load().resource_version(), Some(rv(9)));
    assert_eq!(names(&reader), ["x/a", "y/b"]);
}

#[test]
fn a_change_in_one_namespace_makes_no_other_newer() {
    let (reader, x, y) = fixture();
    list(&x, 9, vec![in_namespace("x", "a", 3)]);
    list(&y, 9, vec![in_namespace("y", "b", 4)]);
    y.apply([SourceEvent::Applied(in_namespace("y", "c", 20))]);
    x.observe_version("x", rv(12));
    let newest = || {
        let snapshot = reader.load();
        ["x", "y", "z"].map(|namespace| snapshot.newest_version_in(namespace))
    };
    assert_eq!(newest(), [Some(rv(12)), Some(rv(20)), None]);
    assert_eq!(reader.load().newest_version(), Some(rv(20)));
}

#[test]
fn a_list_of_one_namespace_leaves_the_others() {
    let (reader, x, y) = fixture();
    list(&x, 9, vec![in_namespace("x", "a", 3), in_namespace("x", "b", 4)]);
    list(&y, 9, vec![in_namespace("y", "c", 5)]);
    let generation = |namespace| reader.load().namespace(namespace).map(|state| state.generation);
    let of_y = generation("y");
    list(
        &x,
        12,
        vec![in_namespace("x", "b", 11), in_namespace("x", "d", 10)],
    );
    assert_eq!(names(&reader), ["x/b", "x/d", "y/c"]);
    assert_eq!(generation("y"), of_y);
    list(&x, 13, vec![]);
    assert_eq!(names(&reader), ["y/c"]);
}

#[test]
fn a_local_write_is_pending_by_the_version_of_its_own_namespace() {
    let (reader, x, y) = fixture();
    list(&x, 5, vec![]);
    list(&y, 5, vec![]);
    x.observe(in_namespace("x", "ours", 8));
    x.observe(in_namespace("y", "ours", 9));
    list(&x, 7, vec![]);
    assert_eq!(names(&reader), ["x/ours", "y/ours"]);
    // Another namespace's events do not confirm these writes.
    x.apply([SourceEvent::Applied(in_namespace("x", "ours", 8))]);
    x.apply([SourceEvent::Bookmark(rv(20))]);
    assert_eq!(names(&reader), ["x/ours", "y/ours"]);
    list(&y, 21, vec![]);
    list(&x, 21, vec![]);
    assert!(names(&reader).is_empty());
}

#[test]
fn a_local_write_into_a_namespace_without_a_source_is_not_kept() {
    let (reader, x, y) = fixture();
    list(&x, 5, vec![]);
    list(&y, 5, vec![]);
    x.observe(in_namespace("z", "ours", 8));
    x.observe_deleted(&ObjectKey::new("z", "other"), "1".into(), rv(3));
    assert!(names(&reader).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_tombstone_lasts_until_its_own_namespace_confirms_a_later_version() {
    let (reader, x, y) = fixture();
    list(&x, 5, vec![]);
    list(&y, 5, vec![in_namespace("y", "a", 3)]);
    y.observe_deleted(&ObjectKey::new("y", "a"), "y-a".into(), rv(3));
    tokio::time::advance(Duration::from_mins(6)).await;
    x.apply([SourceEvent::Bookmark(rv(20))]);
    list(&x, 21, vec![]);
    y.apply([SourceEvent::Applied(in_namespace("y", "a", 7))]);
    assert!(names(&reader).is_empty());
    y.apply([SourceEvent::Bookmark(rv(20))]);
    y.apply([SourceEvent::Applied(in_namespace("y", "a", 21))]);
    assert_eq!(names(&reader), ["y/a"]);
}
