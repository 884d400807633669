//! The confirmed state, and resumed followers.

use std::time::Duration;

use super::*;
use crate::cache::{Event, Position, TooOld};

/// The changes after a position: the kind, the object, and the version to resume at.
fn follow(cache: &Fixture, position: &mut Position) -> Result<Vec<String>, TooOld> {
    let snapshot = cache.reader.snapshot();
    let steps = snapshot.confirmed(None).follow(position)?;
    let line = |step: &crate::cache::Step<'_, String>| {
        let (what, name) = match &step.change.event {
            Event::Created(_) => ("created", step.change.event.key().name()),
            Event::Updated { .. } => ("updated", step.change.event.key().name()),
            Event::Deleted(_) => ("deleted", step.change.event.key().name()),
        };
        let resume_at = step
            .resume_at
            .map_or_else(|| "-".to_owned(), |version| version.to_string());
        format!("{what} {name} {resume_at}")
    };
    Ok(steps.iter().map(line).collect())
}

fn position(cache: &Fixture) -> Position {
    cache.reader.snapshot().confirmed(None).position()
}

fn position_at(cache: &Fixture, version: u32) -> Result<Position, TooOld> {
    cache.reader.snapshot().confirmed(None).position_at(rv(version))
}

fn confirmed(cache: &Fixture) -> Vec<String> {
    let snapshot = cache.reader.snapshot();
    snapshot
        .confirmed(None)
        .iter()
        .map(|entry| format!("{}={}", entry.key.name(), entry.value))
        .collect()
}

/// Returns true if the served state of a namespace, or of all, is confirmed.
async fn is_confirmed(cache: &Fixture, namespace: Option<&str>) -> bool {
    let confirmed = cache
        .reader
        .wait_pending_confirmed(namespace, Duration::from_secs(1));
    confirmed.await.is_ok()
}

#[test]
fn a_follower_can_resume_after_each_event() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    let mut live = position(&cache);
    cache.applied(object("b", "2", 6, "x"));
    cache.applied(object("a", "1", 7, "y"));
    cache.deleted(object("b", "2", 9, "x"));
    let all = ["created b 6", "updated a 7", "deleted b 9"];
    assert_eq!(follow(&cache, &mut live).unwrap(), all);
    assert!(follow(&cache, &mut live).unwrap().is_empty());
    for (seen, version) in [5, 6, 7].into_iter().enumerate() {
        let mut resumed = position_at(&cache, version).unwrap();
        assert_eq!(follow(&cache, &mut resumed).unwrap(), all[seen..]);
    }
    assert_eq!(position_at(&cache, 4), Err(TooOld));
}

#[tokio::test(start_paused = true)]
async fn a_local_write_is_a_change_once_the_watch_confirms_it() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    let mut live = position(&cache);
    cache.writer.observe(object("b", "2", 6, "x"));
    cache.writer.observe_deleted(&key("a"), "1".into(), rv(3));
    assert_eq!(cache.contents(), ["b=x"]);
    assert_eq!(confirmed(&cache), ["a=x"]);
    assert!(!is_confirmed(&cache, None).await);
    assert!(follow(&cache, &mut live).unwrap().is_empty());
    cache.applied(object("b", "2", 6, "x"));
    cache.deleted(object("a", "1", 7, "x"));
    assert_eq!(follow(&cache, &mut live).unwrap(), ["created b 6", "deleted a 7"]);
    assert_eq!(confirmed(&cache), ["b=x"]);
    assert!(is_confirmed(&cache, None).await);
}

#[test]
fn an_object_deleted_here_stays_confirmed_over_a_list_until_the_watch_reports_its_deletion() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    cache.writer.observe_deleted(&key("a"), "1".into(), rv(3));
    cache.list(6, &[object("a", "1", 3, "x")]);
    assert!(cache.contents().is_empty());
    assert_eq!(confirmed(&cache), ["a=x"]);
    // A follower to which another replica has reported the object.
    let mut elsewhere = position_at(&cache, 6).unwrap();
    cache.deleted(object("a", "1", 7, "x"));
    assert_eq!(follow(&cache, &mut elsewhere).unwrap(), ["deleted a 7"]);
}

