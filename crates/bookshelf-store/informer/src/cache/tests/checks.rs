//! Lists that check the confirmed state.

use k8s_openapi::api::core::v1::ConfigMap;

use super::super::SourceEvent;
use super::{Fixture, fixture, key, object, rv};

/// Applies a check whose list is complete at this version, and returns the number of objects repaired at once.
fn check(cache: &Fixture, version: u32, objects: &[ConfigMap]) -> usize {
    cache.writer.apply([SourceEvent::CheckStarted]);
    cache
        .writer
        .apply(objects.iter().cloned().map(SourceEvent::Listed));
    cache.writer.apply([SourceEvent::ListDone(rv(version))])
}

#[test]
fn a_check_repairs_and_counts_the_changes_that_the_watch_lost() {
    let listed = [
        object("changed", "1", 1, "x"),
        object("ghost", "2", 2, "x"),
        object("same", "3", 3, "x"),
    ];
    let cache = fixture().listed(5, &listed);
    let generation = || cache.reader.load().namespace("ns").unwrap().generation;
    let before = generation();
    let live = [
        object("changed", "1", 4, "y"),
        object("missing", "4", 5, "x"),
        object("same", "3", 3, "x"),
    ];
    assert_eq!(check(&cache, 5, &live), 3);
    assert_eq!(cache.contents(), ["changed=y", "missing=x", "same=x"]);
    assert_ne!(generation(), before);
    assert_eq!(check(&cache, 5, &live), 0);
}

#[test]
fn a_check_waits_until_the_watch_has_come_as_far() {
    let cache = fixture().listed(5, &[object("a", "1", 1, "x"), object("b", "2", 2, "x")]);
    // Listed at 8, when the watch has confirmed 5.
    assert_eq!(
        check(&cache, 8, &[object("a", "1", 6, "y"), object("c", "3", 7, "x")]),
        0
    );
    assert_eq!(cache.contents(), ["a=x", "b=x"], "a check shows before its time");
    for event in [
        SourceEvent::Applied(object("a", "1", 6, "y")),
        SourceEvent::Applied(object("c", "3", 7, "x")),
        SourceEvent::Deleted(object("b", "2", 8, "x")),
    ] {
        assert_eq!(
            cache.writer.apply([event]),
            0,
            "a change that the watch was about to report is no error"
        );
    }
    assert_eq!(cache.contents(), ["a=y", "c=x"]);
}

#[test]
fn a_change_during_a_check_is_no_error() {
    let cache = fixture().listed(5, &[object("a", "1", 1, "x"), object("b", "2", 2, "x")]);
    cache.writer.apply([SourceEvent::CheckStarted]);
    // Reported before the page arrives, which lists the objects as of version 6.
    cache.applied(object("a", "1", 7, "y"));
    cache.deleted(object("b", "2", 8, "x"));
    cache.writer.observe(object("ours", "4", 10, "x"));
    cache.writer.apply([
        SourceEvent::Listed(object("a", "1", 1, "x")),
        SourceEvent::Listed(object("b", "2", 2, "x")),
    ]);
    assert_eq!(cache.writer.apply([SourceEvent::ListDone(rv(6))]), 0);
    assert_eq!(cache.contents(), ["a=y", "ours=x"]);
}

#[test]
fn a_check_does_not_bring_back_an_object_deleted_here() {
    let cache = fixture().listed(5, &[object("a", "1", 1, "x")]);
    cache.writer.apply([SourceEvent::CheckStarted]);
    cache.writer.observe_deleted(&key("a"), "1".into(), rv(1));
    cache.applied(object("a", "1", 6, "older"));
    cache
        .writer
        .apply([SourceEvent::Listed(object("a", "1", 6, "older"))]);
    assert_eq!(cache.writer.apply([SourceEvent::ListDone(rv(6))]), 0);
    assert!(cache.contents().is_empty());
}

#[test]
fn a_list_in_between_takes_the_place_of_a_check() {
    let cache = fixture().listed(5, &[object("a", "1", 1, "x")]);
    cache.writer.apply([SourceEvent::CheckStarted]);
    cache.list(9, &[object("b", "2", 7, "x")]);
    assert_eq!(cache.contents(), ["b=x"]);
    assert_eq!(cache.writer.apply([SourceEvent::Bookmark(rv(20))]), 0);
}

#[test]
fn a_list_older_than_the_confirmed_version_is_no_check() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    cache.applied(object("a", "1", 7, "y"));
    assert_eq!(check(&cache, 5, &[object("a", "1", 3, "x")]), 0);
    assert_eq!(cache.writer.apply([SourceEvent::Bookmark(rv(9))]), 0);
    assert_eq!(cache.contents(), ["a=y"]);
}

#[test]
fn a_change_between_the_request_and_the_first_page_is_no_error() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    cache.writer.apply([SourceEvent::CheckStarted]);
    cache.applied(object("a", "1", 7, "y"));
    cache
        .writer
        .apply([SourceEvent::Listed(object("a", "1", 3, "x"))]);
    assert_eq!(cache.writer.apply([SourceEvent::ListDone(rv(5))]), 0);
    assert_eq!(cache.contents(), ["a=y"]);
}

#[test]
fn a_check_that_finds_nothing_changes_nothing() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    let before = cache.reader.load().namespace("ns").unwrap();
    assert_eq!(check(&cache, 5, &[object("a", "1", 3, "x")]), 0);
    assert_eq!(cache.reader.load().namespace("ns").unwrap(), before);
}

#[test]
fn an_object_of_a_check_that_cannot_be_read_says_nothing_of_the_watch() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    let unreadable = SourceEvent::ListedUnreadable {
        key: key("u"),
        version: rv(90),
        error: "unreadable".to_owned(),
    };
    cache.writer.apply([SourceEvent::CheckStarted, unreadable]);
    assert_eq!(cache.reader.load().resource_version(), Some(rv(5)));
    cache.writer.observe(object("b", "2", 50, "ours"));
    assert_eq!(cache.contents(), ["a=x", "b=ours"]);
}

#[test]
fn a_check_that_is_abandoned_repairs_nothing() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    cache.writer.apply([SourceEvent::CheckStarted]);
    cache.writer.abandon_check();
    assert_eq!(cache.writer.apply([SourceEvent::Bookmark(rv(9))]), 0);
    assert_eq!(cache.contents(), ["a=x"]);
}
