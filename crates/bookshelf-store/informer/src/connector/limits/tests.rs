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
async fn turns_come_in_the_order_of_their_requests() {
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
    for (level, size) in [
        (PriorityLevel::Workload, 48),
        (PriorityLevel::LiveReads, 8),
        (PriorityLevel::VersionReads, 8),
    ] {
        for _ in 0..size {
            turns.push(limits.turn(level, in_seconds(1)).await.ok().unwrap());
        }
        assert!(poll_immediate(limits.turn(level, in_seconds(1))).await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_cannot_come_before_the_deadline_is_refused_at_once() {
    let limits = limits(64, 8.0 / 6.0, 1);
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
    // One workload call at a time, each of one second.
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
                "foreseeable, and not refused at once"
            );
            refused.lock().unwrap().push(retry_after.as_secs());
        }
    }))
    .await;
    // One call runs at once, and two within their two seconds. The others get times one after the other.
    assert_eq!(*refused.lock().unwrap(), [3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_that_returns_in_time_has_its_turn_if_no_new_call_comes() {
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
                // In whole seconds, rounded up, like `Retry-After`.
                tokio::time::sleep(Duration::from_secs(retry_after.as_secs() + 1)).await;
                tries += 1;
            }
            tries
        }));
        let tries = tries.await;
        assert!(tries.iter().any(|tries| *tries > 1));
        assert!(tries.iter().all(|tries| *tries <= 2), "{tries:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
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
    for qps in [f64::MIN_POSITIVE, 1e-18] {
        let limiter = RateLimiter::new(qps, u32::MAX).unwrap();
        assert!(
            (0..3).all(|_| limiter.reserve(Instant::now() + Duration::from_secs(1)).is_ok()),
            "{qps}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn writes_at_the_rate_starve_no_reads() {
    let limits = limits(64, 20.0, 1);
    // As many writes hold slots as fit before the deadline.
    let writes = join_all((0..48).map(|_| limits.turn(PriorityLevel::Workload, in_seconds(3))));
    let reads = async {
        for level in [PriorityLevel::LiveReads, PriorityLevel::VersionReads] {
            assert!(limits.turn(level, in_seconds(5)).await.is_ok(), "{level:?}");
        }
    };
    let (writes, ()) = futures::future::join(writes, reads).await;
    assert!(writes.iter().any(Result::is_err), "the rate is no limit");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_while_it_waits_takes_no_turn() {
    // Six workload calls at once, or one per second.
    for (limits, at_once) in [(limits(8, 0.0, 1), 6), (limits(64, 8.0 / 6.0, 1), 1)] {
        let mut turns = Vec::new();
        for _ in 0..at_once {
            turns.push(limits.turn(PriorityLevel::Workload, in_seconds(9)).await.ok());
        }
        for _ in 0..100 {
            let waiting = limits.turn(PriorityLevel::Workload, in_seconds(9));
            assert!(poll_immediate(waiting).await.is_none());
        }
        drop(turns);
        let began = Instant::now();
        assert!(limits.turn(PriorityLevel::Workload, in_seconds(9)).await.is_ok());
        assert!(began.elapsed() <= Duration::from_secs(1), "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn clients_that_do_not_wait_make_the_time_of_others_no_longer() {
    let limits = limits(64, 8.0 / 6.0, 1);
    drop(limits.turn(PriorityLevel::Workload, in_seconds(1)).await);
    for _ in 0..1000 {
        let refused = limits.turn(PriorityLevel::Workload, Instant::now()).await.err();
        assert!(
            refused.is_some_and(|after| after <= SPREAD + Duration::from_secs(2)),
            "{refused:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn calls_of_long_ago_are_no_forecast() {
    let limits = limits(2, 0.0, 1);
    let call = async |until: u64, lasts: u64| {
        let turn = limits.turn(PriorityLevel::Workload, in_seconds(until)).await?;
        tokio::time::sleep(Duration::from_millis(lasts)).await;
        drop(turn);
        Ok::<_, Duration>(())
    };
    call(5, 5000).await.unwrap();
    tokio::time::sleep(AVERAGE_HOLDS_FOR).await;
    let calls = join_all((0..10).map(|_| call(1, 10))).await;
    assert!(calls.iter().all(Result::is_ok), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_is_free_can_be_taken_without_a_wait() {
    let limiter = RateLimiter::new(10.0, 2).unwrap();
    assert_eq!(limiter.try_take(), Ok(()));
    assert_eq!(limiter.try_take(), Ok(()));
    let wait = limiter.try_take().unwrap_err();
    assert_eq!(wait, Duration::from_millis(100));
    // A refusal takes nothing.
    tokio::time::advance(wait).await;
    assert_eq!(limiter.try_take(), Ok(()));
    assert!(limiter.try_take().is_err());
}
