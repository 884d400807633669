use std::sync::Arc;

use futures::future::{join_all, poll_immediate};

use super::*;

fn limits(max_in_flight: u32, qps: f64, burst: u32) -> Limits {
    Limits::new(&Options {
        max_in_flight,
        qps,
        burst,
        ..Options::default()
    })
}

fn in_seconds(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn turns_come_in_the_order_in_which_they_are_asked_for() {
    for limits in [limits(2, 0.0, 1), limits(64, 20.0, 1)] {
        let (limits, order) = (Arc::new(limits), Arc::new(Mutex::new(Vec::new())));
        join_all((0..40).map(|number| {
            let (limits, order) = (Arc::clone(&limits), Arc::clone(&order));
            async move {
                let _turn = limits
                    .turn(PriorityLevel::Workload, in_seconds(60))
                    .await
                    .unwrap();
                order.lock().unwrap().push(number);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }))
        .await;
        assert_eq!(*order.lock().unwrap(), (0..40).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn no_level_takes_the_turns_of_another() {
    let limits = limits(64, 0.0, 1);
    let mut turns = Vec::new();
    for (level, size) in [(PriorityLevel::Workload, 48), (PriorityLevel::LiveReads, 16)] {
        for _ in 0..size {
            turns.push(limits.turn(level, in_seconds(1)).await.ok().unwrap());
        }
        assert!(poll_immediate(limits.turn(level, in_seconds(1))).await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_cannot_come_before_the_deadline_is_refused_at_once() {
    let limits = limits(64, 1.0, 1);
    drop(limits.turn(PriorityLevel::Workload, in_seconds(1)).await);
    let began = Instant::now();
    let refused = limits
        .turn(PriorityLevel::Workload, began + Duration::from_millis(500))
        .await;
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(refused.err(), Some(Duration::from_secs(1)));
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_too_long_for_the_deadline_is_refused_at_once() {
    // One at a time of the workload, and each takes a second.
    let limits = limits(2, 0.0, 1);
    let call = async |until: u64| {
        let turn = limits.turn(PriorityLevel::Workload, in_seconds(until)).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(turn);
        Ok::<_, Duration>(())
    };
    call(1).await.unwrap();
    let (began, refused) = (Instant::now(), Mutex::new(Vec::new()));
    join_all((0..6).map(async |_| {
        if let Err(retry_after) = call(2).await {
            assert_eq!(
                began.elapsed(),
                Duration::ZERO,
                "foreseeable, and not told at once"
            );
            refused.lock().unwrap().push(retry_after.as_secs());
        }
    }))
    .await;
    // One at once, two within their two seconds; the others are told to come one after the other.
    assert_eq!(*refused.lock().unwrap(), [3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_back_after_the_time_that_they_were_told_has_their_turn() {
    for limits in [limits(4, 0.0, 1), limits(64, 10.0, 5)] {
        let tries = join_all((0..200).map(async |_| {
            let call = async || {
                let turn = limits.turn(PriorityLevel::Workload, in_seconds(2)).await?;
                tokio::time::sleep(Duration::from_millis(300)).await;
                drop(turn);
                Ok::<_, Duration>(())
            };
            let mut tries = 1;
            while let Err(retry_after) = call().await {
                // As clients are told it: in whole seconds, rounded up.
                tokio::time::sleep(Duration::from_secs(retry_after.as_secs() + 1)).await;
                tries += 1;
            }
            tries
        }));
        let tries = tries.await;
        assert!(tries.iter().any(|tries| *tries > 1));
        assert!(tries.iter().all(|tries| *tries <= 3), "{tries:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_goes_at_once_and_what_follows_at_the_rate() {
    let limiter = RateLimiter::new(10.0, 5).unwrap();
    let began = Instant::now();
    for number in 0..20_u32 {
        limiter.ready().await;
        let expected = Duration::from_millis(100) * number.saturating_sub(4);
        assert!(began.elapsed() >= expected && began.elapsed() < expected + Duration::from_millis(2));
    }
}

#[test]
fn no_rate_and_more_than_can_be_counted_are_no_limit() {
    for qps in [0.0, -1.0, f64::INFINITY, f64::NAN, 1e300] {
        assert!(RateLimiter::new(qps, 1).is_none(), "{qps}");
    }
}
