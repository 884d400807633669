//! Callbacks for the changes of a cache.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::event::Event;
use super::{NotYet, Reader};

/// A registered handler. Dropping the registration removes the handler, which may be called for another millisecond.
#[must_use = "dropping the registration removes the handler"]
pub struct HandlerRegistration {
    task: AbortHandle,
    synced: watch::Receiver<bool>,
}

impl HandlerRegistration {
    /// Waits until the handler has been called with every object of the first list.
    pub async fn wait_synced(&mut self, deadline: Duration) -> Result<(), NotYet> {
        let synced = self.synced.wait_for(|synced| *synced);
        tokio::time::timeout(deadline, synced)
            .await
            .map_err(|_| NotYet)?
            .map(|_| ())
            .map_err(|_| NotYet)
    }
}

impl Drop for HandlerRegistration {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<V: Send + Sync + 'static> Reader<V> {
    /// Calls `handler` with every change, one at a time, on its own task, so that it delays neither the cache nor other
    /// handlers. Rapid changes of an object may be merged into one, and changes that arrive together are in the order
    /// of their keys ([`Subscription`](super::Subscription)). A panic in the handler is logged and counted, and does
    /// not affect later changes.
    ///
    /// The handler runs on a thread of the runtime, and its task yields only between calls, about every millisecond. So
    /// it must not block. Long work belongs elsewhere, for instance behind a channel.
    ///
    /// With `resync`, every object is repeated at this interval as an [`Event::Updated`] with the same old and new,
    /// like client-go's resync: from memory, without a request to the API server.
    ///
    /// Panics outside a tokio runtime.
    pub fn handle(
        &self,
        handler: impl Fn(Event<V>) + Send + Sync + 'static,
        resync: Option<Duration>,
    ) -> HandlerRegistration {
        let (synced_sender, synced) = watch::channel(false);
        let reader = self.clone();
        let task = tokio::spawn(async move {
            let mut subscription = reader.subscribe();
            let mut resync = resync.filter(|period| !period.is_zero()).map(|period| {
                let mut interval = interval_at(Instant::now() + period, period);
                // Without a delay, a handler that takes longer than the period would be called without a pause.
                interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
                interval
            });
            loop {
                let tick = async {
                    match &mut resync {
                        Some(interval) => {
                            interval.tick().await;
                        }
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    looked = subscription.look() => {
                        if looked.is_err() {
                            return;
                        }
                        let mut slice = TimeSlice::begin();
                        while let Some(event) = subscription.try_next() {
                            call(&reader, &handler, event);
                            slice.end_if_over().await;
                        }
                        synced_sender.send_replace(subscription.seen().is_some());
                    }
                    () = tick => {
                        let Some(seen) = subscription.seen().cloned() else { continue };
                        let mut slice = TimeSlice::begin();
                        for entry in seen.iter() {
                            call(&reader, &handler, Event::Updated { old: Arc::clone(entry), new: Arc::clone(entry) });
                            slice.end_if_over().await;
                        }
                    }
                }
            }
        });
        HandlerRegistration {
            task: task.abort_handle(),
            synced,
        }
    }
}

/// The approximate time for which a handler is called without a pause.
const TIME_SLICE: Duration = Duration::from_millis(1);
/// The maximum number of calls between two reads of the clock, which take longer than most handlers.
const UNTIMED_CALLS: u32 = 16;

/// A time slice of a handler. Between two slices, the task yields to others, and ends if the handler was removed.
struct TimeSlice {
    began: std::time::Instant,
    /// The number of calls between two reads of the clock, which grows until the slice is over.
    untimed: u32,
    /// The number of calls until the next read.
    left: u32,
}

impl TimeSlice {
    fn begin() -> Self {
        Self {
            began: std::time::Instant::now(),
            untimed: 1,
            left: 1,
        }
    }

    async fn end_if_over(&mut self) {
        self.left -= 1;
        if self.left > 0 {
            return;
        }
        if self.began.elapsed() >= TIME_SLICE {
            tokio::task::yield_now().await;
            *self = Self::begin();
        } else {
            self.untimed = (2 * self.untimed).min(UNTIMED_CALLS);
            self.left = self.untimed;
        }
    }
}

fn call<V>(reader: &Reader<V>, handler: &impl Fn(Event<V>), event: Event<V>) {
    if catch_unwind(AssertUnwindSafe(|| handler(event))).is_err() {
        if let Some(metrics) = reader.shared.metrics.get() {
            metrics.handler_panics.inc();
        }
        tracing::error!("a cache event handler panicked; see standard error for the panic");
    }
}
