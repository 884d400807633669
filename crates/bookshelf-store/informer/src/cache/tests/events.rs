//! Events sent to subscribers and handlers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::super::Event;
use super::{SOON, fixture, key, object};

#[tokio::test]
async fn a_subscription_gets_the_changes_also_over_a_list() {
    let cache = fixture().listed(
        5,
        &[
            object("a", "1", 1, "x"),
            object("b", "2", 2, "x"),
            object("c", "3", 3, "x"),
        ],
    );
    let mut subscription = cache.reader.subscribe();
    for name in ["a", "b", "c"] {
        assert!(matches!(subscription.next().await.unwrap(), Event::Created(new) if new.key == key(name)));
    }
    // While the watch was interrupted, a vanished, b changed, and c was deleted and created again.
    cache.list(9, &[object("b", "2", 7, "y"), object("c", "4", 8, "x")]);
    assert!(matches!(subscription.next().await.unwrap(), Event::Deleted(old) if old.key == key("a")));
    assert!(matches!(
        subscription.next().await.unwrap(),
        Event::Updated { old, new } if old.value == "x" && new.value == "y"
    ));
    assert!(matches!(subscription.next().await.unwrap(), Event::Deleted(old) if old.uid == "3".into()));
    assert!(matches!(subscription.next().await.unwrap(), Event::Created(new) if new.uid == "4".into()));
}

#[tokio::test]
async fn a_change_to_an_older_version_is_an_update_too() {
    let cache = fixture().listed(900, &[object("a", "1", 800, "x")]);
    let mut subscription = cache.reader.subscribe();
    subscription.next().await.unwrap();
    cache.list(100, &[object("a", "1", 50, "restored")]);
    assert!(matches!(
        subscription.next().await.unwrap(),
        Event::Updated { old, new } if old.value == "x" && new.value == "restored"
    ));
}

#[tokio::test]
async fn a_handler_gets_every_event_and_survives_its_own_panic() {
    let cache = fixture();
    let (sender, mut handled) = tokio::sync::mpsc::unbounded_channel();
    let mut registration = cache.reader.handle(
        move |event| {
            let Event::Created(entry) = event else { return };
            assert_ne!(entry.value, "panic");
            sender.send(entry.key.name().to_owned()).unwrap();
        },
        None,
    );
    cache.list(
        5,
        &[
            object("a", "1", 1, "x"),
            object("b", "2", 2, "panic"),
            object("c", "3", 3, "x"),
        ],
    );
    registration.wait_synced(SOON).await.unwrap();
    assert_eq!(
        (
            handled.recv().await.unwrap().as_str(),
            handled.recv().await.unwrap().as_str()
        ),
        ("a", "c")
    );
    drop(registration);
    assert!(
        handled.recv().await.is_none(),
        "a handler goes on after its registration is dropped"
    );
}

#[tokio::test]
async fn a_handler_that_takes_its_time_lets_others_have_the_thread() {
    let objects: Vec<_> = (1..=20)
        .map(|number| object(&format!("{number:02}"), &number.to_string(), number, "x"))
        .collect();
    let cache = fixture().listed(50, &objects);
    let turns = Arc::new(AtomicUsize::new(0));
    let others = Arc::clone(&turns);
    let other = tokio::spawn(async move {
        loop {
            others.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    let (first, last) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = (Arc::clone(&first), Arc::clone(&last), Arc::clone(&turns));
    let handler = move |event: Event<String>| {
        let (first, last, turns) = &seen;
        let place = if event.key().name() == "01" { first } else { last };
        place.store(turns.load(Ordering::Relaxed), Ordering::Relaxed);
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(1) {
            std::hint::spin_loop();
        }
    };
    cache
        .reader
        .handle(handler, None)
        .wait_synced(SOON)
        .await
        .unwrap();
    let (first, last) = (first.load(Ordering::Relaxed), last.load(Ordering::Relaxed));
    assert!(last >= first + 10, "{first} to {last}");
    other.abort();
}

#[tokio::test]
async fn a_subscription_does_not_keep_the_room_that_its_first_look_took() {
    let objects: Vec<_> = (1..=5000)
        .map(|number| object(&number.to_string(), &number.to_string(), number, "x"))
        .collect();
    let cache = fixture().listed(9000, &objects);
    let mut subscription = cache.reader.subscribe();
    for _ in &objects {
        subscription.next().await.unwrap();
    }
    assert!(subscription.room() < 1000, "{}", subscription.room());
}

#[tokio::test]
async fn a_handler_of_an_empty_cache_is_synced_too() {
    let cache = fixture().listed(5, &[]);
    cache.reader.handle(|_| {}, None).wait_synced(SOON).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_resync_repeats_every_object_as_it_is() {
    let cache = fixture().listed(5, &[object("a", "1", 1, "x"), object("b", "2", 2, "x")]);
    let (sender, mut handled) = tokio::sync::mpsc::unbounded_channel();
    let _registration = cache.reader.handle(
        move |event| {
            if let Event::Updated { old, new } = event {
                assert!(Arc::ptr_eq(&old, &new));
                sender.send(new.key.name().to_owned()).unwrap();
            }
        },
        Some(Duration::from_hours(1)),
    );
    for name in ["a", "b", "a", "b"] {
        assert_eq!(handled.recv().await.unwrap(), name);
    }
}
