//! The errors of requests to the API server.

use std::fmt;
use std::time::Duration;

use kube::core::Status;
use kube::core::response::StatusSummary;

/// The error of a request to the API server: which request failed, and why.
#[derive(Debug, thiserror::Error)]
#[error("{request}: {reason}")]
pub struct Error {
    request: String,
    /// Why the request failed.
    pub reason: Reason,
}

impl Error {
    pub(crate) fn new(request: &impl fmt::Display, reason: Reason) -> Self {
        Self {
            request: request.to_string(),
            reason,
        }
    }
}

/// Why a request did not succeed.
///
/// The variants distinguish the caller's next steps: answer, re-read and try again, or report an unknown outcome.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The object, or the namespace or resource it would be in, does not exist.
    #[error("not found: {}", .0.message)]
    NotFound(Box<Status>),
    /// An object of that name exists.
    #[error("already exists: {}", .0.message)]
    AlreadyExists(Box<Status>),
    /// A precondition (uid or resourceVersion) does not hold. Nothing was written.
    #[error("conflict: {}", .0.message)]
    Conflict(Box<Status>),
    /// The schema, a quota or an admission policy refused the object. Nothing was written.
    #[error("rejected: {}", .0.message)]
    Rejected(Box<Status>),
    /// The namespace is being deleted: nothing can be created in it.
    #[error("the namespace is being deleted: {}", .0.message)]
    NamespaceTerminating(Box<Status>),
    /// The account of this client lacks a right, or its credentials are not accepted.
    #[error("not allowed: {}", .0.message)]
    NotAllowed(Box<Status>),
    /// The API server no longer keeps the requested version; list again.
    #[error("expired: {}", .0.message)]
    Expired(Box<Status>),
    /// The API server could not be reached or did not accept the request, or the answer to a read was lost. Nothing was
    /// written.
    #[error("the API server is unavailable: {cause}")]
    Unavailable {
        /// The time that the API server asks to wait.
        retry_after: Option<Duration>,
        /// The cause.
        cause: String,
    },
    /// The client-side limits leave no turn before the deadline. The request was not sent.
    #[error(
        "the client-side limits (max_in_flight, qps) leave no turn before the deadline, retry after {retry_after:?}"
    )]
    Overloaded {
        /// The time after which another attempt is expected to have its turn.
        retry_after: Duration,
    },
    /// A write was sent and may have happened: its answer was lost, or is a server error.
    #[error("outcome unknown: {0}")]
    OutcomeUnknown(String),
    /// The request cannot be sent, or the API server does not understand it. Nothing was written.
    #[error("{0}")]
    Malformed(String),
    /// The API server carried out the request, but its answer cannot be read: a write is done.
    #[error("carried out, but the answer cannot be read: {0}")]
    Unreadable(String),
}

