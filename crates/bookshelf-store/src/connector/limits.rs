//! Limits on the requests of a connector: how many are in flight at once, and how many are sent a second.
//!
//! Both are first come, first served. A call whose turn cannot come before its deadline is refused at once, with the time
//! after which there is room for it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Options;

/// The longest time that a live read waits for its turn: a client waits for the answer.
const LIVE_READ_TURN_WITHIN: Duration = Duration::from_secs(1);
/// The weight of the latest call in the average time that a call takes: 1/8.
const AVERAGE_SHIFT: u32 = 3;

/// A group of calls with its own share of [`Options::max_in_flight`], so that no group starves another, as the priority
/// levels of [API Priority and Fairness](https://kubernetes.io/docs/concepts/cluster-administration/flow-control/) have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PriorityLevel {
    /// Writes, and all calls that nothing else is said of: three quarters.
    #[default]
    Workload,
    /// Reads that a client waits for and the cache cannot answer: one quarter. Such a call waits for its turn for a
    /// second at most.
    LiveReads,
}

/// The limits of one connector.
pub(super) struct Limits {
    workload: Level,
    live_reads: Level,
    rate: Option<RateLimiter>,
}

impl Limits {
    pub(super) fn new(options: &Options) -> Self {
        let live_reads = (options.max_in_flight / 4).max(1);
        let workload = options.max_in_flight.saturating_sub(live_reads).max(1);
        Self {
            workload: Level::new(workload, None),
            live_reads: Level::new(live_reads, Some(LIVE_READ_TURN_WITHIN)),
            rate: RateLimiter::new(options.qps, options.burst),
        }
    }

    /// Waits for the turn of a call, which lasts until the [`Turn`] is dropped.
    ///
    /// Fails with the time to wait before another try if the turn does not come until `until`; at once where that is
    /// foreseeable.
    pub(super) async fn turn(&self, level: PriorityLevel, until: Instant) -> Result<Turn<'_>, Duration> {
        let level = match level {
            PriorityLevel::Workload => &self.workload,
            PriorityLevel::LiveReads => &self.live_reads,
        };
        let now = Instant::now();
        let until = level.turn_within.map_or(until, |within| until.min(now + within));
        let permit = match level.permits.try_acquire() {
            Ok(permit) => permit,
            Err(_) => self.queue(level, now, until).await?,
        };
        let turn = Turn {
            level,
            began: Instant::now(),
            _permit: permit,
        };
        if let Some(rate) = &self.rate {
            match rate.reserve(until) {
                Ok(slot) => sleep_until(slot).await,
                Err(wait) => return Err(self.refuse(level, wait)),
            }
        }
        Ok(turn)
    }

    async fn queue<'a>(
        &self,
        level: &'a Level,
        now: Instant,
        until: Instant,
    ) -> Result<SemaphorePermit<'a>, Duration> {
        let queued = Queued::behind_all(level);
        let expected = self.expected_wait(level, queued.position);
        if now + expected > until {
            return Err(self.refuse(level, expected));
        }
        let acquired = timeout_at(until, level.permits.acquire()).await;
        // Nobody closes the semaphore.
        acquired.ok().and_then(Result::ok).ok_or_else(|| {
            let at_the_end = self.expected_wait(level, level.queued.load(Ordering::Relaxed));
            self.refuse(level, at_the_end)
        })
    }

    /// The time until the turn of a call that so many others are before, itself included, by the time that calls have
    /// taken lately.
    fn expected_wait(&self, level: &Level, position: u32) -> Duration {
        let of_rate = self.rate.as_ref().map(|rate| rate.wait(position));
        (level.time_of_one() * position).max(of_rate.unwrap_or_default())
    }

    /// The time after which another try finds its turn. All who are refused are told different times, one after the
    /// other, as they would not all have their turns at the same one.
    fn refuse(&self, level: &Level, expected: Duration) -> Duration {
        let of_rate = self.rate.as_ref().map(|rate| rate.period);
        let of_one = level.time_of_one().max(of_rate.unwrap_or_default());
        let now = Instant::now();
        let mut promised = level.promised.lock().unwrap_or_else(PoisonError::into_inner);
        let at = promised.unwrap_or(now).max(now + expected);
        *promised = Some(at + of_one);
        at - now
    }
}

