//! The age of the served state.

use std::time::Duration;

use tokio::time::advance;

use super::{Fixture, SourceEvent, fixture, object, rv};

const OUTAGE: Duration = Duration::from_mins(20);

fn age(cache: &Fixture) -> Duration {
    cache.reader.age().unwrap()
}

/// A cache that was listed some time after its creation.
async fn cache() -> Fixture {
    let cache = fixture();
    advance(Duration::from_secs(1)).await;
    cache.listed(5, &[object("a", "1", 3, "x")])
}

fn listed() -> SourceEvent<k8s_openapi::api::core::v1::ConfigMap> {
    SourceEvent::Listed(object("a", "1", 20, "y"))
}

#[tokio::test(start_paused = true)]
async fn the_age_is_the_time_since_the_last_event_or_bookmark() {
    let cache = cache().await;
    for is_event in [true, false] {
        for seconds in 1..=12 {
            advance(Duration::from_secs(1)).await;
            assert_eq!(age(&cache), Duration::from_secs(seconds));
        }
        if is_event {
            cache.applied(object("a", "1", 6, "y"));
        } else {
            cache.writer.apply([SourceEvent::Bookmark(rv(7))]);
        }
        assert_eq!(age(&cache), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn the_served_state_ages_until_a_new_list_is_complete() {
    let cache = cache().await;
    advance(OUTAGE).await;
    cache.writer.apply([SourceEvent::ListStarted, listed()]);
    // Some API servers report the changes during a list.
    cache.writer.apply([
        SourceEvent::Deleted(object("b", "2", 21, "x")),
        SourceEvent::Bookmark(rv(21)),
    ]);
    assert_eq!(cache.contents(), ["a=x"]);
    assert_eq!(age(&cache), OUTAGE);
    cache.writer.apply([SourceEvent::ListDone(rv(22))]);
    assert_eq!(age(&cache), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_check_does_not_make_up_for_a_watch_that_says_nothing() {
    let cache = cache().await;
    advance(OUTAGE).await;
    cache.writer.apply([SourceEvent::CheckStarted, listed()]);
    assert_eq!(age(&cache), OUTAGE);
    cache.writer.apply([SourceEvent::ListDone(rv(22))]);
    assert_eq!(age(&cache), OUTAGE);
    cache.writer.apply([SourceEvent::Bookmark(rv(22))]);
    assert_eq!(age(&cache), Duration::ZERO);
}

#[test]
fn nothing_has_an_age_before_the_first_list_is_complete() {
    let cache = fixture();
    cache.writer.apply([SourceEvent::ListStarted, listed()]);
    assert_eq!(cache.reader.age(), None);
}

#[tokio::test(start_paused = true)]
async fn a_list_is_as_old_as_its_start() {
    let cache = cache().await;
    advance(OUTAGE).await;
    cache.writer.apply([SourceEvent::ListStarted]);
    advance(Duration::from_secs(20)).await;
    cache.writer.apply([listed()]);
    assert_eq!(age(&cache), OUTAGE + Duration::from_secs(20));
    cache.writer.apply([SourceEvent::ListDone(rv(30))]);
    assert_eq!(age(&cache), Duration::from_secs(20));
    cache.writer.apply([SourceEvent::Bookmark(rv(30))]);
    assert_eq!(age(&cache), Duration::ZERO);
}
