//! Sends requests under a deadline and within the limits, and repeats them only if nothing was written.

use std::error::Error as StdError;
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Collected};
use hyper::body::Incoming;
use kube::client::{AuthError, Body};
use kube::core::Status;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::{Instant, sleep_until, timeout_at};
use tower::ServiceExt as _;

use super::clients::Clients;
use super::limits::{Limits, Turn};
use super::{Options, PriorityLevel, Reason};
use crate::metrics::{CallMetrics, Metrics};

/// The maximum number of attempts to send a request.
const ATTEMPTS: u32 = 4;
/// The explanation of a 404 for the resource.
const MISSING_RESOURCE: &str = "the API server does not have the resource: its CustomResourceDefinition is not installed, or has another version";
/// The first pause between two attempts; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

pub(super) struct Transport {
    pub(super) clients: Clients,
    limits: Limits,
    pub(super) deadline: Duration,
    connect_timeout: Duration,
    pub(super) field_manager: String,
    pub(super) metrics: Metrics,
    /// Wakes callers that wait for the API server to be back.
    succeeded: Notify,
}

impl Transport {
    pub(super) fn new(clients: Clients, options: &Options) -> Self {
        Self {
            clients,
            limits: Limits::new(options),
            deadline: options.deadline,
            connect_timeout: connect_timeout(options),
            field_manager: options.client_name.clone(),
            metrics: options.metrics.clone(),
            succeeded: Notify::new(),
        }
    }

