//! Limits on the requests of a connector: how many are in flight at once, and how many are sent per second.
//!
//! Both are first come, first served. A call whose turn cannot come before its deadline is refused at once, with the
//! time after which there is room for it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Options;

/// The maximum time that a read waits for its turn, since a client waits for its answer.
const READ_TURN_WITHIN: Duration = Duration::from_secs(1);
/// The weight of the moving average of the time of a call: the latest call counts for one part in this many.
const AVERAGE_WEIGHT: u32 = 8;
/// The time since the last call after which the average is no longer a forecast.
const AVERAGE_HOLDS_FOR: Duration = Duration::from_secs(10);
/// The maximum time over which the retries of refused calls are spread: a client that retries without waiting does not
/// delay the others further.
const SPREAD: Duration = Duration::from_mins(1);
/// The longest period of a rate.
const LONGEST_PERIOD: Duration = Duration::from_hours(1);

/// A group of calls with its own share of [`Options::max_in_flight`] and [`Options::qps`], so that no group starves
/// another: like a priority level of
/// [API Priority and Fairness](https://kubernetes.io/docs/concepts/cluster-administration/flow-control/).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PriorityLevel {
    /// Writes, and all calls of no other level. Its share is three quarters.
    #[default]
    Workload,
    /// Reads that a client wants from the API server and not from the cache. Its share is one eighth. A call waits at
    /// most one second for its turn.
    LiveReads,
    /// Reads that bring the cache to a version that a client requests. Its share is one eighth. A call waits at most
    /// one second for its turn.
    VersionReads,
    /// Calls without turns and limits, like those of the API server's exempt priority level. The caller limits them
    /// itself.
    Exempt,
}

/// The limits of one connector.
pub(super) struct Limits {
    workload: Level,
    live_reads: Level,
    version_reads: Level,
}

impl Limits {
    pub(super) fn new(options: &Options) -> Self {
        let level = |eighths: u32, turn_within| {
            // At least one, or the level would never send anything.
            let share = |number: u32| (number / 8 * eighths + number % 8 * eighths / 8).max(1);
            let qps = options.qps * f64::from(eighths) / 8.0;
            let rate = RateLimiter::new(qps, share(options.burst));
            Level::new(share(options.max_in_flight), rate, turn_within)
        };
        Self {
            workload: level(6, None),
            live_reads: level(1, Some(READ_TURN_WITHIN)),
            version_reads: level(1, Some(READ_TURN_WITHIN)),
        }
    }

    /// Waits for the turn of a call, which lasts until the [`Turn`] is dropped.
    ///
    /// If the turn does not come before `until`, fails with the time to wait before another attempt: at once if that is
    /// foreseeable. A call that is dropped while it waits takes no turn.
    pub(super) async fn turn(&self, level: PriorityLevel, until: Instant) -> Result<Turn<'_>, Duration> {
        let level = match level {
            PriorityLevel::Workload => &self.workload,
            PriorityLevel::LiveReads => &self.live_reads,
            PriorityLevel::VersionReads => &self.version_reads,
            PriorityLevel::Exempt => return Ok(Turn(None)),
        };
        let now = Instant::now();
        level
            .turn(level.turn_within.map_or(until, |within| until.min(now + within)))
            .await
    }
}

/// The share of a priority level.
struct Level {
    permits: Semaphore,
    size: u32,
    rate: Option<RateLimiter>,
    /// The maximum wait for a turn, if the call's deadline allows a longer one.
    turn_within: Option<Duration>,
    queued: AtomicU32,
    history: Mutex<History>,
}

/// Earlier turns of a level.
#[derive(Default)]
struct History {
    /// The moving average of the time that a turn lasts, and the end of the last turn.
    average: Option<(Duration, Instant)>,
    /// The time at which the next refused call should be retried.
    promised: Option<Instant>,
}

impl Level {
    fn new(size: u32, rate: Option<RateLimiter>, turn_within: Option<Duration>) -> Self {
        Self {
            permits: Semaphore::new(size as usize),
            size,
            rate,
            turn_within,
            queued: AtomicU32::new(0),
            history: Mutex::default(),
        }
    }

