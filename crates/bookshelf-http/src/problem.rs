//! Problems: the errors of an API, as `application/problem+json` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457))
//! with a stable code, a message for the reader and the request's id. The cause of a problem is only in the log.

mod code;
mod field;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use actix_web::http::header::{ALLOW, CONTENT_TYPE, ETAG, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::{HttpResponse, ResponseError};
use bookshelf_store::error::Error;
use serde::Serialize;
use utoipa::ToSchema;

pub use code::Code;

use crate::openapi::fields;

/// The default of `Retry-After`.
const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(1);

/// The challenge of a 401 ([RFC 6750, section 3](https://www.rfc-editor.org/rfc/rfc6750#section-3)).
#[derive(Clone, Copy, Debug)]
enum Challenge {
    NoToken,
    InvalidToken,
}

impl Challenge {
    const fn as_str(self) -> &'static str {
        match self {
            Self::NoToken => r#"Bearer realm="bookshelf""#,
            Self::InvalidToken => r#"Bearer realm="bookshelf", error="invalid_token""#,
        }
    }
}

/// An error for a client. The server, which knows the id of the request, turns it into a response.
#[derive(Debug)]
pub struct Problem {
    code: Code,
    message: Cow<'static, str>,
    field: Option<Cow<'static, str>>,
    /// The current entity tag, in quotes.
    etag: Option<Box<str>>,
    retry_after: Option<Duration>,
    allow: Option<Box<str>>,
    /// The cause, for the log and never for the client.
    cause: Option<Box<str>>,
    /// The challenge of an answer to missing or refused credentials.
    challenge: Option<Challenge>,
    /// True if the connection closes after the answer.
    closes: bool,
}

impl Problem {
    /// Creates a problem with a message for the client.
    #[must_use]
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            field: None,
            etag: None,
            retry_after: None,
            allow: None,
            cause: None,
            challenge: None,
            closes: false,
        }
    }

    /// Creates the problem of a field that breaks a rule. The message names both.
    #[must_use]
    pub fn invalid(field: impl Into<Cow<'static, str>>, rule: impl fmt::Display) -> Self {
        Self::of_field(Code::InvalidRequest, field, rule)
    }

    /// Creates a problem of a field. The message names the field and the rule that it breaks.
    pub(crate) fn of_field(code: Code, field: impl Into<Cow<'static, str>>, rule: impl fmt::Display) -> Self {
        let field = field.into();
        Self {
            field: Some(field.clone()),
            ..Self::new(code, format!("{field} {rule}"))
        }
    }

    /// Creates the problem of a read whose `If-Match` does not name `tag`, the current entity tag, if there is one.
    pub(crate) fn not_matched(tag: Option<&str>) -> Self {
        Self {
            etag: tag.map(|tag| format!("\"{tag}\"").into()),
            ..Self::new(
                Code::PreconditionFailed,
                "If-Match does not name the current version",
            )
        }
    }

    /// Creates the problem of missing or refused credentials. `has_token` is true if the request has one bearer token
    /// ([RFC 6750, section 3](https://www.rfc-editor.org/rfc/rfc6750#section-3)).
    pub(crate) fn unauthenticated(message: &'static str, has_token: bool) -> Self {
        let challenge = if has_token {
            Challenge::InvalidToken
        } else {
            Challenge::NoToken
        };
        Self {
            challenge: Some(challenge),
            ..Self::new(Code::Unauthenticated, message)
        }
    }

    /// Adds the cause, for the log only.
    pub(crate) fn with_cause(self, cause: &str) -> Self {
        Self {
            cause: Some(cause.into()),
            ..self
        }
    }

    /// Adds the time to wait before the next attempt, one second if it is not known.
    pub(crate) fn with_retry_after(self, time: Option<Duration>) -> Self {
        Self {
            retry_after: Some(time.unwrap_or(RETRY_AFTER_DEFAULT)),
            ..self
        }
    }

    /// Returns true if the caller is not authenticated, or lacks a right.
    pub(crate) fn is_auth_failure(&self) -> bool {
        matches!(self.code, Code::Unauthenticated | Code::Forbidden)
    }

    /// Returns true if the request fails for every caller, because of its route or a name in it.
    pub(crate) fn is_request_fault(&self) -> bool {
        matches!(
            self.code,
            Code::NotFound | Code::MethodNotAllowed | Code::InvalidRequest
        )
    }

    /// Closes the connection after the answer.
    pub(crate) fn and_close(self) -> Self {
        Self { closes: true, ..self }
    }

    /// Creates the problem of a method that a path does not have. `allow` lists the methods that it has.
    #[must_use]
    pub fn method_not_allowed(allow: String) -> Self {
        let message = format!("this resource allows {allow}");
        Self {
            allow: Some(allow.into()),
            ..Self::new(Code::MethodNotAllowed, message)
        }
    }

    /// Creates the problem of a service that cannot answer now.
    #[must_use]
    pub fn unavailable(message: &'static str) -> Self {
        Self {
            retry_after: Some(RETRY_AFTER_DEFAULT),
            ..Self::new(Code::Unavailable, message)
        }
    }

    /// Returns the cause, which is for the log only.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// Returns the response to the request with this id.
    #[must_use]
    pub fn to_response(&self, request_id: &str) -> HttpResponse {
        let status = self.code.status();
        // Whole seconds, rounded up, and at least one.
        let retry_after = self
            .retry_after
            .map(|time| (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1));
        let body = Body {
            kind: self.code.urn(),
            title: self.code.title(),
            status: status.as_u16(),
            message: &self.message,
            request_id,
            field: self.field.as_deref(),
            etag: self.etag.as_deref(),
            retry_after,
        };
        let mut response = HttpResponse::build(status);
        response.insert_header((CONTENT_TYPE, "application/problem+json"));
        if let Some(seconds) = retry_after {
            response.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        if let Some(etag) = &self.etag {
            response.insert_header((ETAG, &**etag));
        }
        if let Some(challenge) = self.challenge {
            response.insert_header((WWW_AUTHENTICATE, challenge.as_str()));
        }
        if let Some(allow) = &self.allow {
            response.insert_header((ALLOW, &**allow));
        }
        // A struct of strings and numbers always serializes.
        let mut response = response.body(serde_json::to_vec(&body).unwrap_or_default());
        if self.closes {
            response.head_mut().set_connection_type(ConnectionType::Close);
        }
        response
    }
}

