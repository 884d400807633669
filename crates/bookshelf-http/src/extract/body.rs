//! JSON bodies.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{self, BytesMut};
use actix_web::{FromRequest, HttpRequest};
use futures::StreamExt as _;
use futures::future::LocalBoxFuture;
use serde::de::{DeserializeOwned, IgnoredAny};
use tokio::time::timeout;

use crate::problem::{Code, Problem};
use crate::protocol;

/// The longest time for the body of a request to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The byte order mark of UTF-8, which is not part of the text.
const UTF_8_MARK: &[u8] = "\u{feff}".as_bytes();

/// The maximum size of a body in bytes (`--max-body`).
#[derive(Clone, Copy, Debug)]
pub struct MaxBody(pub usize);

/// A JSON body. The type decides on unknown fields (`deny_unknown_fields`). The problem of a value of the wrong type
/// names its field.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            check_content_type(&request)?;
            let limit = request
                .app_data::<web::Data<MaxBody>>()
                .map_or(usize::MAX, |limit| limit.0);
            check_length(&request, limit)?;
            let length = protocol::length_of_body(&request);
            let body = timeout(BODY_TIMEOUT, read(payload, length, limit));
            let body = body.await.map_err(|_| {
                Problem::new(
                    Code::RequestTimeout,
                    format!("the body did not arrive within {} s", BODY_TIMEOUT.as_secs()),
                )
            })??;
            parse(&body).map(Self)
        })
    }
}

fn check_content_type(request: &HttpRequest) -> Result<(), Problem> {
    let content_type = request.headers().get(CONTENT_TYPE);
    let content_type = content_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(Problem::new(
            Code::UnsupportedMediaType,
            "Content-Type must be application/json",
        ))
    }
}

/// Refuses a body by its declared length, before any of it arrives.
fn check_length(request: &HttpRequest, limit: usize) -> Result<(), Problem> {
    match protocol::declared_length(request) {
        Some(length) if length > limit => Err(too_large(limit)),
        _ => Ok(()),
    }
}

fn too_large(limit: usize) -> Problem {
    let message = format!("the request body has more than {limit} bytes");
    Problem::new(Code::TooLarge, message)
}

/// Reads a body to its end, or to `length` if the payload goes on after the body: actix's `to_bytes_limited` does not
/// stop at a length.
async fn read(mut payload: Payload, length: Option<usize>, limit: usize) -> Result<BytesMut, Problem> {
    let mut body = BytesMut::new();
    while length.is_none_or(|length| body.len() < length)
        && let Some(chunk) = payload.next().await
    {
        let mut chunk = chunk.map_err(|_| {
            let broken = "the request body cannot be read: it ends early, or its chunks are malformed";
            Problem::new(Code::InvalidRequest, broken).and_close()
        })?;
        if let Some(length) = length {
            chunk.truncate(length - body.len());
        }
        if body.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let body = body.strip_prefix(UTF_8_MARK).unwrap_or(body);
    // Serde would accept an array as the values of the fields in order.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(not_an_object(body));
    }
    serde_json::from_slice(body).map_err(|error| {
        if let Some(encoding) = other_encoding(body) {
            return not_valid(encoding);
        }
        if !error.is_data() && !is_of_value(&error) {
            return not_json(&error);
        }
        // A second pass, for invalid bodies only: tracking the field takes as long as parsing itself.
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
            Err(at) if at.path().iter().next().is_some() => {
                Problem::invalid(at.path().to_string(), format_args!("is not valid: {error}"))
            }
            _ => invalid_object(&error.to_string()),
        }
    })
}

/// Returns true if the error is about a value that JSON allows but no field can hold, which serde reports as a syntax
/// error: a lone surrogate, or a number out of range.
fn is_of_value(error: &serde_json::Error) -> bool {
    let message = error.to_string();
    [
        "lone leading surrogate",
        "unexpected end of hex escape",
        "number out of range",
    ]
    .iter()
    .any(|reason| message.starts_with(reason))
}

/// Returns the problem of an object that does not match its type, from serde's message.
fn invalid_object(message: &str) -> Problem {
    let twice = message.strip_prefix("duplicate field `");
    match twice.and_then(|rest| rest.split_once('`')) {
        Some((field, _)) => Problem::invalid(field.to_owned(), "must be given once"),
        None => not_valid(message),
    }
}

/// Returns the problem of a body that is not a JSON object.
fn not_an_object(body: &[u8]) -> Problem {
    if let Some(encoding) = other_encoding(body) {
        return not_valid(encoding);
    }
    if body.trim_ascii().is_empty() {
        return not_valid("it is empty, and must be a JSON object");
    }
    match serde_json::from_slice::<IgnoredAny>(body) {
        Ok(_) => not_valid("it must be a JSON object"),
        Err(error) => not_json(&error),
    }
}

fn not_json(error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    not_valid(&if error.is_eof() {
        "it is incomplete JSON".to_owned()
    } else {
        format!("it is not valid JSON at line {line}, column {column}")
    })
}