    async fn turn(&self, until: Instant) -> Result<Turn<'_>, Duration> {
        let permit = match self.permits.try_acquire() {
            Ok(permit) => permit,
            Err(_) => self.queue(until).await?,
        };
        if let Some(rate) = &self.rate {
            let slot = rate.reserve(until).map_err(|wait| self.refuse(wait))?;
            slot.wait().await;
        }
        Ok(Turn(Some(Held {
            level: self,
            began: Instant::now(),
            _permit: permit,
        })))
    }

    async fn queue(&self, until: Instant) -> Result<SemaphorePermit<'_>, Duration> {
        let queued = Queued::behind_all(self);
        let expected = self.expected_wait(queued.position);
        if Instant::now() + expected > until {
            return Err(self.refuse(expected));
        }
        let acquired = timeout_at(until, self.permits.acquire()).await;
        // The semaphore is never closed.
        acquired.ok().and_then(Result::ok).ok_or_else(|| {
            let at_the_end = self.expected_wait(self.queued.load(Ordering::Relaxed));
            self.refuse(at_the_end)
        })
    }

    /// Returns the expected time until the turn of the call at a position of the queue, counted from 1. The forecast is
    /// based on recent calls and the rate.
    fn expected_wait(&self, position: u32) -> Duration {
        let of_rate = self.rate.as_ref().map(|rate| rate.expected_wait(position));
        (self.time_of_one() * position).max(of_rate.unwrap_or_default())
    }

    /// Returns the time after which a refused call should be retried. Each refused call gets a different time, one turn
    /// after the other, since they cannot all have their turns at once.
    ///
    /// The time is not a reservation: new calls may take the turn. If turns were reserved for clients that may never
    /// return, calls would be refused while nothing is in flight.
    fn refuse(&self, expected: Duration) -> Duration {
        let of_rate = self.rate.as_ref().map(|rate| rate.period);
        let of_one = self.time_of_one().max(of_rate.unwrap_or_default());
        let earliest = Instant::now() + expected;
        let mut history = self.history();
        let latest = earliest + SPREAD;
        let spread = history.promised.filter(|at| (earliest..latest).contains(at));
        let at = spread.unwrap_or(earliest);
        history.promised = Some(at + of_one);
        at.saturating_duration_since(Instant::now())
    }

    /// Returns the average time between the turns of two calls in the queue; zero if no call ended recently.
    fn time_of_one(&self) -> Duration {
        let average = self.history().average;
        let average = average.filter(|(_, ended)| ended.elapsed() < AVERAGE_HOLDS_FOR);
        average.map_or(Duration::ZERO, |(average, _)| average / self.size)
    }

    /// Adds the duration of a turn to the average.
    fn took(&self, time: Duration) {
        let mut history = self.history();
        let average = history.average.map_or(time, |(average, _)| {
            average / AVERAGE_WEIGHT * (AVERAGE_WEIGHT - 1) + time / AVERAGE_WEIGHT
        });
        history.average = Some((average, Instant::now()));
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call's turn: the request may be sent. When it is dropped, the next call has its turn. An exempt call holds no
/// place.
pub(super) struct Turn<'a>(#[expect(dead_code, reason = "held for its drop")] Option<Held<'a>>);

/// A place in a priority level, taken by a call.
struct Held<'a> {
    level: &'a Level,
    began: Instant,
    _permit: SemaphorePermit<'a>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.level.took(self.began.elapsed());
    }
}

/// A call that waits for its turn. It is counted until it is dropped.
struct Queued<'a> {
    level: &'a Level,
    /// The number of waiting calls, including this one.
    position: u32,
}

impl<'a> Queued<'a> {
    fn behind_all(level: &'a Level) -> Self {
        let position = level.queued.fetch_add(1, Ordering::Relaxed) + 1;
        Self { level, position }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.level.queued.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A limit on requests per second, first come, first served: a token bucket that hands out slots in advance, like
/// client-go's ([`rate.Limiter`](https://pkg.go.dev/golang.org/x/time/rate)).
#[derive(Debug)]
pub struct RateLimiter {
    /// The minimum average time between two requests.
    period: Duration,
    /// The time by which the requests of a burst may come earlier.
    tolerance: Duration,
    /// The time at which the next request would come if there were no bursts.
    next: Mutex<Instant>,
}

impl RateLimiter {
    /// Creates a limiter that allows `burst` requests at once and `qps` per second on average; `None` if `qps` is no
    /// limit.
    #[must_use]
    pub fn new(qps: f64, burst: u32) -> Option<Self> {
        // NaN is no limit, either.
        let period = (qps > 0.0).then(|| qps.recip().min(LONGEST_PERIOD.as_secs_f64()))?;
        let period = Duration::from_secs_f64(period);
        (!period.is_zero()).then(|| Self {
            period,
            tolerance: period.saturating_mul(burst.saturating_sub(1)),
            next: Mutex::new(Instant::now()),
        })
    }

    /// Takes a slot if one is free now. Otherwise takes nothing and fails with the time until the next slot.
    pub fn try_take(&self) -> Result<(), Duration> {
        let now = Instant::now();
        let mut slot = self.reserve_at(now, now)?;
        slot.is_used = true;
        Ok(())
    }

    /// Waits for a slot, however late it is.
    pub(super) async fn ready(&self) {
        let forever = Instant::now() + Duration::from_hours(24 * 365);
        if let Ok(slot) = self.reserve(forever) {
            slot.wait().await;
        }
    }

    /// Takes the next slot. If that is after `until`, takes nothing and fails with the time until the slot.
    fn reserve(&self, until: Instant) -> Result<Slot<'_>, Duration> {
        self.reserve_at(Instant::now(), until)
    }

    fn reserve_at(&self, now: Instant, until: Instant) -> Result<Slot<'_>, Duration> {
        let mut next = self.next();
        let due = (*next).max(now);
        let at = due.checked_sub(self.tolerance).unwrap_or(now).max(now);
        if at > until {
            return Err(at - now);
        }
        *next = due + self.period;
        Ok(Slot {
            limiter: self,
            at,
            is_used: false,
        })
    }

    /// Returns the time until the slot of the request at a position, counted from 1 for the next request.
    fn expected_wait(&self, position: u32) -> Duration {
        let now = Instant::now();
        let next = *self.next();
        let due = next.max(now) + self.period.saturating_mul(position.saturating_sub(1));
        due.saturating_duration_since(now).saturating_sub(self.tolerance)
    }

    fn next(&self) -> MutexGuard<'_, Instant> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A time at which a request may be sent. Dropping it earlier gives it back, like client-go's `Reservation.Cancel`.
struct Slot<'a> {
    limiter: &'a RateLimiter,
    at: Instant,
    is_used: bool,
}

impl Slot<'_> {
    async fn wait(mut self) {
        sleep_until(self.at).await;
        self.is_used = true;
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        if !self.is_used {
            let mut next = self.limiter.next();
            *next = next.checked_sub(self.limiter.period).unwrap_or(*next);
        }
    }
}

#[cfg(test)]
mod tests;
