//! The codes of problems, with their statuses and titles.

use actix_web::http::StatusCode;
use serde::{Deserialize, Serialize};

/// The codes of problems: the last part of their `type`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[expect(
    missing_docs,
    reason = "each is named as its code or status, which `title` explains"
)]
pub enum Code {
    InvalidRequest,
    Unauthenticated,
    Forbidden,
    NotManageable,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    AlreadyExists,
    KeyReused,
    InProgress,
    AlreadyBorrowed,
    OnLoan,
    UpdateConflict,
    BeingDeleted,
    NamespaceTerminating,
    PreconditionFailed,
    TooLarge,
    UnsupportedMediaType,
    Rejected,
    Overloaded,
    Internal,
    Unavailable,
    OutcomeUnknown,
}

impl Code {
    const fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::InvalidRequest => (
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "The request is not valid",
            ),
            Self::Unauthenticated => (
                StatusCode::UNAUTHORIZED,
                "unauthenticated",
                "The credentials are missing or not accepted",
            ),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "Not allowed"),
            Self::NotManageable => (
                StatusCode::FORBIDDEN,
                "not_manageable",
                "The book is managed elsewhere",
            ),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", "Not found"),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "The method is not allowed here",
            ),
            Self::RequestTimeout => (
                StatusCode::REQUEST_TIMEOUT,
                "request_timeout",
                "The request took too long to arrive",
            ),
            Self::AlreadyExists => (StatusCode::CONFLICT, "already_exists", "The book exists"),
            Self::KeyReused => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "key_reused",
                "The Idempotency-Key belongs to another request",
            ),
            Self::InProgress => (
                StatusCode::CONFLICT,
                "in_progress",
                "Another request with the Idempotency-Key is in progress",
            ),
            Self::AlreadyBorrowed => (StatusCode::CONFLICT, "already_borrowed", "The book is on loan"),
            Self::OnLoan => (StatusCode::CONFLICT, "on_loan", "The book is on loan"),
            Self::UpdateConflict => (StatusCode::CONFLICT, "update_conflict", "The book has changed"),
            Self::BeingDeleted => (StatusCode::CONFLICT, "being_deleted", "The book is being deleted"),
            Self::NamespaceTerminating => (
                StatusCode::CONFLICT,
                "namespace_terminating",
                "The namespace is being deleted",
            ),
            // The same code as above: the status shows that the client named a version.
            Self::PreconditionFailed => (
                StatusCode::PRECONDITION_FAILED,
                "update_conflict",
                "The version does not match",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "The request body is too large",
            ),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The type or encoding of the body is not supported",
            ),
            Self::Rejected => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "rejected",
                "The Kubernetes API refused the book",
            ),
            Self::Overloaded => (
                StatusCode::TOO_MANY_REQUESTS,
                "overloaded",
                "Too many requests at once",
            ),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error"),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "The service is unavailable",
            ),
            Self::OutcomeUnknown => (
                StatusCode::GATEWAY_TIMEOUT,
                "outcome_unknown",
                "The Kubernetes API did not answer",
            ),
        }
    }

    /// The HTTP status of problems with this code.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.parts().0
    }

    /// The `type` of problems with this code.
    #[must_use]
    pub fn urn(self) -> String {
        format!("urn:bookshelf:problem:{}", self.parts().1)
    }

    /// The `title` of problems with this code.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.parts().2
    }
}