#[test]
fn the_changes_of_a_list_come_together_and_can_be_resumed_from_the_last_one_only() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x"), object("b", "2", 4, "x")]);
    let mut live = position(&cache);
    cache.list(9, &[object("b", "2", 8, "y"), object("c", "3", 6, "x")]);
    assert_eq!(
        follow(&cache, &mut live).unwrap(),
        ["deleted a -", "updated b -", "created c 9"]
    );
    // A follower at 7 may have an object that was created at 6 and deleted at 8, which no list reports. A follower that
    // resumes at 5 may have later changes, too.
    for version in [5, 7] {
        assert_eq!(position_at(&cache, version), Err(TooOld));
    }
    assert!(position_at(&cache, 9).is_ok());
}

#[test]
fn a_follower_ahead_of_the_confirmed_version_gets_the_changes_after_its_own() {
    let cache = fixture().listed(5, &[]);
    let mut ahead = position_at(&cache, 7).unwrap();
    cache.applied(object("a", "1", 6, "x"));
    cache.applied(object("b", "2", 7, "x"));
    assert!(follow(&cache, &mut ahead).unwrap().is_empty());
    cache.applied(object("c", "3", 8, "x"));
    assert_eq!(follow(&cache, &mut ahead).unwrap(), ["created c 8"]);
    // A list that replaces the events up to 20 does not report what was deleted by then.
    let mut ahead = position_at(&cache, 20).unwrap();
    cache.list(30, &[object("c", "3", 8, "x")]);
    assert_eq!(follow(&cache, &mut ahead), Err(TooOld));
}

#[test]
fn a_follower_older_than_the_journal_is_too_old() {
    let cache = fixture_with(|builder| builder.history(2)).listed(5, &[]);
    let mut slow = position(&cache);
    for version in 6..9 {
        cache.applied(object("a", "1", version, "x"));
    }
    assert_eq!(follow(&cache, &mut slow), Err(TooOld));
    assert_eq!(position_at(&cache, 5), Err(TooOld));
    let mut last = position_at(&cache, 6).unwrap();
    assert_eq!(follow(&cache, &mut last).unwrap(), ["updated a 7", "updated a 8"]);
}

#[test]
fn an_api_server_restored_from_a_backup_begins_another_history() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    cache.applied(object("a", "1", 9, "y"));
    let mut live = position(&cache);
    cache.list(7, &[object("a", "1", 6, "z")]);
    assert_eq!(follow(&cache, &mut live), Err(TooOld));
    let mut live = position(&cache);
    cache.applied(object("b", "2", 8, "x"));
    cache.applied(object("b", "2", 10, "y"));
    assert_eq!(
        follow(&cache, &mut live).unwrap(),
        ["created b 8", "updated b 10"]
    );
    // No follower resumes at a version that both histories have.
    for version in [7, 8, 9] {
        assert_eq!(position_at(&cache, version), Err(TooOld), "{version}");
    }
    assert!(position_at(&cache, 10).is_ok());
}

#[test]
fn a_check_that_repairs_the_cache_makes_followers_begin_anew() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    cache.writer.apply([SourceEvent::Bookmark(rv(9))]);
    let mut live = position(&cache);
    cache.writer.apply([
        SourceEvent::CheckStarted,
        SourceEvent::Listed(object("a", "1", 7, "y")),
    ]);
    assert_eq!(cache.writer.apply([SourceEvent::ListDone(rv(9))]), 1);
    assert_eq!(confirmed(&cache), ["a=y"]);
    assert_eq!(follow(&cache, &mut live), Err(TooOld));
    assert_eq!(position_at(&cache, 9), Err(TooOld));
}