impl Reason {
    /// Returns the time to wait before another attempt, according to the API server or the client-side limits.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            Self::Overloaded { retry_after } => Some(*retry_after),
            _ => None,
        }
    }

    /// Returns the reason of an answer that is not a success.
    ///
    /// Kubernetes' [API conventions](https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#response-status-kind)
    /// give one HTTP code to several reasons (409 is both a conflict and an existing name), so the reason
    /// decides first, and the code only if there is none.
    pub(super) fn from_status(mut status: Box<Status>, retry_after: Option<Duration>) -> Self {
        // Answers in plain text end in a line feed.
        status.message.truncate(status.message.trim_end().len());
        match (status.reason.as_str(), status.code) {
            _ if is_denial(&status) => Self::Rejected(status),
            ("AlreadyExists", _) => Self::AlreadyExists(status),
            ("NotFound", _) | (_, 404) => Self::NotFound(status),
            ("Conflict", _) | (_, 409) => Self::Conflict(status),
            ("Expired" | "Gone", _) | (_, 410) => Self::Expired(status),
            ("Unauthorized", _) | (_, 401) => Self::NotAllowed(status),
            ("Forbidden", _) | (_, 403) => Self::from_forbidden(status),
            // A 503 is from the API server only if it has this reason. A proxy may send one for a request that has
            // arrived.
            ("TooManyRequests" | "ServiceUnavailable", _) | (_, 429) => Self::Unavailable {
                retry_after,
                cause: status.message,
            },
            // etcd's space alarm: it accepts no writes until space is freed.
            (_, 500) if status.message.contains("database space exceeded") => Self::Unavailable {
                retry_after,
                cause: status.message,
            },
            (_, 500..) => Self::OutcomeUnknown(status.message),
            ("Invalid", _) if is_status(&status) => Self::Rejected(status),
            // Not about an object: the mistake is in this client, or in something between it and the API server.
            (_, code) => Self::Malformed(format!("{code}: {}", status.message)),
        }
    }

    /// Returns the reason of a 403, which comes from the authorizer, admission, a quota or a terminating namespace.
    /// Only the last has a machine-readable cause. The authorizer's message is recognized by its first words.
    fn from_forbidden(status: Box<Status>) -> Self {
        let causes = status
            .details
            .as_ref()
            .map(|details| details.causes.as_slice())
            .unwrap_or_default();
        if causes.iter().any(|cause| cause.reason == "NamespaceTerminating") {
            Self::NamespaceTerminating(status)
        } else if is_status(&status) && status.reason == "Forbidden" && !is_missing_right(&status.message) {
            Self::Rejected(status)
        } else {
            Self::NotAllowed(status)
        }
    }
}

/// Returns the reason in the API server's message about a refused object. Leaves out the object's name, which the
/// client knows, and the names of policies and webhooks, which clients of a service need not know.
#[must_use]
pub fn explanation(message: &str) -> &str {
    let message = without_object(message);
    match denial(message) {
        None => message,
        Some(denial) => {
            let reason = denial
                .strip_prefix(": ")
                .filter(|reason| !reason.trim().is_empty());
            reason.unwrap_or("denied without explanation")
        }
    }
}

/// Returns the part of a message after the words with which a webhook or policy denies a request; `None` without them.
fn denial(message: &str) -> Option<&str> {
    if let Some(rest) = message.strip_prefix("admission webhook \"") {
        let (_, rest) = rest.split_once('"')?;
        return rest.strip_prefix(" denied the request");
    }
    let rest = message.strip_prefix("ValidatingAdmissionPolicy '")?;
    let (_, rest) = rest.split_once("' with binding '")?;
    let (_, rest) = rest.split_once('\'')?;
    rest.strip_prefix(" denied request")
}

/// Returns true for a denial by a webhook or policy, which may have any code.
fn is_denial(status: &Status) -> bool {
    is_status(status) && denial(without_object(&status.message)).is_some()
}

/// Returns a message without its first words about an object, such as `shelves.example.com "id" is invalid: `.
fn without_object(message: &str) -> &str {
    let rest = message.split_once(" \"").and_then(|(kind, rest)| {
        let (_, rest) = rest.split_once("\" is ")?;
        (!kind.contains(' ')).then_some(rest)
    });
    let explanation = rest.and_then(|rest| {
        rest.strip_prefix("invalid: ")
            .or(rest.strip_prefix("forbidden: "))
    });
    explanation.unwrap_or(message)
}

/// Returns true if a message is the authorizer's: `shelves.example.com is forbidden: User "us" cannot create resource
/// "shelves"`, with the object's name if it has one.
fn is_missing_right(message: &str) -> bool {
    let denial = message.split_once("forbidden: User \"");
    let denial = denial.filter(|(before, _)| !before.contains(": "));
    let right = denial.and_then(|(_, denial)| denial.split_once("\" cannot "));
    let of = right.and_then(|(_, right)| right.split_once(' '));
    of.is_some_and(|(_, of)| of.starts_with("resource \"") || of.starts_with("path \""))
}

