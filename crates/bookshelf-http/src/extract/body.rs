//! JSON bodies.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::web::{self, BytesMut};
use actix_web::{FromRequest, HttpRequest};
use futures::StreamExt as _;
use futures::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::problem::{Code, Problem};
use crate::protocol;

/// The longest time for the body of a request to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The byte order mark of UTF-8, which is not part of the text.
const UTF_8_MARK: &[u8] = "\u{feff}".as_bytes();

/// The largest body, as `--max-body` says.
#[derive(Clone, Copy, Debug)]
pub struct MaxBody(pub usize);

/// A JSON body. Unknown fields are the type's business (`deny_unknown_fields`); a value of the wrong type is
/// an error that names its field.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            check_headers(&request)?;
            let limit = request
                .app_data::<web::Data<MaxBody>>()
                .map_or(usize::MAX, |limit| limit.0);
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

fn check_headers(request: &HttpRequest) -> Result<(), Problem> {
    let headers = request.headers();
    // The `identity` of some clients, too: it has no place there (RFC 9110, section 8.4.1).
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(Problem::of_field(
            Code::UnsupportedMediaType,
            "Content-Encoding",
            "must not be given: the body is not decoded",
        ));
    }
    let content_type = headers.get(CONTENT_TYPE);
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

/// Reads a body up to its end, or up to this length, where more than the body arrives: actix's `to_bytes_limited` does not
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
            return Err(Problem::new(
                Code::TooLarge,
                format!("the request body has more than {limit} bytes"),
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let body = body.strip_prefix(UTF_8_MARK).unwrap_or(body);
    // An array would be taken for the values of the fields in their order.
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(not_valid("it must be an object"));
    }
    serde_json::from_slice(body).map_err(|error| {
        if let Some(encoding) = other_encoding(body) {
            return not_valid(encoding);
        }
        // A second pass, only for a body that is not valid: keeping track of the field takes as long as all the rest.
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
            Err(at) if !error.is_syntax() && !error.is_eof() && at.path().iter().next().is_some() => {
                Problem::invalid(at.path().to_string(), format_args!("is not valid: {error}"))
            }
            _ => not_valid(&error.to_string()),
        }
    })
}

fn not_valid(reason: &str) -> Problem {
    Problem::new(Code::InvalidRequest, format!("the body is not valid: {reason}"))
}

/// Returns the objection to a body that is not UTF-8.
fn other_encoding(body: &[u8]) -> Option<&'static str> {
    // JSON begins with ASCII, of which each character has a byte of zeros there.
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
    fn malformed_and_trailing_json_are_refused() {
        for body in ["", "{", "[]", r#"{"name": "a"} x"#, "null", r#" ["a"]"#] {
            assert!(message(body).contains("not valid"), "{body}");
        }
    }

    #[test]
    fn a_mark_at_the_beginning_is_skipped_and_nowhere_else() {
        let json = r#"{"name": "a"}"#;
        let parsed = parse::<Example>(format!("\u{feff}{json}").as_bytes()).unwrap();
        assert_eq!(parsed.name, "a");
        for body in [format!("\u{feff}\u{feff}{json}"), format!("{json}\u{feff}")] {
            assert!(message(body).contains("not valid"));
        }
        assert!(message("\u{feff}[]").contains("must be an object"));
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
