//! Delegated authentication and authorization: the API server decides on the user of a token, by a
//! [TokenReview](https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/), and on the
//! rights of a user, by a
//! [SubjectAccessReview](https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/subject-access-review-v1/).
//!
//! # Kept decisions
//!
//! A decision, a yes or a no, is kept for [`KEPT_FOR`] from the moment at which its review was sent, that of a token no longer
//! than the token itself is valid; an error is not kept. Callers that wait for the same decision share one review. Tokens are
//! known by a keyed hash alone: nothing holds a token longer than a request with it. Buffers that are free may have its bytes.
//!
//! # Limits
//!
//! Reviews take no part in the limits of the connector. Those of tokens that are not known to be good have a limit for the
//! process, and reviews of rights one for each user; beyond it [`Error::Overloaded`]. A token that was good is reviewed
//! outside that limit, and its decision is kept apart from those of other tokens, so that no flood of made-up tokens keeps its
//! user out.

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

/// Reviews a second, and at once, of tokens that are not known to be good.
const TOKENS: (f64, u32) = (10.0, 20);
/// Reviews a second, and at once, of the rights of one user.
const RIGHTS: (f64, u32) = (100.0, 1000);

/// The most good tokens whose decisions are kept; fewer where their users take more memory than is usual.
const GOOD_TOKENS: usize = 10_000;
/// The most refused tokens whose decisions are kept: many more than the limit lets through in [`KEPT_FOR`].
const REFUSED_TOKENS: usize = 1_000;
/// The most decisions on rights that are kept.
const DECIDED_RIGHTS: usize = 50_000;
/// The most users whose rate of reviews is known.
const USERS: usize = 10_000;

/// The reason why there is no decision.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The limit on reviews leaves no turn now.
    #[error("too many credentials wait for a review")]
    Overloaded {
        /// The time after which there is one.
        retry_after: Duration,
    },
    /// The API server is out of reach, does not answer in time, or sheds load.
    #[error("the Kubernetes API cannot review the credentials now")]
    Unavailable {
        /// The time to wait before another try, if the API server sent one.
        retry_after: Option<Duration>,
        /// The cause, for the log.
        cause: Arc<str>,
    },
    /// Our own account may not create reviews, or the API server's answer cannot be understood.
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
    /// The users of good tokens. A decision that is no longer valid stays, as the token was good.
    good: Decisions<Option<Arc<User>>>,
    /// The tokens that were refused.
    refused: Decisions<Option<Arc<User>>>,
    unknown_tokens: Option<RateLimiter>,
    /// The reviews of unknown tokens under way, which a slow API server would pile up.
    unknown_at_once: Semaphore,
    rights: Decisions<bool>,
    rates: Cache<u128, Arc<RateLimiter>>,
}

impl Access {
    /// Creates the decisions that this API server makes, of tokens for one of these audiences.
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

    /// Returns the kept decision on a token: its user, or none for a token that was refused.
    #[must_use]
    pub fn kept_user(&self, token: &[u8], now: Instant) -> Option<Decision<Option<Arc<User>>>> {
        self.0.kept_user(self.0.hasher.token(token), now)
    }

    /// Returns the user of a token, or none for a token that the API server refuses: by the kept decision, or by a review.
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

    /// Decides on a permission of a user: by the kept decision, or by a review.
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
