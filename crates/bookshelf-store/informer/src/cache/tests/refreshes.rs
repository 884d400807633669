//! Parts of a resource, listed independently of the watch.

use std::collections::HashSet;

use super::super::Part;
use super::{Fixture, SourceEvent, fixture, key, object, rv};

/// Applies the list of a part at a version.
fn refresh(cache: &Fixture, part: Part<'_>, version: u32, objects: &[k8s_openapi::api::core::v1::ConfigMap]) {
    for object in objects {
        cache.writer.observe(object.clone());
    }
    let names = objects
        .iter()
        .filter_map(|object| object.metadata.name.as_deref());
    let mut listed: HashSet<_> = names.map(key).collect();
    cache
        .writer
        .observe_page([], &mut listed, Some((part, rv(version))));
}

#[test]
fn an_object_that_a_part_lacks_is_gone_and_no_late_event_brings_it_back() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x"), object("b", "2", 4, "x")]);
    refresh(
        &cache,
        Part::Namespace("ns"),
        20,
        &[object("b", "2", 9, "y"), object("c", "3", 8, "x")],
    );
    assert_eq!(cache.contents(), ["b=y", "c=x"]);
    // A reader that waits for the version at which the object is known to be gone does not get the object.
    assert_eq!(cache.reader.load().newest_version(), Some(rv(20)));
    assert_eq!(cache.reader.load().resource_version(), Some(rv(5)));
    cache.applied(object("a", "1", 6, "late"));
    cache.applied(object("b", "2", 7, "late"));
    cache.applied(object("c", "3", 8, "x"));
    cache.applied(object("b", "2", 9, "y"));
    assert_eq!(cache.contents(), ["b=y", "c=x"]);
    cache.deleted(object("a", "1", 10, "late"));
    cache.applied(object("a", "4", 21, "again"));
    assert_eq!(cache.contents(), ["a=again", "b=y", "c=x"]);
}

#[test]
fn an_object_newer_than_the_list_or_elsewhere_stays() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x"), object("b", "2", 4, "x")]);
    cache.writer.observe(object("ours", "9", 30, "x"));
    refresh(&cache, Part::Namespace("other"), 20, &[]);
    let one = Part::Object {
        namespace: "ns",
        name: "a",
    };
    refresh(&cache, one, 20, &[]);
    assert_eq!(cache.contents(), ["b=x", "ours=x"]);
    refresh(&cache, Part::All, 20, &[]);
    assert_eq!(cache.contents(), ["ours=x"]);
}

#[test]
fn a_list_that_the_watch_has_overtaken_changes_nothing() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    cache.applied(object("a", "1", 9, "y"));
    cache.writer.apply([SourceEvent::Bookmark(rv(12))]);
    refresh(
        &cache,
        Part::All,
        8,
        &[object("a", "1", 3, "x"), object("gone", "2", 7, "x")],
    );
    assert_eq!(cache.contents(), ["a=y"]);
    assert_eq!(cache.reader.load().newest_version(), Some(rv(9)));
}
