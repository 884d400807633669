//! JSON with its entity tag: made once, shared by every answer that carries it.

use std::fmt;
use std::io::Write as _;

use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, HeaderValue, IF_NONE_MATCH};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use crate::answer;
use crate::entity_tag::{Condition, condition};

/// A JSON document and its strong entity tag.
#[derive(Clone, Debug)]
pub struct Document {
    /// The JSON, then the tag in its quotes: one allocation, as there are as many documents as there are books.
    text: Bytes,
    /// Where the tag begins.
    tag: usize,
}

impl Document {
    /// The document of a value that always serializes, as a struct of strings does. The tag has no blanks and no
    /// quotes.
    pub fn new(value: &impl Serialize, tag: impl fmt::Display) -> Self {
        Self::with_tag(serde_json::to_vec(value).unwrap_or_default(), tag)
    }

    /// The document with this JSON.
    pub fn with_tag(json: Vec<u8>, tag: impl fmt::Display) -> Self {
        let length = json.len();
        let mut text = json;
        // Writing to memory does not fail.
        let _ = write!(text, "\"{tag}\"");
        Self {
            // Boxed, so that the cache keeps what is there and no room to grow.
            text: text.into_boxed_slice().into(),
            tag: length,
        }
    }

    /// The JSON.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        &self.text[..self.tag]
    }

    /// The tag, without its quotes.
    #[must_use]
    pub fn tag(&self) -> &str {
        let quoted = std::str::from_utf8(&self.text[self.tag..]);
        quoted.unwrap_or_default().trim_matches('"')
    }

    /// Whether the client says that it has this document.
    #[must_use]
    pub fn is_known_to(&self, request: &HttpRequest) -> bool {
        is_known(|| self.tag(), request)
    }

    /// The answer to a GET: the document, or that the client has it.
    #[must_use]
    pub fn answer(&self, request: &HttpRequest) -> HttpResponse {
        if self.is_known_to(request) {
            self.tagged(HttpResponse::new(StatusCode::NOT_MODIFIED))
        } else {
            self.answer_with(StatusCode::OK)
        }
    }

    /// An answer of this status that carries the document.
    #[must_use]
    pub fn answer_with(&self, status: StatusCode) -> HttpResponse {
        self.tagged(answer::json(status, self.text.slice(..self.tag)))
    }

    fn tagged(&self, mut response: HttpResponse) -> HttpResponse {
        // What is no header's value is no tag either: there is none then.
        if let Ok(tag) = HeaderValue::from_maybe_shared(self.text.slice(self.tag..)) {
            response.headers_mut().insert(ETAG, tag);
        }
        response
    }
}

/// Whether the client says that it has what has this tag
/// ([RFC 9110, section 13.1.2](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2)). What it says without
/// sense says nothing.
pub(crate) fn is_known<'a>(tag: impl FnOnce() -> &'a str, request: &HttpRequest) -> bool {
    match condition(request.headers(), &IF_NONE_MATCH) {
        None | Some(Err(_)) => false,
        Some(Ok(Condition::Any)) => true,
        // Weak or strong is the same here.
        Some(Ok(Condition::OneOf(tags))) => {
            let tag = tag().as_bytes();
            tags.iter().any(|known| known.opaque == tag)
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_client_has_a_document_if_it_names_its_tag() {
        let document = Document::new(&"text", "a.1");
        assert_eq!(document.json(), br#""text""#);
        let is_known = |value: &'static str| {
            let request = TestRequest::default().insert_header((IF_NONE_MATCH, value));
            document.is_known_to(&request.to_http_request())
        };
        for known in [r#""a.1""#, r#"W/"a.1""#, r#""b", "a.1""#, "*"] {
            assert!(is_known(known), "{known}");
        }
        for unknown in [r#""a.10""#, r#""a""#, "a.1", "", r#""A.1""#] {
            assert!(!is_known(unknown), "{unknown}");
        }
        assert!(!document.is_known_to(&TestRequest::default().to_http_request()));
    }
}
