//! Kubernetes Events: what happened to an object, for `kubectl describe` and `kubectl events`.
//!
//! They are sent in the background, through a queue that never blocks, at their own rate, and repeated events as one
//! event with a count. An event that does not fit into the queue is dropped and counted. A failed event is sent again a
//! few times, as in client-go. If only its answer was lost, it may be recorded twice.

mod recorder;

use std::convert::Infallible;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::Reporter;
pub use kube::runtime::events::{Event, EventType};
use tokio::sync::{mpsc, oneshot};

use super::limits::RateLimiter;
use super::transport::jittered;
use super::{Connector, Reason};
use crate::metrics::EventMetrics;
use recorder::Recorder;

/// The maximum number of events that wait to be sent.
const QUEUE: usize = 1000;
/// The number of events sent at once, and per second on average: far fewer than the requests of clients.
const BURST: u32 = 25;
const PER_SECOND: f64 = 10.0;
/// The deadline of a request that sends an event.
const DEADLINE: Duration = Duration::from_secs(5);
/// The maximum number of attempts to send an event.
const ATTEMPTS: u32 = 4;
/// The first pause between two attempts; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The recorder of Events, created by [`Connector::events`].
#[derive(Clone)]
pub struct Events {
    queue: mpsc::Sender<Item>,
    metrics: EventMetrics,
}

enum Item {
    Event(Box<(Event, ObjectReference)>),
    /// A caller waits until all earlier events have been sent.
    Flush(oneshot::Sender<()>),
}

impl Events {
    /// Queues an event about an object, or drops it if the queue is full. Does not wait.
    pub fn record(&self, event: Event, about: ObjectReference) {
        if self
            .queue
            .try_send(Item::Event(Box::new((event, about))))
            .is_err()
        {
            self.metrics.dropped();
        }
    }

    /// Waits until all earlier events have been sent, but no longer than `within`. Events that wait when the process
    /// ends are lost.
    pub async fn flush(&self, within: Duration) {
        let flushed = async {
            let (sender, flushed) = oneshot::channel();
            if self.queue.send(Item::Flush(sender)).await.is_ok() {
                // There is no answer if the sending future was dropped.
                let _ = flushed.await;
            }
        };
        if tokio::time::timeout(within, flushed).await.is_err() {
            tracing::warn!("some Kubernetes Events were not sent");
        }
    }
}

impl Connector {
    /// Returns a recorder of Events with the connector's client name as reporter, and the future that sends them.
    pub fn events(&self) -> (Events, impl Future<Output = Infallible> + Send + use<>) {
        let (sender, queue) = mpsc::channel(QUEUE);
        let metrics = self.transport.metrics.events();
        let reporter = Reporter::from(self.transport.field_manager.as_str());
        let requests = self.transport.metrics.requests("events.events.k8s.io");
        let client = self.transport.clients.for_events(requests, DEADLINE);
        let recorder = Recorder::new(client, reporter);
        let events = Events {
            queue: sender,
            metrics: metrics.clone(),
        };
        (events, send(queue, recorder, metrics))
    }
}

async fn send(mut queue: mpsc::Receiver<Item>, mut recorder: Recorder, metrics: EventMetrics) -> Infallible {
    let limiter = RateLimiter::new(PER_SECOND, BURST);
    let mut has_warned = false;
    while let Some(item) = queue.recv().await {
        let (event, about) = match item {
            Item::Event(event) => *event,
            Item::Flush(waiting) => {
                // A caller that has given up needs no answer.
                let _ = waiting.send(());
                continue;
            }
        };
        let Err(failure) = send_one(&mut recorder, limiter.as_ref(), &event, &about).await else {
            metrics.sent();
            continue;
        };
        metrics.failed();
        if is_missing_right(&failure) && !has_warned {
            has_warned = true;
            tracing::warn!(
                error = %failure,
                "no Kubernetes Events are recorded: the account needs the right to create and patch events.events.k8s.io"
            );
        } else {
            tracing::debug!(error = %failure, reason = event.reason, "an event was not sent");
        }
    }
    // All handles are gone: no more events can come.
    std::future::pending().await
}

/// Sends one event at its turn, and again while another attempt may succeed.
async fn send_one(
    recorder: &mut Recorder,
    limiter: Option<&RateLimiter>,
    event: &Event,
    about: &ObjectReference,
) -> Result<(), kube::Error> {
    let mut attempt = 1;
    loop {
        if let Some(limiter) = limiter {
            limiter.ready().await;
        }
        let Err(failure) = recorder.publish(event, about).await else {
            return Ok(());
        };
        if attempt == ATTEMPTS || is_final(&failure) {
            return Err(failure);
        }
        tokio::time::sleep(jittered(FIRST_PAUSE * 2_u32.pow(attempt - 1))).await;
        attempt += 1;
    }
}

/// Returns true if another attempt would fail in the same way: the API server has read the Event and refuses it.
fn is_final(failure: &kube::Error) -> bool {
    matches!(failure, kube::Error::Api(status) if status.code < 500 && status.code != 429)
}

fn is_missing_right(failure: &kube::Error) -> bool {
    let kube::Error::Api(status) = failure else {
        return false;
    };
    matches!(Reason::from_status(status.clone(), None), Reason::NotAllowed(_))
}
