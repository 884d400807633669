//! The errors of the repository.

use std::time::Duration;

use bookshelf_crd::GROUP;
use bookshelf_crd::rules::Rule;
use kube::core::Status;

use super::version::Version;
use crate::connector::{self, Reason};

/// The reason why an operation on books or loans failed.
///
/// Clients see the texts. The source of an error is only for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value breaks a rule. Nothing was sent.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The namespace, the book or the loan does not exist.
    #[error("not found: {0}")]
    NotFound(Missing),
    /// A book of this id exists in the namespace.
    #[error("already exists")]
    AlreadyExists,
    /// The idempotency key was used for a request with another body.
    #[error("the idempotency key was used with another body")]
    KeyReused,
    /// A request with this idempotency key and another body is still under way.
    #[error("another request with this idempotency key is in progress")]
    InProgress,
    /// Another tool manages the book.
    #[error("not manageable")]
    NotManageable,
    /// The book changed at every attempt of the write.
    #[error("update conflict")]
    UpdateConflict,
    /// The write was meant for another version. Contains the current version.
    #[error("update conflict")]
    Stale(Version),
    /// The book is on loan.
    #[error("already borrowed")]
    AlreadyBorrowed,
    /// The book cannot be deleted while it is on loan.
    #[error("on loan")]
    OnLoan,
    /// The book is being deleted: it cannot be changed or borrowed.
    #[error("being deleted")]
    BeingDeleted,
    /// The namespace is being deleted: nothing can be created in it.
    #[error("the namespace is being deleted")]
    NamespaceTerminating,
    /// The loan belongs to another tenant.
    #[error("forbidden")]
    Forbidden,
    /// The API server's schema, a quota or an admission policy refused the write; the text is the API server's.
    #[error("{0}")]
    Rejected(String),
    /// The cache has not reached the required version in time.
    #[error("this replica has not reached the requested version yet")]
    NotYet,
    /// No history is kept: it is disabled, or its CRD or a right to it is missing.
    #[error("not found: no history is kept")]
    NoHistory,
    /// The history is not loaded yet.
    #[error("the history is not loaded yet")]
    HistoryNotLoaded,
    /// Another process has not stored its events yet, and they may still contain the name.
    #[error("some events with this name have not been stored yet: retry the request")]
    NameNotStored,
    /// The limits on requests to the API server leave no turn before the deadline. Nothing was written.
    #[error("too many requests are waiting for the Kubernetes API, nothing was written")]
    Overloaded {
        /// The time after which a retry gets a turn.
        retry_after: Duration,
    },
    /// The API server is unreachable or sheds load. Nothing was written.
    #[error("the Kubernetes API is unavailable, nothing was written")]
    Unavailable {
        /// The time to wait before a retry, if the API server sent one.
        retry_after: Option<Duration>,
        /// The cause, for the log.
        source: connector::Error,
    },
    /// The write was sent and not answered; it may have happened.
    #[error("the Kubernetes API did not answer, the write may have happened")]
    OutcomeUnknown(#[source] connector::Error),
    /// A bug, or a right that this process lacks.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The object that does not exist, with its name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// A namespace.
    #[error("the namespace {0:?} does not exist")]
    Namespace(Box<str>),
    /// A book, by its id.
    #[error("the book {0:?} does not exist")]
    Book(Box<str>),
    /// A loan, by the id of its book.
    #[error("the loan of the book {0:?} does not exist")]
    Loan(Box<str>),
}

impl Missing {
    /// Returns the object that the API server did not find, if it is a namespace, a book or a loan.
    fn in_status(status: &Status) -> Option<Self> {
        let details = status.details.as_ref()?;
        let name = details.name.as_str().into();
        match (details.group.as_str(), details.kind.as_str()) {
            ("", "namespaces") => Some(Self::Namespace(name)),
            (GROUP, "books") => Some(Self::Book(name)),
            (GROUP, "bookloans") => Some(Self::Loan(name)),
            _ => None,
        }
    }
}

/// A value that breaks a rule: the field and the rule.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {rule}")]
pub struct Invalid {
    /// The field.
    pub field: Field,
    /// The rule.
    pub rule: Rule,
}

/// The part of a request, or of an object, that breaks a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Field {
    /// The namespace.
    #[error("namespace")]
    Namespace,
    /// The id of a book.
    #[error("id")]
    Id,
    /// Another field of a book's content, by its name on the wire.
    #[error("{0}")]
    Content(&'static str),
    /// The category of a book.
    #[error("category")]
    Category,
    /// The tenant.
    #[error("tenant")]
    Tenant,
    /// The idempotency key.
    #[error("idempotency key")]
    IdempotencyKey,
    /// The terms of a search.
    #[error("query")]
    Query,
}

impl Invalid {
    pub(crate) fn check(field: Field, checked: Result<(), Rule>) -> Result<(), Self> {
        checked.map_err(|rule| Self { field, rule })
    }
}

impl Error {
    /// Converts the error of a read: a refusal is a bug, and a lost answer leaves no outcome unknown.
    pub(crate) fn of_read(error: connector::Error) -> Self {
        match error.reason {
            Reason::Rejected(_) => Self::Internal(Box::new(error)),
            Reason::OutcomeUnknown(_) => Self::Unavailable {
                retry_after: None,
                source: error,
            },
            _ => error.into(),
        }
    }
}

/// Converts an error that has no special meaning for the operation.
impl From<connector::Error> for Error {
    fn from(error: connector::Error) -> Self {
        match &error.reason {
            Reason::NotFound(status) => match Missing::in_status(status) {
                Some(missing) => Self::NotFound(missing),
                // The resource is missing, not an object: its CRD is being replaced, or is not installed.
                None => Self::Unavailable {
                    retry_after: None,
                    source: error,
                },
            },
            Reason::AlreadyExists(_) => Self::AlreadyExists,
            Reason::Conflict(_) => Self::UpdateConflict,
            Reason::NamespaceTerminating(_) => Self::NamespaceTerminating,
            Reason::Rejected(status) => Self::Rejected(connector::explanation(&status.message).to_owned()),
            Reason::Unavailable { retry_after, .. } => Self::Unavailable {
                retry_after: *retry_after,
                source: error,
            },
            Reason::Overloaded { retry_after } => Self::Overloaded {
                retry_after: *retry_after,
            },
            Reason::OutcomeUnknown(_) => Self::OutcomeUnknown(error),
            // Missing rights, expired lists and unreadable answers do not concern clients, nor would reasons added
            // later.
            _ => Self::Internal(Box::new(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::response::StatusDetails;

    use super::*;

    #[test]
    fn a_missing_object_of_the_domain_is_named_in_the_error() {
        for (group, kind, message) in [
            ("", "namespaces", "the namespace \"x\" does not exist"),
            (GROUP, "books", "the book \"x\" does not exist"),
            (GROUP, "bookloans", "the loan of the book \"x\" does not exist"),
            ("example.com", "books", ""),
            ("", "", ""),
        ] {
            let details = StatusDetails {
                name: "x".to_owned(),
                group: group.to_owned(),
                kind: kind.to_owned(),
                uid: String::new(),
                causes: Vec::new(),
                retry_after_seconds: 0,
            };
            let status = Status {
                details: Some(details),
                ..Status::default()
            };
            let missing = Missing::in_status(&status).map(|missing| missing.to_string());
            assert_eq!(missing.unwrap_or_default(), message, "{group} {kind}");
        }
        assert_eq!(Missing::in_status(&Status::default()), None);
    }
}
