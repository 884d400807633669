//! The right of an open stream to go on.

use std::time::{Duration, Instant};

use futures::future::{LocalBoxFuture, pending};
use tokio::time::sleep_until;

use super::{Granted, Refused};

/// The pause after a decision that could not be made.
const PAUSE: Duration = Duration::from_secs(1);

/// The right of an open stream to go on. It is decided on again whenever a decision ends that it was made of, which is every ten
/// seconds at the latest.
pub(crate) struct Standing {
    /// The end of the decisions; `None`: they do not end.
    until: Option<Instant>,
    /// The time of the next decision.
    next: Option<Instant>,
    decide: Box<dyn Fn() -> Deciding>,
    deciding: Option<Deciding>,
}

/// A decision that is under way.
pub(crate) type Deciding = LocalBoxFuture<'static, Result<Granted, Refused>>;

impl Standing {
    /// Creates the right of a stream that was granted until a time, and is decided on by `decide` from then on.
    pub(crate) fn new(until: Option<Instant>, decide: impl Fn() -> Deciding + 'static) -> Self {
        Self {
            until,
            next: until,
            decide: Box::new(decide),
            deciding: None,
        }
    }

    /// Returns true while the stream may send events.
    pub(crate) fn holds(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }

    /// Waits for the next decision. Returns false if the stream must end. May be dropped and called again.
    pub(crate) async fn decided(&mut self) -> bool {
        let Some(next) = self.next else {
            return pending().await;
        };
        if self.deciding.is_none() {
            sleep_until(next.into()).await;
        }
        let decision = self.deciding.get_or_insert_with(&self.decide).await;
        self.deciding = None;
        match decision {
            Ok(Granted { grant, .. }) => {
                self.until = grant.until;
                self.next = grant.until;
                true
            }
            Err(refused) if refused.problem.is_of_credentials() => false,
            // There is no decision: the stream sends no events until there is one.
            Err(_) => {
                self.next = Some(Instant::now() + PAUSE);
                true
            }
        }
    }
}