/// Returns true for a status of the API server, and false for one made from another body.
fn is_status(status: &Status) -> bool {
    status.status == Some(StatusSummary::Failure) && status.metadata.is_some()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;

    use super::*;

    /// Returns the reason of an answer of the API server.
    fn reason(code: u16, reason: &str, message: &str) -> Reason {
        let mut status = Status::failure(message, reason).with_code(code);
        status.metadata = Some(ListMeta::default());
        Reason::from_status(Box::new(status), None)
    }

    #[test]
    fn the_two_kinds_of_409_are_distinguished() {
        assert!(matches!(
            reason(409, "AlreadyExists", ""),
            Reason::AlreadyExists(_)
        ));
        assert!(matches!(reason(409, "Conflict", ""), Reason::Conflict(_)));
    }

    #[test]
    fn a_missing_right_is_distinguished_from_a_refused_object() {
        for missing in [
            r#"shelves.g is forbidden: User "u" cannot create resource "shelves" in API group "g""#,
            r#"shelves.g "a" is forbidden: User "system:x" cannot get resource "shelves/status" in API group "g""#,
            r#"forbidden: User "u" cannot get path "/x""#,
        ] {
            assert!(
                matches!(reason(403, "Forbidden", missing), Reason::NotAllowed(_)),
                "{missing}"
            );
        }
        for refused in [
            r#"shelves.g "a" is forbidden: exceeded quota: q"#,
            r#"shelves.g "a" is forbidden: you cannot have that resource here"#,
            r#"shelves.g "a" is forbidden: no, as it is forbidden: User "u" cannot get resource "shelves""#,
            r#"admission webhook "w.g.svc" denied the request: User "u" cannot get resource "shelves""#,
        ] {
            assert!(
                matches!(reason(403, "Forbidden", refused), Reason::Rejected(_)),
                "{refused}"
            );
        }
    }

    #[test]
    fn a_webhook_or_policy_refuses_with_any_code() {
        let by_webhook = r#"admission webhook "w.g.svc" denied the request: no"#;
        let by_policy = r#"shelves.g "a" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"#;
        for (code, name) in [
            (400, ""),
            (401, "Unauthorized"),
            (409, "Conflict"),
            (422, "Invalid"),
        ] {
            for message in [by_webhook, by_policy] {
                assert!(
                    matches!(reason(code, name, message), Reason::Rejected(_)),
                    "{code}: {message}"
                );
            }
        }
    }

    #[test]
    fn a_status_that_is_not_about_an_object_is_no_refusal() {
        for (code, name) in [
            (400, "BadRequest"),
            (405, "MethodNotAllowed"),
            (413, ""),
            (422, ""),
        ] {
            assert!(matches!(reason(code, name, "no"), Reason::Malformed(_)), "{code}");
        }
        // The transport makes such a status from an answer that is not from the API server.
        let page = |code| Box::new(Status::failure("<html>admin@10.0.0.1</html>", "").with_code(code));
        assert!(matches!(
            Reason::from_status(page(400), None),
            Reason::Malformed(_)
        ));
        assert!(matches!(
            Reason::from_status(page(403), None),
            Reason::NotAllowed(_)
        ));
    }

    #[test]
    fn an_explanation_leaves_out_the_names_of_policies_and_webhooks() {
        for (message, explained) in [
            (r#"Shelf.g "a" is invalid: spec.x: Too long"#, "spec.x: Too long"),
            (
                r#"shelves.g "a" is forbidden: exceeded quota: q"#,
                "exceeded quota: q",
            ),
            (
                r#"admission webhook "w.g.svc" denied the request: "a" is invalid: no"#,
                r#""a" is invalid: no"#,
            ),
            (
                r#"admission webhook "w.g.svc" denied the request without explanation"#,
                "denied without explanation",
            ),
            (
                r#"shelves.g "a" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"#,
                "no",
            ),
            ("exceeded quota: q", "exceeded quota: q"),
            (
                r#"the field "a" is invalid: no"#,
                r#"the field "a" is invalid: no"#,
            ),
        ] {
            assert_eq!(explanation(message), explained, "{message}");
        }
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
