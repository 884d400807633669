//! Local writes: served at once, and not undone by anything older.

use k8s_openapi::api::core::v1::ConfigMap;

use super::super::SourceEvent;
use super::{fixture, key, object, rv};

#[test]
fn an_older_event_does_not_undo_a_local_write() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    cache.writer.observe(object("a", "1", 8, "ours"));
    cache.applied(object("a", "1", 7, "older"));
    assert_eq!(cache.contents(), ["a=ours"]);
    cache.applied(object("a", "1", 9, "newer"));
    assert_eq!(cache.contents(), ["a=newer"]);
}

#[test]
fn a_list_older_than_a_local_write_does_not_undo_it() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    cache.writer.observe(object("a", "1", 8, "ours"));
    cache.writer.observe(object("b", "2", 9, "ours"));
    cache.list(7, &[object("a", "1", 6, "older")]);
    assert_eq!(cache.contents(), ["a=ours", "b=ours"]);
    cache.list(10, &[object("a", "1", 8, "ours")]);
    assert_eq!(
        cache.contents(),
        ["a=ours"],
        "what a later list does not have is gone"
    );
}

#[test]
fn a_local_write_that_the_watch_has_passed_is_not_brought_back() {
    let cache = fixture().listed(5, &[]);
    cache.applied(object("a", "1", 6, "ours"));
    cache.deleted(object("a", "1", 7, "ours"));
    // The response to our create arrives after the watch has reported the creation and a deletion.
    cache.writer.observe(object("a", "1", 6, "ours"));
    assert!(cache.contents().is_empty());
}

#[test]
fn an_older_event_of_an_unreadable_object_does_not_undo_a_local_write() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    cache.writer.observe(object("a", "1", 8, "ours"));
    let error = "unreadable".to_owned();
    cache.writer.apply([SourceEvent::Unreadable {
        key: key("a"),
        version: rv(7),
        error,
    }]);
    assert_eq!(cache.contents(), ["a=ours"]);
}

#[test]
fn a_local_write_that_the_watch_passes_without_an_event_is_not_selected() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    cache.writer.observe(object("b", "2", 8, "ours"));
    cache.writer.observe(object("c", "3", 9, "ours"));
    cache.applied(object("c", "3", 9, "ours"));
    assert_eq!(cache.contents(), ["a=x", "c=ours"]);
}

#[test]
fn responses_to_local_writes_may_come_in_any_order() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    cache.writer.observe(object("a", "1", 9, "second"));
    cache.writer.observe(object("a", "1", 8, "first"));
    cache.list(8, &[object("a", "1", 8, "first")]);
    assert_eq!(cache.contents(), ["a=second"]);
    cache.applied(object("a", "1", 9, "second"));

    cache.writer.observe_deleted(&key("b"), "2".into(), rv(12));
    cache.writer.observe_deleted(&key("b"), "1".into(), rv(10));
    cache.applied(object("b", "2", 12, "deleted"));
    assert_eq!(cache.contents(), ["a=second"]);
}

#[test]
fn a_local_write_that_cannot_be_converted_takes_the_old_value_away() {
    let without_value = ConfigMap {
        data: None,
        ..object("a", "1", 8, "")
    };
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    cache.writer.observe(without_value);
    cache.applied(object("a", "1", 6, "older"));
    assert!(cache.contents().is_empty());
    cache.applied(object("a", "1", 9, "newer"));
    assert_eq!(cache.contents(), ["a=newer"]);
}

#[test]
fn a_response_is_known_if_its_very_version_is_served() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    let ours = object("a", "1", 8, "ours");
    assert!(!cache.writer.serves(&ours));
    // The watch may be faster than the response.
    cache.applied(ours.clone());
    assert!(cache.writer.serves(&ours));
    for other in [
        object("a", "2", 8, "ours"),
        object("b", "1", 8, "ours"),
        object("a", "1", 7, "x"),
    ] {
        assert!(!cache.writer.serves(&other));
    }
}

#[test]
fn an_event_during_a_list_is_served_with_it_and_a_response_at_once() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    let ours = object("a", "1", 10, "ours");
    cache
        .writer
        .apply([SourceEvent::ListStarted, SourceEvent::Applied(ours.clone())]);
    assert_eq!(cache.contents(), ["a=x"]);
    assert!(!cache.writer.serves(&ours));
    cache.writer.observe(ours.clone());
    assert_eq!(cache.contents(), ["a=ours"]);
    assert_eq!(cache.reader.load().newest_version(), Some(rv(10)));
    assert!(cache.writer.serves(&ours));
    cache.writer.apply([SourceEvent::ListDone(rv(7))]);
    assert_eq!(cache.contents(), ["a=ours"]);
}