fn not_valid(reason: &str) -> Problem {
    Problem::new(Code::InvalidRequest, format!("the body is not valid: {reason}"))
}

/// Returns the error message for a body that is not UTF-8.
fn other_encoding(body: &[u8]) -> Option<&'static str> {
    // JSON begins with ASCII characters, which have zero bytes in these encodings.
    let is_utf_16_or_32 = body.starts_with(&[0xff, 0xfe])
        || body.starts_with(&[0xfe, 0xff])
        || body.iter().take(2).any(|byte| *byte == 0);
    if is_utf_16_or_32 {
        return Some("it must be JSON in UTF-8, and looks like UTF-16 or UTF-32");
    }
    std::str::from_utf8(body)
        .is_err()
        .then_some("it must be JSON in UTF-8, and is not UTF-8")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Example {
        name: String,
    }

    fn message(body: impl AsRef<[u8]>) -> String {
        parse::<Example>(body.as_ref()).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_field_is_named() {
        assert!(message(r#"{"name": "a", "nmae": "b"}"#).contains("`nmae`"));
    }

    #[test]
    fn a_value_of_the_wrong_type_names_its_field() {
        assert!(message(r#"{"name": 5}"#).starts_with("name is not valid: invalid type: integer `5`"));
    }

    #[test]
    fn a_value_that_no_field_can_have_names_its_field() {
        for (value, reason) in [
            (r#""\ud83d""#, "unexpected end of hex escape"),
            (r#""\ud83d\u0041""#, "lone leading surrogate"),
            (r#""\ude00""#, "lone leading surrogate"),
            ("1e999", "number out of range"),
        ] {
            let message = message(format!(r#"{{"name": {value}}}"#));
            assert!(
                message.starts_with(&format!("name is not valid: {reason}")),
                "{message}"
            );
        }
    }

    #[test]
    fn malformed_and_trailing_json_are_refused() {
        for body in ["", "{", "[]", r#"{"name": "a"} x"#, "null", r#" ["a"]"#] {
            assert!(message(body).contains("not valid"), "{body}");
        }
    }

    #[test]
    fn a_body_that_is_no_object_is_refused_in_words_of_json() {
        for (body, reason) in [
            ("", "it is empty, and must be a JSON object"),
            (" \n", "it is empty, and must be a JSON object"),
            ("\u{feff}", "it is empty, and must be a JSON object"),
            ("null", "it must be a JSON object"),
            ("5", "it must be a JSON object"),
            ("\"x\"", "it must be a JSON object"),
            ("[]", "it must be a JSON object"),
            ("{", "it is incomplete JSON"),
            (r#"{"name": "a"#, "it is incomplete JSON"),
            ("id=w1", "it is not valid JSON at line 1, column 1"),
            (r#"{"name": "a"} x"#, "it is not valid JSON at line 1, column 15"),
            ("{\n\"name\" 5}", "it is not valid JSON at line 2, column 8"),
            ("\u{feff}\u{feff}{}", "it is not valid JSON at line 1, column 1"),
        ] {
            assert_eq!(
                message(body),
                format!("the body is not valid: {reason}"),
                "{body:?}"
            );
        }
    }

    #[test]
    fn a_field_that_is_there_twice_is_named() {
        let message = message(r#"{"name": "a", "name": "b"}"#);
        assert_eq!(message, "name must be given once");
    }

    #[test]
    fn a_mark_at_the_beginning_is_skipped_and_nowhere_else() {
        let json = r#"{"name": "a"}"#;
        let parsed = parse::<Example>(format!("\u{feff}{json}").as_bytes()).unwrap();
        assert_eq!(parsed.name, "a");
        for body in [format!("\u{feff}\u{feff}{json}"), format!("{json}\u{feff}")] {
            assert!(message(body).contains("not valid"));
        }
        assert!(message("\u{feff}[]").contains("must be a JSON object"));
    }

    #[test]
    fn a_body_in_another_encoding_is_refused_by_that_name() {
        let json = r#"{"name": "ä"}"#;
        let utf_16 = |mark: &str, bytes: fn(u16) -> [u8; 2]| {
            let units = format!("{mark}{json}").encode_utf16().collect::<Vec<_>>();
            units.into_iter().flat_map(bytes).collect::<Vec<_>>()
        };
        for mark in ["", "\u{feff}"] {
            for bytes in [u16::to_be_bytes, u16::to_le_bytes] {
                let message = message(utf_16(mark, bytes));
                assert!(message.contains("UTF-16"), "{message}");
            }
        }
        let latin_1 = message(*b"{\"name\": \"\xe4\"}");
        assert!(latin_1.contains("is not UTF-8"), "{latin_1}");
        let gzip = message([0x1f, 0x8b, 0x08, 0x00]);
        assert!(gzip.contains("is not UTF-8"), "{gzip}");
    }
}
