//! JSON documents with entity tags, made once and shared by every answer that carries them.

use std::fmt;
use std::io::Write as _;

use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, HeaderValue, IF_NONE_MATCH};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use crate::answer;
use crate::entity_tag::{Condition, check_match, condition};
use crate::problem::Problem;

/// A JSON document and its strong entity tag.
#[derive(Clone, Debug)]
pub struct Document {
    /// The JSON, then the tag in quotes: one allocation, since there is a document for each book.
    text: Bytes,
    /// The offset of the tag.
    tag: usize,
}

impl Document {
    /// Creates the document of a value that always serializes, such as a struct of strings. The tag must have no blanks
    /// and no quotes.
    pub fn new(value: &impl Serialize, tag: impl fmt::Display) -> Self {
        let json = serde_json::to_vec(value).unwrap_or_default();
        Self::with_tag(escape_line_ends(json), tag)
    }

    /// Creates a document from JSON text.
    pub fn with_tag(json: Vec<u8>, tag: impl fmt::Display) -> Self {
        let length = json.len();
        let mut text = json;
        // Writing to memory does not fail.
        let _ = write!(text, "\"{tag}\"");
        Self {
            // Boxed, so that the cache keeps no spare capacity.
            text: text.into_boxed_slice().into(),
            tag: length,
        }
    }

    /// Returns the JSON.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        &self.text[..self.tag]
    }

    /// Returns the tag, without its quotes.
    #[must_use]
    pub fn tag(&self) -> &str {
        let quoted = std::str::from_utf8(&self.text[self.tag..]);
        quoted.unwrap_or_default().trim_matches('"')
    }

    /// Returns true if the request names the entity tag of this document in `If-None-Match`.
    #[must_use]
    pub fn is_known_to(&self, request: &HttpRequest) -> bool {
        is_known(|| self.tag(), request)
    }

    /// Answers a GET: with the document, with 304 if the client has it, or with 412 if `If-Match` does not name it.
    #[must_use]
    pub fn answer(&self, request: &HttpRequest) -> HttpResponse {
        match is_not_modified(request, || self.tag()) {
            Err(problem) => HttpResponse::from_error(problem),
            Ok(true) => self.tagged(HttpResponse::new(StatusCode::NOT_MODIFIED)),
            Ok(false) => self.answer_with(StatusCode::OK),
        }
    }

    /// Answers with this status and the document.
    #[must_use]
    pub fn answer_with(&self, status: StatusCode) -> HttpResponse {
        self.tagged(answer::json(status, self.text.slice(..self.tag)))
    }

    fn tagged(&self, mut response: HttpResponse) -> HttpResponse {
        // A tag that is not a valid header value is omitted.
        if let Ok(tag) = HeaderValue::from_maybe_shared(self.text.slice(self.tag..)) {
            response.headers_mut().insert(ETAG, tag);
        }
        response
    }
}

/// Escapes the characters that some parsers of event streams, JSON lines and scripts take for line ends: U+0085, U+2028
/// and U+2029. Other JSON is returned unchanged.
fn escape_line_ends(json: Vec<u8>) -> Vec<u8> {
    // Their first bytes in UTF-8 are rare enough in the texts of most languages.
    let Some(first) = memchr::memchr2(0xc2, 0xe2, &json) else {
        return json;
    };
    let escape = |rest: &[u8]| match rest {
        [0xc2, 0x85, ..] => Some((2, br"\u0085")),
        [0xe2, 0x80, 0xa8, ..] => Some((3, br"\u2028")),
        [0xe2, 0x80, 0xa9, ..] => Some((3, br"\u2029")),
        _ => None,
    };
    let mut escaped = Vec::with_capacity(json.len());
    let (plain, mut rest) = json.split_at(first);
    escaped.extend_from_slice(plain);
    while !rest.is_empty() {
        let (length, text): (_, &[u8]) = match escape(rest) {
            Some((length, text)) => (length, text),
            None => (1, &rest[..1]),
        };
        escaped.extend_from_slice(text);
        rest = &rest[length..];
    }
    escaped
}

/// Evaluates the preconditions of a GET: returns true if the client has the content with this entity tag, and refuses the
/// request if `If-Match` does not name it.
pub(crate) fn is_not_modified<'a>(request: &HttpRequest, tag: impl Fn() -> &'a str) -> Result<bool, Problem> {
    // In this order (RFC 9110, section 13.2.2).
    check_match(request.headers(), || Some(tag()))?;
    Ok(is_known(tag, request))
}

/// Returns true if the request names this entity tag in `If-None-Match`
/// ([RFC 9110, section 13.1.2](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2)). A
/// malformed header is ignored.
fn is_known<'a>(tag: impl FnOnce() -> &'a str, request: &HttpRequest) -> bool {
    match condition(request.headers(), &IF_NONE_MATCH) {
        None | Some(Err(_)) => false,
        Some(Ok(Condition::Any)) => true,
        // The comparison is weak.
        Some(Ok(Condition::OneOf(tags))) => {
            let tag = tag().as_bytes();
            tags.iter().any(|known| known.opaque == tag)
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, IF_MATCH};
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_characters_that_may_end_a_line_are_escaped() {
        let json = |text: &str| String::from_utf8(Document::new(&text, "a").json().to_vec()).unwrap();
        for unchanged in [
            "",
            "plain",
            "“é” ä Математика 数学 \u{84}\u{86}\u{2027}\u{202a}\u{a0}",
        ] {
            assert_eq!(json(unchanged), format!("\"{unchanged}\""));
        }
        let text = "\u{2028}a\u{85}é\u{2029}“\u{2028}";
        assert_eq!(json(text), r#""\u2028a\u0085é\u2029“\u2028""#);
        assert_eq!(serde_json::from_str::<String>(&json(text)).unwrap(), text);
    }

    #[test]
    fn a_read_is_for_the_version_that_it_names() {
        let document = Document::new(&"text", "a.1");
        let status = |headers: &[(HeaderName, &'static str)]| {
            let mut request = TestRequest::default();
            for (name, value) in headers {
                request = request.append_header((name.clone(), *value));
            }
            document.answer(&request.to_http_request()).status().as_u16()
        };
        for (condition, expected) in [
            (r#""a.1""#, 200),
            (r#""b", "a.1""#, 200),
            ("*", 200),
            (r#"W/"a.1""#, 412),
            (r#""a.10""#, 412),
            ("a.1", 400),
            ("", 400),
        ] {
            assert_eq!(status(&[(IF_MATCH, condition)]), expected, "{condition}");
        }
        // `If-Match` is evaluated first.
        for (condition, expected) in [("*", 304), (r#""b""#, 412)] {
            let both = [(IF_NONE_MATCH, r#""a.1""#), (IF_MATCH, condition)];
            assert_eq!(status(&both), expected, "{condition}");
        }
    }

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
