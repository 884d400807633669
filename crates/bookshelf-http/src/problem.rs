//! Every error an API answers: `application/problem+json`
//! ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with a stable code, a message for the reader and the
//! request's id. What is for the log alone stays in the log.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use bookshelf_store::error::Error;
use serde::Serialize;

/// The codes of problems: the last part of their `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named as its code, which `title` explains")]
pub enum Code {
    InvalidRequest,
    Forbidden,
    NotManageable,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    AlreadyExists,
    AlreadyBorrowed,
    OnLoan,
    UpdateConflict,
    BeingDeleted,
    NamespaceTerminating,
    TooLarge,
    UnsupportedMediaType,
    Rejected,
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
            Self::AlreadyBorrowed => (StatusCode::CONFLICT, "already_borrowed", "The book is on loan"),
            Self::OnLoan => (StatusCode::CONFLICT, "on_loan", "The book is on loan"),
            Self::UpdateConflict => (
                StatusCode::CONFLICT,
                "update_conflict",
                "The book changed meanwhile",
            ),
            Self::BeingDeleted => (StatusCode::CONFLICT, "being_deleted", "The book is being deleted"),
            Self::NamespaceTerminating => (
                StatusCode::CONFLICT,
                "namespace_terminating",
                "The namespace is being deleted",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "The request body is too large",
            ),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The request body has to be JSON",
            ),
            Self::Rejected => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "rejected",
                "The Kubernetes API refused the book",
            ),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error"),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "The Kubernetes API is out of reach",
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
}

/// An error on its way to a client. It becomes a response where the request's id is known: in
/// [`request::observe`](crate::request::observe).
#[derive(Debug)]
pub struct Problem {
    code: Code,
    message: Cow<'static, str>,
    field: Option<Cow<'static, str>>,
    retry_after: Option<Duration>,
    allow: Option<String>,
    /// For the log, never for the client.
    cause: Option<String>,
}

impl Problem {
    /// A problem with a message for the client.
    #[must_use]
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            field: None,
            retry_after: None,
            allow: None,
            cause: None,
        }
    }

    /// A field that breaks a rule; the message names both.
    #[must_use]
    pub fn invalid(field: impl Into<Cow<'static, str>>, rule: impl fmt::Display) -> Self {
        let field = field.into();
        Self {
            field: Some(field.clone()),
            ..Self::new(Code::InvalidRequest, format!("{field} {rule}"))
        }
    }

    /// A method that a resource does not have; `allow` lists those it has.
    #[must_use]
    pub fn method_not_allowed(allow: String) -> Self {
        let message = format!("this resource allows {allow}");
        Self {
            allow: Some(allow),
            ..Self::new(Code::MethodNotAllowed, message)
        }
    }

    /// The service cannot answer yet, or no longer.
    #[must_use]
    pub fn unavailable(message: &'static str) -> Self {
        Self {
            retry_after: Some(Duration::from_secs(1)),
            ..Self::new(Code::Unavailable, message)
        }
    }

    /// What the log should say of it beside the message.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The response, for the request with this id.
    #[must_use]
    pub fn to_response(&self, request_id: &str) -> HttpResponse {
        let (status, code, title) = self.code.parts();
        // Whole seconds, rounded up: earlier would be too early.
        let retry_after = self
            .retry_after
            .map(|time| time.as_secs() + u64::from(time.subsec_nanos() > 0));
        let body = Body {
            kind: format!("urn:bookshelf:problem:{code}"),
            title,
            status: status.as_u16(),
            message: &self.message,
            request_id,
            field: self.field.as_deref(),
            retry_after,
        };
        let mut response = HttpResponse::build(status);
        response.insert_header((CONTENT_TYPE, "application/problem+json"));
        if let Some(seconds) = retry_after {
            response.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        if let Some(allow) = &self.allow {
            response.insert_header((ALLOW, allow.as_str()));
        }
        // A struct of strings and numbers always serializes.
        response.body(serde_json::to_vec(&body).unwrap_or_default())
    }
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    message: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Invalid(invalid) => return Self::invalid(invalid.field, invalid.rule),
            Error::NotFound => Code::NotFound,
            Error::AlreadyExists => Code::AlreadyExists,
            Error::NotManageable => Code::NotManageable,
            Error::UpdateConflict => Code::UpdateConflict,
            Error::AlreadyBorrowed => Code::AlreadyBorrowed,
            Error::OnLoan => Code::OnLoan,
            Error::BeingDeleted => Code::BeingDeleted,
            Error::NamespaceTerminating => Code::NamespaceTerminating,
            Error::Forbidden => Code::Forbidden,
            Error::Rejected(_) => Code::Rejected,
            Error::Unavailable { .. } => Code::Unavailable,
            Error::OutcomeUnknown(_) => Code::OutcomeUnknown,
            Error::Internal(_) => Code::Internal,
        };
        let retry_after = match &error {
            Error::Unavailable { retry_after, .. } => Some(retry_after.unwrap_or(Duration::from_secs(1))),
            _ => None,
        };
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        Self {
            retry_after,
            cause,
            ..Self::new(code, error.to_string())
        }
    }
}

impl From<bookshelf_store::error::Invalid> for Problem {
    fn from(invalid: bookshelf_store::error::Invalid) -> Self {
        Error::from(invalid).into()
    }
}
