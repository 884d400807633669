//! The right of an open stream to go on.

use std::time::{Duration, Instant};

use futures::future::{LocalBoxFuture, pending};
use tokio::time::sleep_until;

use super::{Granted, Refused};

/// The pause after an authorization without an outcome.
const PAUSE: Duration = Duration::from_secs(1);

/// The right of an open stream to go on. It is authorized again when the first of its decisions expires, after ten
/// seconds at the latest.
pub(crate) struct Standing {
    /// The expiry of the decisions; `None` if they do not expire.
    until: Option<Instant>,
    /// The time of the next authorization.
    next: Option<Instant>,
    authorize: Box<dyn Fn() -> Authorizing>,
    authorizing: Option<Authorizing>,
}

/// An authorization in progress.
pub(crate) type Authorizing = LocalBoxFuture<'static, Result<Granted, Refused>>;

impl Standing {
    /// Creates the right of a stream that is granted until a time, and authorized by `authorize` after that.
    pub(crate) fn new(until: Option<Instant>, authorize: impl Fn() -> Authorizing + 'static) -> Self {
        Self {
            until,
            next: until,
            authorize: Box::new(authorize),
            authorizing: None,
        }
    }

    /// Returns true while the stream may send events.
    pub(crate) fn holds(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }

    /// Waits for the next authorization. Returns false if the stream must end. Cancel safe.
    pub(crate) async fn authorized(&mut self) -> bool {
        let Some(next) = self.next else {
            return pending().await;
        };
        if self.authorizing.is_none() {
            sleep_until(next.into()).await;
        }
        let outcome = self.authorizing.get_or_insert_with(&self.authorize).await;
        self.authorizing = None;
        match outcome {
            Ok(Granted { grant, .. }) => {
                self.until = grant.until;
                self.next = grant.until;
                true
            }
            Err(refused) if refused.problem.is_auth_failure() => false,
            // There is no outcome: the stream sends no events until there is one.
            Err(_) => {
                self.next = Some(Instant::now() + PAUSE);
                true
            }
        }
    }
}
