//! The choice between a list and a stream, or JSON lines.

use actix_web::HttpRequest;
use actix_web::http::header::{ACCEPT, Accept, Header as _, Quality};

const STREAM: &str = "text/event-stream";
const JSON: &str = "application/json";

/// Returns true if the client prefers a stream to a list by its `Accept` header
/// ([RFC 9110, section 12.5.1](https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1)). The header must name the type
/// of streams. If it names JSON with the same or a higher quality, the client gets a list.
#[must_use]
pub(crate) fn is_preferred(request: &HttpRequest) -> bool {
    is_preferred_to_json(request, STREAM)
}

/// Returns true if the client prefers this type to JSON, by the same rules.
pub(crate) fn is_preferred_to_json(request: &HttpRequest, preferred: &str) -> bool {
    let mut values = request.headers().get_all(ACCEPT);
    // Requests that do not name the type need not pay for the parser.
    let names_stream = |value: &[u8]| {
        let mut places = value.windows(preferred.len());
        places.any(|place| place.eq_ignore_ascii_case(preferred.as_bytes()))
    };
    if !values.any(|value| names_stream(value.as_bytes())) {
        return false;
    }
    let Ok(accepted) = Accept::parse(request) else {
        return false;
    };
    let quality = |names: &[&str]| {
        let named = accepted
            .iter()
            .filter(|range| names.contains(&range.item.essence_str()));
        named.map(|range| range.quality).max()
    };
    let Some(stream) = quality(&[preferred]).filter(|quality| *quality > Quality::ZERO) else {
        return false;
    };
    match quality(&[JSON]) {
        Some(json) => stream > json,
        None => Some(stream) >= quality(&["application/*", "*/*"]),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_a_request_that_names_event_streams_and_prefers_them_to_json_gets_one() {
        let is_preferred = |accept: &'static str| {
            super::is_preferred(
                &TestRequest::default()
                    .insert_header((ACCEPT, accept))
                    .to_http_request(),
            )
        };
        for stream in [
            "text/event-stream",
            "Text/Event-Stream",
            "text/event-stream;charset=utf-8",
            "text/event-stream, */*",
            "text/event-stream, */*;q=0.1",
            "application/json;q=0.5, text/event-stream;q=0.6",
            "application/json;q=0, text/event-stream;q=0.1",
        ] {
            assert!(is_preferred(stream), "{stream}");
        }
        for list in [
            "",
            "*/*",
            "text/*",
            "application/json",
            "application/json, text/event-stream",
            "text/event-stream, application/json",
            "text/event-stream;q=0.5, application/json",
            "text/event-stream;q=0.5, */*",
            "text/event-stream;q=0",
            "text/event-stream-not",
            "text/event-stream;q=a",
        ] {
            assert!(!is_preferred(list), "{list}");
        }
        assert!(!super::is_preferred(&TestRequest::default().to_http_request()));
    }
}
