//! Answers of an API, and assertions about them.

use reqwest::{Version, header::HeaderMap};
use serde_json::Value;

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Method and path of the request.
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

/// An error as clients see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The explanation in words.
    pub message: String,
    /// The field that is wrong, if it is one.
    pub field: Option<String>,
    /// The current entity tag, where another was named.
    pub etag: Option<String>,
    /// The seconds to wait before another try, where that may help.
    pub retry_after: Option<u64>,
}

#[expect(
    clippy::must_use_candidate,
    reason = "to have asserted something is use enough"
)]
impl Answer {
    /// The value of a header that is there once; empty where it is not there.
    ///
    /// # Panics
    ///
    /// When it is there more than once.
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

    /// The JSON body of a success with `status`.
    ///
    /// # Panics
    ///
    /// When it is anything else.
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
    /// When it is anything else.
    #[track_caller]
    pub fn empty(&self, status: u16) {
        self.assert_status(status);
        assert_eq!(self.text(), "", "{}", self.what);
    }

    /// Asserts that the client has the requested representation already, and that it is this version.
    ///
    /// # Panics
    ///
    /// When it is anything else.
    #[track_caller]
    pub fn not_modified(&self, etag: &str) {
        self.empty(304);
        assert_eq!(self.header("etag"), etag, "{}", self.what);
    }

    /// The error with `status` and `code`, in the one form that all errors have.
    ///
    /// # Panics
    ///
    /// When it is anything else.
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

    /// Asserts the 400 for `field` that breaks a rule, and returns the message.
    ///
    /// # Panics
    ///
    /// When it is anything else.
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