/// A problem ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Body<'a> {
    /// The type of the problem, for programs.
    #[serde(rename = "type")]
    kind: String,
    /// The type of the problem, for people.
    title: &'a str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// The problem in detail, for people.
    #[schema(min_length = 1)]
    message: &'a str,
    /// The request's id, as in `X-Request-Id` and in the service's log.
    #[schema(schema_with = fields::request_id)]
    request_id: &'a str,
    /// The field, header or parameter that breaks a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    field: Option<&'a str>,
    /// The entity tag of the current version.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    etag: Option<&'a str>,
    /// Seconds to wait before the next try.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
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
            Error::Invalid(invalid) => return Self::invalid(field::wire_name(invalid.field), invalid.rule),
            Error::NotFound(_) | Error::NoHistory => Code::NotFound,
            Error::AlreadyExists => Code::AlreadyExists,
            Error::KeyReused => Code::KeyReused,
            Error::InProgress => Code::InProgress,
            Error::NotManageable => Code::NotManageable,
            Error::UpdateConflict => Code::UpdateConflict,
            Error::Stale(_) => Code::PreconditionFailed,
            Error::AlreadyBorrowed => Code::AlreadyBorrowed,
            Error::OnLoan => Code::OnLoan,
            Error::BeingDeleted => Code::BeingDeleted,
            Error::NamespaceTerminating => Code::NamespaceTerminating,
            Error::Forbidden => Code::Forbidden,
            Error::Rejected(_) => Code::Rejected,
            Error::Overloaded { .. } => Code::Overloaded,
            Error::NotYet | Error::HistoryNotLoaded | Error::NameNotStored | Error::Unavailable { .. } => {
                Code::Unavailable
            }
            Error::OutcomeUnknown(_) => Code::OutcomeUnknown,
            Error::Internal(_) => Code::Internal,
        };
        let etag = match &error {
            Error::Stale(current) => Some(format!("\"{current}\"").into()),
            _ => None,
        };
        let retry_after = match &error {
            Error::Unavailable { retry_after, .. } => Some(retry_after.unwrap_or(RETRY_AFTER_DEFAULT)),
            Error::Overloaded { retry_after } => Some((*retry_after).max(RETRY_AFTER_DEFAULT)),
            Error::NotYet | Error::HistoryNotLoaded | Error::NameNotStored => Some(RETRY_AFTER_DEFAULT),
            _ => None,
        };
        let message = match &error {
            Error::KeyReused => "the Idempotency-Key was used with another body".to_owned(),
            Error::InProgress => "another request with this Idempotency-Key is in progress".to_owned(),
            error => error.to_string(),
        };
        let cause = std::error::Error::source(&error).map(|cause| cause.to_string().into());
        Self {
            etag,
            retry_after,
            cause,
            ..Self::new(code, message)
        }
    }
}

impl From<bookshelf_store::error::Invalid> for Problem {
    fn from(invalid: bookshelf_store::error::Invalid) -> Self {
        Error::from(invalid).into()
    }
}

#[cfg(test)]
mod tests;
