//! Responses of an API, and assertions about them.

use reqwest::{Version, header::HeaderMap};
use serde_json::Value;

/// A response to a request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The method and the path of the request.
    pub what: String,
    /// The status.
    pub status: u16,
    /// The version of HTTP.
    pub version: Version,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

/// An error that a client receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The human-readable explanation.
    pub message: String,
    /// The name of the invalid field, if there is one.
    pub field: Option<String>,
    /// The current entity tag, if the request had another.
    pub etag: Option<String>,
    /// The seconds to wait before a retry, if one may help.
    pub retry_after: Option<u64>,
}

#[expect(
    clippy::must_use_candidate,
    reason = "to have asserted something is use enough"
)]
impl Answer {
    /// Returns the value of a header; empty if it is missing.
    ///
    /// # Panics
    ///
    /// Panics if the header occurs more than once.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next();
        assert!(values.next().is_none(), "{}: {name} more than once", self.what);
        value.and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the JSON body of a success with `status`.
    ///
    /// # Panics
    ///
    /// Panics if the response is anything else.
    #[track_caller]
    pub fn json(&self, status: u16) -> Value {
        self.assert_status(status);
        assert_eq!(self.header("content-type"), "application/json", "{}", self.what);
        self.parse()
    }

    /// Asserts a success with `status` and without a body.
    ///
    /// # Panics
    ///
    /// Panics if the response is anything else.
    #[track_caller]
    pub fn empty(&self, status: u16) {
        self.assert_status(status);
        assert_eq!(self.text(), "", "{}", self.what);
    }

    /// Asserts a 304 with this entity tag.
    ///
    /// # Panics
    ///
    /// Panics if the response is anything else.
    #[track_caller]
    pub fn not_modified(&self, etag: &str) {
        self.empty(304);
        assert_eq!(self.header("etag"), etag, "{}", self.what);
    }

    /// Returns the error with `status` and `code`, and asserts the form that all errors share.
    ///
    /// # Panics
    ///
    /// Panics if the response is anything else.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Problem {
        self.assert_status(status);
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{}",
            self.what
        );
        let body = self.parse();
        let about = format!("{}: {body}", self.what);
        assert_eq!(body["type"], format!("urn:bookshelf:problem:{code}"), "{about}");
        assert_eq!(body["status"], status, "{about}");
        assert_eq!(body["request_id"], self.header("x-request-id"), "{about}");
        let text = |key: &str| body[key].as_str().map(str::to_owned);
        assert!(text("title").is_some_and(|title| !title.is_empty()), "{about}");
        let message = text("message").unwrap_or_default();
        assert!(!message.is_empty(), "{about}");
        let field = text("field");
        assert!(message.contains(field.as_deref().unwrap_or_default()), "{about}");
        let etag = text("etag");
        assert_eq!(
            self.header("etag"),
            etag.as_deref().unwrap_or_default(),
            "{about}"
        );
        let retry_after = body["retry_after"].as_u64();
        assert_eq!(
            self.header("retry-after"),
            retry_after.map(|seconds| seconds.to_string()).unwrap_or_default(),
            "{about}"
        );
        Problem {
            message,
            field,
            etag,
            retry_after,
        }
    }

    /// Asserts a 400 for an invalid `field`, and returns the message.
    ///
    /// # Panics
    ///
    /// Panics if the response is anything else.
    #[track_caller]
    pub fn invalid(&self, field: &str) -> String {
        let problem = self.problem(400, "invalid_request");
        assert_eq!(
            problem.field.as_deref(),
            Some(field),
            "{}: {}",
            self.what,
            problem.message
        );
        problem.message
    }

    #[track_caller]
    fn assert_status(&self, status: u16) {
        assert_eq!(self.status, status, "{}: {}", self.what, self.text());
        assert!(!self.header("x-request-id").is_empty(), "{}", self.what);
    }

    #[track_caller]
    fn parse(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{}: {error}: {}", self.what, self.text()))
    }
}
