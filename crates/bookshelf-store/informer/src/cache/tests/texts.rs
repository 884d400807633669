//! Compares searches of the texts of a cache with a scan of each text.

use std::convert::Infallible;

use k8s_openapi::api::core::v1::ConfigMap;
use proptest::prelude::*;

use super::super::{Builder, Search, Snapshot, SourceEvent};
use super::{Fixture, fixture, object, rv, value};
use crate::object::ObjectKey;

/// Asserts that a search finds the objects whose value contains all needles.
#[track_caller]
fn assert_found(snapshot: &Snapshot<String>, needles: &[&str], namespace: Option<&str>, after: (&str, &str)) {
    let search = Search::new(needles);
    let found = snapshot
        .search_after(&search, namespace, after.0, after.1)
        .unwrap();
    let found: Vec<_> = found.map(|entry| entry.key.clone()).collect();
    let expected = snapshot.iter().filter(|entry| {
        let key = (entry.key.namespace(), entry.key.name());
        key > after
            && namespace.is_none_or(|namespace| namespace == key.0)
            && needles.iter().all(|needle| entry.value.contains(needle))
    });
    let expected: Vec<_> = expected.map(|entry| entry.key.clone()).collect();
    assert_eq!(found, expected, "{needles:?} in {namespace:?} after {after:?}");
}

/// Asserts that searches for each of these needles find the right objects, after any key.
#[track_caller]
pub(super) fn check(snapshot: &Snapshot<String>, needles: &[&str]) {
    let keys: Vec<_> = snapshot.iter().map(|entry| entry.key.clone()).collect();
    for needle in needles {
        assert_found(snapshot, &[needle], None, ("", ""));
        for key in &keys {
            let namespace = key.namespace();
            assert_found(snapshot, &[needle], None, (namespace, key.name()));
            assert_found(snapshot, &[needle], Some(namespace), (namespace, ""));
            assert_found(snapshot, &[needle], Some(namespace), (namespace, key.name()));
        }
    }
}

fn object_in(namespace: &str, name: &str, version: u32, value: &str) -> ConfigMap {
    let mut object = object(name, &format!("{namespace}/{name}"), version, value);
    object.metadata.namespace = Some(namespace.to_owned());
    object
}

/// A write of an object, or its deletion.
type Change = (usize, u8, Option<String>);

fn change() -> impl Strategy<Value = Change> {
    // Short texts of few letters, and some that are longer than a page may be.
    let text = prop_oneof![6 => "[ab\\u{e4} ]{0,6}", 1 => "[ab\\u{e4} ]{60,90}"];
    (0..3_usize, 0..30_u8, prop::option::weighted(0.7, text))
}

fn apply(cache: &Fixture, version: u32, (namespace, name, text): &Change) {
    let (namespace, name) = (["a", "b", "c"][*namespace], format!("n{name:02}"));
    let object = object_in(namespace, &name, version, text.as_deref().unwrap_or_default());
    cache.writer.apply([match text {
        Some(_) => SourceEvent::Applied(object),
        None => SourceEvent::Deleted(object),
    }]);
}

proptest! {
    #[test]
    fn a_search_finds_the_objects_whose_texts_have_all_needles(
        changes in prop::collection::vec(change(), 0..120),
        needles in prop::collection::vec("[ab\\u{e4} ]{0,3}", 0..4),
    ) {
        let cache = fixture().listed(1, &[]);
        for (version, change) in (2..).zip(&changes) {
            apply(&cache, version, change);
        }
        let snapshot = cache.reader.snapshot();
        let needles: Vec<_> = needles.iter().map(String::as_str).collect();
        check(&snapshot, &needles);
        for after in [("", ""), ("a", "n15"), ("b", ""), ("b", "n29"), ("c", "n00"), ("d", "")] {
            assert_found(&snapshot, &needles, None, after);
        }
        for namespace in ["a", "b", "c", "d"] {
            assert_found(&snapshot, &needles, Some(namespace), (namespace, "n07"));
        }
    }

    #[test]
    fn a_list_has_the_texts_that_events_would_have_made(changes in prop::collection::vec(change(), 0..60)) {
        let watched = fixture().listed(1, &[]);
        for (version, change) in (2..).zip(&changes) {
            apply(&watched, version, change);
        }
        let watched = watched.reader.snapshot();
        let listed = fixture();
        listed.writer.apply([SourceEvent::ListStarted]);
        listed.writer.apply(watched.iter().map(|entry| {
            let version: u32 = entry.resource_version.to_string().parse().unwrap();
            SourceEvent::Listed(object_in(entry.key.namespace(), entry.key.name(), version, &entry.value))
        }));
        listed.writer.apply([SourceEvent::ListDone(rv(500))]);
        check(&listed.reader.snapshot(), &["a", "b", " "]);
    }
}

