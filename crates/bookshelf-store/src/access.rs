//! Delegated authentication and authorization: the API server authenticates tokens, by a
//! [TokenReview](https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/), and
//! authorizes users, by a
//! [SubjectAccessReview](https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/subject-access-review-v1/).
//!
//! # Kept decisions
//!
//! A decision, positive or negative, is kept for [`KEPT_FOR`] after its review was sent. A decision on a token ends
//! with the token's validity if that is sooner. Errors are not kept. Callers that wait for the same decision share one
//! review. Tokens are stored only as keyed hashes: no token outlives its request, except for bytes that remain in freed
//! buffers.
//!
//! # Limits
//!
//! Reviews do not count towards the limits of the connector. Reviews of tokens that are not known to be good share one
//! limit per process, and reviews of rights have one limit per user. Beyond a limit, the result is
//! [`Error::Overloaded`]. A token that was good is reviewed outside the limit on tokens, and its decision is kept apart
//! from those of other tokens, so that a flood of made-up tokens cannot lock out its user.

mod decisions;
mod permission;
mod reviews;
mod user;

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube_informer::connector::{self, Connector, RateLimiter, Reason};
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;

pub use decisions::Decision;
use decisions::Decisions;
pub use permission::{Permission, Resource, Verb};
use reviews::Reviews;
use user::Hasher;
pub use user::User;

/// The longest time that a decision is kept.
pub const KEPT_FOR: Duration = Duration::from_secs(10);

/// Rate limit of reviews of tokens that are not known to be good: per second, and burst. The burst also limits
/// concurrency.
const TOKENS: (f64, u32) = (10.0, 20);
/// Rate limit of reviews of the rights of one user: per second, and burst.
const RIGHTS: (f64, u32) = (100.0, 1000);

/// The maximum number of good tokens whose decisions are kept. Fewer fit if their users take more memory than usual.
const GOOD_TOKENS: usize = 10_000;
/// The maximum number of refused tokens whose decisions are kept: many more than the limit admits within [`KEPT_FOR`].
const REFUSED_TOKENS: usize = 1_000;
/// The maximum number of decisions on rights that are kept.
const DECIDED_RIGHTS: usize = 50_000;
/// The maximum number of users with a rate limiter.
const USERS: usize = 10_000;

/// The reason why there is no decision.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The limit on reviews is exhausted.
    #[error("too many tokens or permissions are waiting for review")]
    Overloaded {
        /// The time until the next turn.
        retry_after: Duration,
    },
    /// The API server is unreachable, does not answer in time, or sheds load.
    #[error("the Kubernetes API is unavailable for authentication and authorization")]
    Unavailable {
        /// The time to wait before a retry, if the API server sent one.
        retry_after: Option<Duration>,
        /// The cause, for the log.
        cause: Arc<str>,
    },
    /// This process lacks the right to create reviews, or the API server's answer cannot be parsed.
    #[error("internal error")]
    Internal {
        /// The cause, for the log.
        cause: Arc<str>,
    },
}

impl From<connector::Error> for Error {
    fn from(error: connector::Error) -> Self {
        let cause = error.to_string().into();
        match error.reason {
            Reason::Overloaded { retry_after } => Self::Overloaded { retry_after },
            Reason::Unavailable { retry_after, .. } => Self::Unavailable { retry_after, cause },
            Reason::OutcomeUnknown(_) => Self::Unavailable {
                retry_after: None,
                cause,
            },
            _ => Self::Internal { cause },
        }
    }
}

/// The decisions of the API server on tokens and rights. Clones share them.
#[derive(Clone)]
pub struct Access(Arc<Inner>);

struct Inner {
    reviews: Reviews,
    hasher: Hasher,
    /// The users of good tokens. Expired decisions stay: they show that a token was good.
    good: Decisions<Option<Arc<User>>>,
    /// The tokens that were refused.
    refused: Decisions<Option<Arc<User>>>,
    unknown_tokens: Option<RateLimiter>,
    /// Limits concurrent reviews of unknown tokens, which a slow API server would pile up.
    unknown_at_once: Semaphore,
    rights: Decisions<bool>,
    rates: Cache<u128, Arc<RateLimiter>>,
}