/// A share of the requests in flight.
struct Level {
    permits: Semaphore,
    size: u32,
    /// The longest wait for a turn, where that is shorter than the call's deadline allows.
    turn_within: Option<Duration>,
    queued: AtomicU32,
    /// The moving average of the time that a turn lasts, in microseconds.
    average: AtomicU64,
    /// The time of the last turn that somebody who was refused was told.
    promised: Mutex<Option<Instant>>,
}

impl Level {
    fn new(size: u32, turn_within: Option<Duration>) -> Self {
        Self {
            permits: Semaphore::new(size as usize),
            size,
            turn_within,
            queued: AtomicU32::new(0),
            average: AtomicU64::new(0),
            promised: Mutex::default(),
        }
    }

    /// The time after which the next one in the queue has its turn, on average.
    fn time_of_one(&self) -> Duration {
        Duration::from_micros(self.average.load(Ordering::Relaxed)) / self.size
    }

    /// Takes in how long a turn lasted. Of two that end at the same time one may be lost, which an average survives.
    fn took(&self, time: Duration) {
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let average = self.average.load(Ordering::Relaxed);
        let next = if average == 0 {
            time
        } else {
            average - (average >> AVERAGE_SHIFT) + (time >> AVERAGE_SHIFT)
        };
        self.average.store(next, Ordering::Relaxed);
    }
}

/// A call's turn: the request may be sent. Dropped, the next call has its turn.
pub(super) struct Turn<'a> {
    level: &'a Level,
    began: Instant,
    _permit: SemaphorePermit<'a>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.level.took(self.began.elapsed());
    }
}

/// A call that waits for its turn, counted for as long as it does.
struct Queued<'a> {
    level: &'a Level,
    /// The number of calls that wait, this one included.
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

/// A limit on requests a second, first come, first served: client-go's token bucket, which hands out slots in advance
/// ([`rate.Limiter`](https://pkg.go.dev/golang.org/x/time/rate)).
pub(super) struct RateLimiter {
    /// The time between two requests in the long run.
    period: Duration,
    /// How much earlier than that the requests of a burst may come.
    tolerance: Duration,
    /// The time at which the next request would come if there were no bursts.
    next: Mutex<Instant>,
}

impl RateLimiter {
    /// A limiter that allows `burst` requests at once and `qps` a second in the long run; `None` where that is no limit.
    pub(super) fn new(qps: f64, burst: u32) -> Option<Self> {
        let period = Duration::try_from_secs_f64(qps.recip())
            .ok()
            .filter(|period| qps > 0.0 && !period.is_zero())?;
        Some(Self {
            period,
            tolerance: period.saturating_mul(burst.saturating_sub(1)),
            next: Mutex::new(Instant::now()),
        })
    }

    /// Waits for a slot, however late it is.
    pub(super) async fn ready(&self) {
        let forever = Instant::now() + Duration::from_hours(24 * 365);
        if let Ok(slot) = self.reserve(forever) {
            sleep_until(slot).await;
        }
    }

    /// Takes the next slot; fails with the time until then, and takes nothing, where it is after `until`.
    fn reserve(&self, until: Instant) -> Result<Instant, Duration> {
        let now = Instant::now();
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let due = (*next).max(now);
        let slot = due.checked_sub(self.tolerance).unwrap_or(now).max(now);
        if slot > until {
            return Err(slot - now);
        }
        *next = due + self.period;
        Ok(slot)
    }

    /// The time until the slot of the request that is so many behind, the next one being 1.
    fn wait(&self, position: u32) -> Duration {
        let now = Instant::now();
        let next = *self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let due = next.max(now) + self.period.saturating_mul(position.saturating_sub(1));
        due.saturating_duration_since(now).saturating_sub(self.tolerance)
    }
}

#[cfg(test)]
mod tests;