#[test]
fn a_needle_does_not_run_from_one_text_into_the_next() {
    let cache = fixture().listed(9, &[object("a", "1", 3, "xy"), object("b", "2", 4, "z")]);
    let snapshot = cache.reader.snapshot();
    let count = |needles: &[&str]| snapshot.search(&Search::new(needles), None).unwrap().count();
    assert_eq!((count(&["xy"]), count(&["yz"]), count(&["y", "z"])), (1, 0, 0));
    assert_eq!(
        (count(&[]), count(&[""]), count(&["x", "xy", "y", "x"])),
        (2, 2, 1)
    );
}

#[test]
fn a_snapshot_keeps_its_texts() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "old")]);
    let before = cache.reader.snapshot();
    cache.applied(object("a", "1", 6, "new"));
    let after = cache.reader.snapshot();
    let finds =
        |snapshot: &Snapshot<String>, needle| snapshot.search(&Search::new([needle]), None).unwrap().count();
    assert_eq!((finds(&before, "old"), finds(&before, "new")), (1, 0));
    assert_eq!((finds(&after, "old"), finds(&after, "new")), (0, 1));
}

#[test]
fn an_event_with_the_same_text_copies_no_page() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "old"), object("b", "2", 4, "other")]);
    let address = || {
        let snapshot = cache.reader.snapshot();
        let entry = snapshot.get("ns", "a").unwrap();
        snapshot.contents.text_address(entry).unwrap()
    };
    let before = address();
    cache.applied(object("a", "1", 6, "old"));
    assert_eq!(address(), before);
    for (version, text) in [(7, "new"), (8, "old")] {
        let snapshot = cache.reader.snapshot();
        cache.applied(object("a", "1", version, text));
        assert_ne!(address(), before, "version {version}");
        let found =
            |snapshot: &Snapshot<String>| snapshot.search(&Search::new([text]), None).unwrap().count();
        assert_eq!(
            (found(&snapshot), found(&cache.reader.snapshot())),
            (0, 1),
            "{text}"
        );
    }
}

#[test]
fn the_text_of_an_object_deleted_here_is_not_found_before_the_watch_confirms_it() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x"), object("b", "2", 4, "x")]);
    cache
        .writer
        .observe_deleted(&ObjectKey::new("ns", "a"), "1".into(), rv(3));
    let snapshot = cache.reader.snapshot();
    let search = Search::new(["x"]);
    let found = snapshot.search(&search, Some("ns")).unwrap();
    assert_eq!(found.map(|entry| entry.key.name()).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn a_cache_without_texts_has_no_search() {
    let (reader, _writer) = Builder::new(|_: ConfigMap| Ok::<_, Infallible>(())).build();
    assert!(reader.load().search(&Search::new(["x"]), None).is_none());
}

#[test]
fn a_text_that_panics_refuses_its_object() {
    let builder = Builder::new(|map: ConfigMap| Ok::<_, Infallible>(value(&map)));
    let (reader, writer) = builder
        .text(|map| value(map).parse::<u32>().unwrap().to_string())
        .build();
    writer.apply([SourceEvent::ListStarted, SourceEvent::ListDone(rv(1))]);
    writer.apply([
        SourceEvent::Applied(object("a", "1", 2, "x")),
        SourceEvent::Applied(object("b", "2", 3, "7")),
    ]);
    let names: Vec<_> = reader
        .load()
        .iter()
        .map(|entry| entry.key.name().to_owned())
        .collect();
    assert_eq!(names, ["b"]);
}
