//! Waiting for the watch to confirm a deletion, whose version nothing else reports.

use std::time::Duration;

use super::{NOW, SourceEvent, fixture, key, object, rv};

#[tokio::test]
async fn a_deletion_is_awaited_whether_the_watch_or_the_answer_is_faster() {
    for is_watch_faster in [true, false] {
        let cache = fixture().listed(5, &[object("a", "1", 3, "x"), object("b", "2", 4, "x")]);
        let deletion = cache.writer.deletion_of("1".into());
        let answer = || cache.writer.observe_deleted(&key("a"), "1".into(), rv(3));
        if is_watch_faster {
            cache.deleted(object("a", "1", 9, "x"));
            answer();
        } else {
            answer();
            assert_eq!(cache.reader.load().newest_version(), Some(rv(5)));
            cache.deleted(object("a", "1", 9, "x"));
        }
        deletion.confirmed(NOW).await.unwrap();
        assert_eq!(cache.reader.load().newest_version(), Some(rv(9)));
        assert_eq!(cache.contents(), ["b=x"]);
    }
}

#[tokio::test]
async fn the_deletion_of_another_object_is_not_the_one_awaited() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x"), object("b", "2", 4, "x")]);
    let deletion = cache.writer.deletion_of("1".into());
    cache.deleted(object("b", "2", 8, "x"));
    cache.applied(object("a", "1", 9, "y"));
    cache.writer.apply([SourceEvent::Bookmark(rv(20))]);
    deletion.confirmed(Duration::from_millis(1)).await.unwrap_err();
    // A deletion reported during a list is not served yet.
    let deletion = cache.writer.deletion_of("1".into());
    cache.writer.apply([SourceEvent::ListStarted]);
    cache.deleted(object("a", "1", 30, "y"));
    deletion.confirmed(Duration::from_millis(1)).await.unwrap_err();
}

#[tokio::test]
async fn a_list_without_the_object_confirms_its_deletion() {
    for is_check in [false, true] {
        let cache = fixture().listed(5, &[object("a", "1", 3, "x"), object("b", "2", 4, "x")]);
        let deletion = cache.writer.deletion_of("1".into());
        let another = cache.writer.deletion_of("2".into());
        cache.writer.observe_deleted(&key("a"), "1".into(), rv(3));
        if is_check {
            cache.writer.apply([SourceEvent::CheckStarted]);
            cache
                .writer
                .apply([SourceEvent::Listed(object("b", "2", 4, "x"))]);
            cache
                .writer
                .apply([SourceEvent::ListDone(rv(9)), SourceEvent::Bookmark(rv(9))]);
        } else {
            cache.list(9, &[object("b", "2", 4, "x")]);
        }
        deletion.confirmed(NOW).await.unwrap();
        assert_eq!(cache.reader.load().newest_version(), Some(rv(9)));
        another.confirmed(Duration::from_millis(1)).await.unwrap_err();
    }
}

#[tokio::test]
async fn the_deletion_of_an_object_that_cannot_be_read_any_more_is_one() {
    let cache = fixture().listed(5, &[object("a", "1", 3, "x")]);
    let deletion = cache.writer.deletion_of("1".into());
    cache.writer.apply([SourceEvent::DeletedUnreadable {
        key: key("a"),
        uid: "1".into(),
        version: rv(9),
    }]);
    deletion.confirmed(NOW).await.unwrap();
    assert!(cache.contents().is_empty());
    assert_eq!(cache.reader.load().newest_version(), Some(rv(9)));
}

#[tokio::test]
async fn a_read_after_a_confirmed_deletion_has_its_version() {
    let cache = fixture().listed(5, &[]);
    for round in 10..200 {
        let name = format!("object-{round}");
        cache.applied(object(&name, &name, round * 10, "x"));
        let deletion = cache.writer.deletion_of(name.as_str().into());
        let reader = cache.reader.clone();
        let waits = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build();
            let confirmed = runtime.unwrap().block_on(deletion.confirmed(super::SOON));
            (confirmed.is_ok(), reader.load().newest_version())
        });
        cache.deleted(object(&name, &name, round * 10 + 1, "x"));
        assert_eq!(waits.join().unwrap(), (true, Some(rv(round * 10 + 1))));
    }
}