#[test]
fn several_namespaces_are_followed_together_or_one_by_one() {
    let cache = fixture_with(|builder| builder.namespaces(["east", "west"]));
    let [(_, east), (_, west)] = <[_; 2]>::try_from(cache.writer.sources()).ok().unwrap();
    let object_in = |namespace: &str, name, version| {
        let mut object = object(name, "1", version, "x");
        object.metadata.namespace = Some(namespace.to_owned());
        object
    };
    for source in [&east, &west] {
        source.apply([SourceEvent::ListStarted, SourceEvent::ListDone(rv(5))]);
    }
    let mut all = position(&cache);
    let mut of_west = cache.reader.snapshot().confirmed(Some("west")).position();
    east.apply([SourceEvent::Applied(object_in("east", "a", 6))]);
    east.apply([SourceEvent::Applied(object_in("east", "b", 8))]);
    // The other source has confirmed nothing after 5: it may have a change at 7.
    assert_eq!(follow(&cache, &mut all).unwrap(), ["created a 5", "created b 5"]);
    west.apply([SourceEvent::Applied(object_in("west", "c", 7))]);
    assert_eq!(follow(&cache, &mut all).unwrap(), ["created c 7"]);
    let mut resumed = position_at(&cache, 7).unwrap();
    assert_eq!(follow(&cache, &mut resumed).unwrap(), ["created b 7"]);
    let snapshot = cache.reader.snapshot();
    let west = snapshot.confirmed(Some("west"));
    assert_eq!(west.follow(&mut of_west).unwrap()[0].resume_at, Some(rv(7)));
    assert_eq!(west.version(), Some(rv(7)));
    assert_eq!(west.iter().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_local_deletion_is_pending_in_its_namespace_only_until_the_watch_confirms_it() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    cache.writer.observe_deleted(&key("a"), "1".into(), rv(3));
    assert!(!is_confirmed(&cache, None).await);
    assert!(!is_confirmed(&cache, Some("ns")).await);
    assert!(is_confirmed(&cache, Some("other")).await);
    cache.deleted(object("a", "1", 7, "x"));
    assert!(is_confirmed(&cache, None).await);
    // The response to a deletion may come after the watch has confirmed it.
    cache.writer.observe_deleted(&key("a"), "1".into(), rv(3));
    assert!(is_confirmed(&cache, None).await);
}

#[test]
fn a_follower_from_the_oldest_position_gets_all_changes_that_are_known() {
    let cache = fixture_with(|builder| builder.history(2)).listed(5, &[object("a", "1", 3, "x")]);
    let oldest = || cache.reader.snapshot().confirmed(None).oldest_position();
    assert!(follow(&cache, &mut oldest()).unwrap().is_empty());
    cache.applied(object("b", "2", 6, "x"));
    cache.deleted(object("b", "2", 7, "x"));
    assert_eq!(
        follow(&cache, &mut oldest()).unwrap(),
        ["created b 6", "deleted b 7"]
    );
    cache.applied(object("a", "1", 8, "y"));
    assert_eq!(
        follow(&cache, &mut oldest()).unwrap(),
        ["deleted b 7", "updated a 8"]
    );
}

#[test]
fn a_cache_of_few_objects_keeps_fewer_changes() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    for version in 6..2_000 {
        cache.applied(object("a", "1", version, "x"));
    }
    assert_eq!(position_at(&cache, 900), Err(TooOld));
    assert!(position_at(&cache, 1_000).is_ok());
}

#[test]
fn a_confirmed_index_has_no_value_that_is_only_pending() {
    let cache = fixture().listed(
        5,
        &[
            object("a", "1", 3, "x"),
            object("b", "2", 4, "x"),
            object("c", "3", 5, "y"),
        ],
    );
    let filed = |value| -> Vec<String> {
        let snapshot = cache.reader.snapshot();
        let filed = snapshot
            .confirmed(Some("ns"))
            .indexed(cache.by_value, value)
            .map(|entry| entry.key.name().to_owned())
            .collect();
        assert_eq!(
            snapshot
                .confirmed(Some("other"))
                .indexed(cache.by_value, value)
                .count(),
            0
        );
        filed
    };
    assert_eq!(
        (filed("x"), filed("y")),
        (vec!["a".to_owned(), "b".to_owned()], vec!["c".to_owned()])
    );
    // The pending write has replaced the confirmed value, and is not confirmed itself.
    cache.writer.observe(object("a", "1", 6, "y"));
    assert_eq!(
        (filed("x"), filed("y")),
        (vec!["b".to_owned()], vec!["c".to_owned()])
    );
    cache.applied(object("a", "1", 6, "y"));
    assert_eq!(
        (filed("x"), filed("y")),
        (vec!["b".to_owned()], vec!["a".to_owned(), "c".to_owned()])
    );
}