impl Access {
    /// Creates an empty set of decisions of this API server. Tokens must be for one of `audiences`.
    #[must_use]
    pub fn new(connector: &Connector, audiences: Vec<String>) -> Self {
        let user_bytes = |user: &Option<Arc<User>>| user.as_ref().map_or(0, |user| user.bytes());
        Self(Arc::new(Inner {
            reviews: Reviews::new(connector, audiences),
            hasher: Hasher::new(),
            good: Decisions::new(GOOD_TOKENS, user_bytes),
            refused: Decisions::new(REFUSED_TOKENS, |_| 0),
            unknown_tokens: RateLimiter::new(TOKENS.0, TOKENS.1),
            unknown_at_once: Semaphore::new(TOKENS.1 as usize),
            rights: Decisions::new(DECIDED_RIGHTS, |_| 0),
            rates: Cache::new(USERS),
        }))
    }

    /// Returns the kept decision on a token: its user, or `None` for a token that was refused.
    #[must_use]
    pub fn kept_user(&self, token: &[u8], now: Instant) -> Option<Decision<Option<Arc<User>>>> {
        self.0.kept_user(self.0.hasher.token(token), now)
    }

    /// Returns the decision on a token, kept or by a review: its user, or `None` for a token that the API server
    /// refuses.
    pub async fn user(&self, token: &str) -> Result<Decision<Option<Arc<User>>>, Error> {
        let id = self.0.hasher.token(token.as_bytes());
        if let Some(kept) = self.0.kept_user(id, Instant::now()) {
            return Ok(kept);
        }
        let (inner, token) = (Arc::clone(&self.0), token.to_owned());
        let review = async move {
            // Held for as long as the review takes.
            let _at_once = if inner.good.has(id) {
                None
            } else {
                Some(inner.unknown_turn()?)
            };
            let sent = Instant::now();
            let reviewed = inner.reviews.token(&token, &inner.hasher).await?;
            let until = sent + KEPT_FOR;
            let Some((user, valid_for)) = reviewed else {
                inner.good.forget(id);
                return Ok(inner.refused.keep(id, Decision::new(None, until)));
            };
            inner.refused.forget(id);
            let until = valid_for.map_or(until, |valid_for| until.min(sent + valid_for));
            Ok(inner.good.keep(id, Decision::new(Some(user), until)))
        };
        self.0.good.share(id, review).await
    }

    /// Returns the kept decision on a permission of a user.
    #[must_use]
    pub fn kept_right(
        &self,
        user: &User,
        permission: Permission<'_>,
        now: Instant,
    ) -> Option<Decision<bool>> {
        let id = self.0.hasher.permission(user, permission);
        self.0.rights.kept(id, now)
    }

    /// Returns the decision on a permission of a user, kept or by a review.
    pub async fn may(&self, user: &Arc<User>, permission: Permission<'_>) -> Result<Decision<bool>, Error> {
        let id = self.0.hasher.permission(user, permission);
        if let Some(kept) = self.0.rights.kept(id, Instant::now()) {
            return Ok(kept);
        }
        let request = reviews::subject_access(user, permission);
        let (inner, user) = (Arc::clone(&self.0), user.id());
        let review = async move {
            inner.rate_of(user)?;
            let sent = Instant::now();
            let is_allowed = inner.reviews.right(&request).await?;
            Ok(inner.rights.keep(id, Decision::new(is_allowed, sent + KEPT_FOR)))
        };
        self.0.rights.share(id, review).await
    }
}

impl Inner {
    fn kept_user(&self, id: u128, now: Instant) -> Option<Decision<Option<Arc<User>>>> {
        self.good.kept(id, now).or_else(|| self.refused.kept(id, now))
    }

    /// Takes a turn for a token that is not known to be good.
    fn unknown_turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Error> {
        let refused = |retry_after| Error::Overloaded { retry_after };
        let at_once = self.unknown_at_once.try_acquire();
        let at_once = at_once.map_err(|_| refused(Duration::from_secs(1)))?;
        if let Some(limiter) = &self.unknown_tokens {
            limiter.try_take().map_err(refused)?;
        }
        Ok(at_once)
    }

    /// Takes a turn for a review of this user's rights.
    fn rate_of(&self, user: u128) -> Result<(), Error> {
        let limiter = self.rates.get(&user).or_else(|| {
            let limiter = Arc::new(RateLimiter::new(RIGHTS.0, RIGHTS.1)?);
            self.rates.insert(user, Arc::clone(&limiter));
            Some(limiter)
        });
        limiter.map_or(Ok(()), |limiter| {
            let taken = limiter.try_take();
            taken.map_err(|retry_after| Error::Overloaded { retry_after })
        })
    }
}
