//! What can go wrong with a request to the API server.

use std::fmt;
use std::time::Duration;

use kube::core::Status;

/// A request to the API server that did not succeed: which one, and why.
#[derive(Debug, thiserror::Error)]
#[error("{request}: {reason}")]
pub struct Error {
    request: String,
    /// Why it did not succeed.
    pub reason: Reason,
}

impl Error {
    pub(super) fn new(request: &impl fmt::Display, reason: Reason) -> Self {
        Self {
            request: request.to_string(),
            reason,
        }
    }
}

/// Why a request did not succeed.
///
/// The variants tell apart what a caller does next: answer, re-read and try again, or say that nobody knows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The object, or the namespace or resource it would be in, does not exist.
    #[error("not found: {}", .0.message)]
    NotFound(Box<Status>),
    /// An object of that name exists.
    #[error("already exists: {}", .0.message)]
    AlreadyExists(Box<Status>),
    /// A precondition, uid or resourceVersion, does not hold. Nothing was written.
    #[error("conflict: {}", .0.message)]
    Conflict(Box<Status>),
    /// The schema, a quota or an admission policy refused the object. Nothing was written.
    #[error("rejected: {}", .0.message)]
    Rejected(Box<Status>),
    /// The namespace is being deleted, nothing can be made in it.
    #[error("the namespace is being deleted: {}", .0.message)]
    NamespaceTerminating(Box<Status>),
    /// Our own account lacks a right, or its credentials are not accepted.
    #[error("not allowed: {}", .0.message)]
    NotAllowed(Box<Status>),
    /// The version asked for is no longer kept; list again.
    #[error("expired: {}", .0.message)]
    Expired(Box<Status>),
    /// The API server could not be reached or did not take the request on. Nothing was written.
    #[error("the API server is unavailable: {cause}")]
    Unavailable {
        /// How long the API server asked to wait.
        retry_after: Option<Duration>,
        /// What happened.
        cause: String,
    },
    /// The request was sent and not answered: if it writes, the write may have happened.
    #[error("outcome unknown: {0}")]
    OutcomeUnknown(String),
    /// The request cannot be sent, or the answer not be read.
    #[error("{0}")]
    Malformed(String),
}

impl Reason {
    /// How long the API server has asked to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The reason behind an answer that is not a success.
    ///
    /// Kubernetes' [API conventions](https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#response-status-kind)
    /// give one HTTP code to several reasons (409 is both a conflict and an existing name), so the reason
    /// decides first and the code only where there is none.
    pub(super) fn from_status(status: Box<Status>, retry_after: Option<Duration>) -> Self {
        match (status.reason.as_str(), status.code) {
            ("AlreadyExists", _) => Self::AlreadyExists(status),
            ("NotFound", _) | (_, 404) => Self::NotFound(status),
            ("Conflict", _) | (_, 409) => Self::Conflict(status),
            ("Expired" | "Gone", _) | (_, 410) => Self::Expired(status),
            ("Unauthorized", _) | (_, 401) => Self::NotAllowed(status),
            ("Forbidden", _) | (_, 403) => Self::from_forbidden(status),
            // A 503 is the API server's own only where it says so: a proxy's may follow a request that arrived.
            ("TooManyRequests" | "ServiceUnavailable", _) | (_, 429) => Self::Unavailable {
                retry_after,
                cause: status.message,
            },
            // etcd's alarm: it takes no writes until someone makes room.
            (_, 500) if status.message.contains("database space exceeded") => Self::Unavailable {
                retry_after,
                cause: status.message,
            },
            (_, 500..) => Self::OutcomeUnknown(status.message),
            _ => Self::Rejected(status),
        }
    }

    /// 403 is the authorizer's answer, and that of admission, quotas and a terminating namespace. Only the
    /// last has a machine-readable cause; the authorizer's sentence is `User "…" cannot VERB resource …`.
    fn from_forbidden(status: Box<Status>) -> Self {
        let causes = status
            .details
            .as_ref()
            .map(|details| details.causes.as_slice())
            .unwrap_or_default();
        if causes.iter().any(|cause| cause.reason == "NamespaceTerminating") {
            Self::NamespaceTerminating(status)
        } else if status.message.contains("cannot ") && status.message.contains(" resource ") {
            Self::NotAllowed(status)
        } else {
            Self::Rejected(status)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(code: u16, reason: &str, message: &str) -> Reason {
        Reason::from_status(Box::new(Status::failure(message, reason).with_code(code)), None)
    }

    #[test]
    fn the_two_kinds_of_409_are_told_apart() {
        assert!(matches!(
            reason(409, "AlreadyExists", ""),
            Reason::AlreadyExists(_)
        ));
        assert!(matches!(reason(409, "Conflict", ""), Reason::Conflict(_)));
    }

    #[test]
    fn a_missing_right_is_told_from_a_refused_object() {
        let rbac = r#"shelves is forbidden: User "u" cannot create resource "shelves" in API group "g""#;
        assert!(matches!(reason(403, "Forbidden", rbac), Reason::NotAllowed(_)));
        assert!(matches!(
            reason(403, "Forbidden", "exceeded quota: q"),
            Reason::Rejected(_)
        ));
    }

    #[test]
    fn only_answers_that_promise_nothing_was_written_are_unavailable() {
        assert!(matches!(
            reason(429, "TooManyRequests", ""),
            Reason::Unavailable { .. }
        ));
        assert!(matches!(
            reason(503, "ServiceUnavailable", ""),
            Reason::Unavailable { .. }
        ));
        let full = "etcdserver: mvcc: database space exceeded";
        assert!(matches!(
            reason(500, "InternalError", full),
            Reason::Unavailable { .. }
        ));
        assert!(matches!(
            reason(429, "", "Too many requests"),
            Reason::Unavailable { .. }
        ));
        assert!(matches!(
            reason(503, "", "upstream connect error"),
            Reason::OutcomeUnknown(_)
        ));
        assert!(matches!(
            reason(500, "InternalError", "etcdserver: request timed out"),
            Reason::OutcomeUnknown(_)
        ));
        assert!(matches!(reason(504, "Timeout", ""), Reason::OutcomeUnknown(_)));
    }

    #[test]
    fn an_answer_without_a_reason_is_judged_by_its_code() {
        assert!(matches!(reason(404, "", ""), Reason::NotFound(_)));
        assert!(matches!(reason(410, "", ""), Reason::Expired(_)));
        assert!(matches!(reason(422, "Invalid", ""), Reason::Rejected(_)));
    }
}
