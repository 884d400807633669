//! The right of an open stream to go on.

use std::time::{Duration, Instant};

use futures::future::{LocalBoxFuture, pending};
use tokio::time::sleep_until;

use super::{Granted, Refused};

/// The pause after an authorization without an outcome.
const PAUSE: Duration = Duration::from_secs(1);

/// The right of an open stream to go on. It is authorized anew when the first of the decisions that it
/// rests on ends: after ten seconds at the latest.
pub(crate) struct Standing {
    /// The end of the decisions; `None`: they do not end.
    until: Option<Instant>,
    /// The time of the next authorization.
    next: Option<Instant>,
    authorize: Box<dyn Fn() -> Authorizing>,
    authorizing: Option<Authorizing>,
}

/// An authorization that is under way.
pub(crate) type Authorizing = LocalBoxFuture<'static, Result<Granted, Refused>>;

impl Standing {
    /// Creates the right of a stream that was granted until a time, and is authorized by `authorize` from then on.
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

    /// Waits for the next authorization. Returns false if the stream must end. May be dropped and called again.
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
            Err(refused) if refused.problem.is_of_credentials() => false,
            // There is no outcome: the stream sends no events until there is one.
            Err(_) => {
                self.next = Some(Instant::now() + PAUSE);
                true
            }
        }
    }
}