    /// Waits for the next successful answer to any request from now on.
    pub(super) fn next_success(&self) -> Notified<'_> {
        self.succeeded.notified()
    }

    /// Sends a request when it is its turn, and reads the whole answer, all before the deadline.
    pub(super) async fn call(
        &self,
        request: Request<Vec<u8>>,
        level: PriorityLevel,
        metrics: &CallMetrics,
    ) -> Result<Bytes, Reason> {
        self.call_until(request, Some(level), Instant::now() + self.deadline, metrics)
            .await
    }

    /// Sends a request without a turn and reads the whole answer, both before the time `within` has passed. For the
    /// requests of a list-watch, which are few, back off by themselves, and must not starve behind others.
    pub(super) async fn call_without_turn(
        &self,
        request: Request<Vec<u8>>,
        within: Duration,
        metrics: &CallMetrics,
    ) -> Result<Bytes, Reason> {
        self.call_until(request, None, Instant::now() + within, metrics)
            .await
    }

    async fn call_until(
        &self,
        request: Request<Vec<u8>>,
        level: Option<PriorityLevel>,
        deadline: Instant,
        metrics: &CallMetrics,
    ) -> Result<Bytes, Reason> {
        let is_read = request.method() == Method::GET;
        // The turn lasts until the whole answer is there.
        let (response, _turn) = self.open_until(request, level, deadline, metrics).await?;
        match timeout_at(deadline, response.into_body().collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) => Err(lost(is_read, chain(&error))),
            Err(_) => Err(lost(
                is_read,
                "the deadline passed while the answer was read".to_owned(),
            )),
        }
    }

    /// Sends a request without a turn. The deadline applies to the answer's head, and not to its body.
    pub(super) async fn open_without_turn(
        &self,
        request: Request<Vec<u8>>,
        metrics: &CallMetrics,
    ) -> Result<Response<Incoming>, Reason> {
        let deadline = Instant::now() + self.deadline;
        let (response, _) = self.open_until(request, None, deadline, metrics).await?;
        Ok(response)
    }

    /// Sends a request, and repeats it if nothing was written. Each attempt has its own turn, so that a pause between
    /// two attempts delays no other call.
    async fn open_until(
        &self,
        request: Request<Vec<u8>>,
        level: Option<PriorityLevel>,
        deadline: Instant,
        metrics: &CallMetrics,
    ) -> Result<(Response<Incoming>, Option<Turn<'_>>), Reason> {
        // Each attempt takes a copy, which shares the body.
        let request = request.map(Bytes::from);
        let mut attempt = 1;
        let mut turn = match level {
            Some(level) => Some(self.turn(level, deadline, metrics).await?),
            None => None,
        };
        loop {
            let started = Instant::now();
            let attempted = timeout_at(deadline, self.attempt(request.clone())).await;
            let code = match &attempted {
                Ok(Ok(response)) => Some(response.status().as_u16()),
                Ok(Err(FailedAttempt { code, .. })) => *code,
                Err(_) => None,
            };
            metrics.sent(code, started.elapsed());
            let reason = match attempted {
                Ok(Ok(response)) => {
                    self.succeeded.notify_waiters();
                    return Ok((response, turn));
                }
                Ok(Err(FailedAttempt { reason, .. })) => reason,
                Err(_) => {
                    let is_read = request.method() == Method::GET;
                    return Err(lost(is_read, "the deadline passed without an answer".to_owned()));
                }
            };
            let Reason::Unavailable { retry_after, cause } = &reason else {
                return Err(reason);
            };
            let pause = retry_after.unwrap_or_else(|| jittered(FIRST_PAUSE * 2_u32.pow(attempt - 1)));
            let resume = Instant::now() + pause;
            // If the deadline passed before the connect timeout, a failure to connect would be an unknown outcome.
            if attempt == ATTEMPTS || resume + self.connect_timeout >= deadline {
                return Err(reason);
            }
            tracing::debug!(attempt, ?pause, %cause, uri = %request.uri(), "repeating a request to the API server");
            turn = None;
            sleep_until(resume).await;
            if let Some(level) = level {
                match self.turn(level, deadline, metrics).await {
                    Ok(next) => turn = Some(next),
                    // The API server's own answer says more.
                    Err(_) => return Err(reason),
                }
            }
            metrics.repeated(code);
            attempt += 1;
        }
    }

    async fn turn(
        &self,
        level: PriorityLevel,
        deadline: Instant,
        metrics: &CallMetrics,
    ) -> Result<Turn<'_>, Reason> {
        let started = Instant::now();
        let turn = self.limits.turn(level, deadline - self.connect_timeout).await;
        metrics.waited(started.elapsed());
        turn.map_err(|retry_after| {
            metrics.refused();
            Reason::Overloaded { retry_after }
        })
    }

    async fn attempt(&self, request: Request<Bytes>) -> Result<Response<Incoming>, FailedAttempt> {
        let is_read = request.method() == Method::GET;
        let unanswered = |reason| FailedAttempt { code: None, reason };
        let response = match self.clients.current().oneshot(request.map(Body::from)).await {
            Ok(response) => response,
            Err(error) if was_not_sent(&*error) => {
                return Err(unanswered(Reason::Unavailable {
                    retry_after: None,
                    cause: chain(&*error),
                }));
            }
            Err(error) => return Err(unanswered(lost(is_read, chain(&*error)))),
        };
        if response.status().is_success() {
            return Ok(response);
        }
        let code = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|seconds| seconds.to_str().ok()?.parse().ok());
        // Without a readable body the code still says what happened.
        let body = response
            .into_body()
            .collect()
            .await
            .map(Collected::to_bytes)
            .unwrap_or_default();
        let mut status = serde_json::from_slice::<Status>(&body).unwrap_or_else(|_| {
            // The API server answers a missing object with a Status, and a missing resource with plain text.
            if code == 404 && body.trim_ascii() == b"404 page not found" {
                return Status::failure(MISSING_RESOURCE, "");
            }
            Status::failure(&String::from_utf8_lossy(&body[..body.len().min(512)]), "")
        });
        status.code = code;
        // An hour at most, which is forever to a waiting client.
        let retry_after = retry_after.map(|seconds: u64| Duration::from_secs(seconds.min(3600)));
        let reason = match Reason::from_status(status.boxed(), retry_after) {
            Reason::OutcomeUnknown(cause) => lost(is_read, cause),
            reason => reason,
        };
        Err(FailedAttempt {
            code: Some(code),
            reason,
        })
    }
}

/// An attempt that failed.
struct FailedAttempt {
    /// The status code of the answer, if there was one.
    code: Option<u16>,
    reason: Reason,
}

/// Half the deadline, so that a failure to connect is recognized as such: nothing was sent.
pub(super) fn connect_timeout(options: &Options) -> Duration {
    options.deadline / 2
}

/// Returns the reason of a request whose answer was lost: a read has written nothing, but a write may have happened.
fn lost(is_read: bool, cause: String) -> Reason {
    if is_read {
        Reason::Unavailable {
            retry_after: None,
            cause,
        }
    } else {
        Reason::OutcomeUnknown(cause)
    }
}

/// Returns true if there was no connection, or no credentials, so that the request was not sent.
fn was_not_sent(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<hyper_util::client::legacy::Error>() {
            return error.is_connect();
        }
        if error.is::<AuthError>() {
            return true;
        }
        next = error.source();
    }
    false
}

/// An error with its causes, for the log.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        // Some errors repeat their source in their own text.
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        next = error.source();
    }
    text
}

/// Returns between half and the whole of a pause, so that clients which failed together do not retry together.
pub(crate) fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.5..=1.0))
}
