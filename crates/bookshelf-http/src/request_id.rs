//! Request ids: taken from `X-Request-ID` or generated, and on every log line of a request.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpMessage as _, HttpRequest};
use tracing::Span;

use crate::trace;

/// The header with the id of a request, in requests and answers.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request whose answer is a stream, kept in its extensions.
pub(crate) struct RequestId(pub(crate) HeaderValue);

/// Returns the span of the log lines of a stream after its request's span has ended.
///
/// The span of a request is exported once nothing holds it, and a stream may last for days. This span is not exported.
pub(crate) fn span_of_stream(request: &HttpRequest) -> Span {
    let extensions = request.extensions();
    let id = extensions.get::<RequestId>();
    let request_id = id.and_then(|RequestId(id)| id.to_str().ok()).unwrap_or_default();
    tracing::info_span!(target: "stream", "request", request_id)
}

/// Creates the span of the request with this id.
pub(crate) fn span(id: &HeaderValue) -> Span {
    let request_id = id.to_str().unwrap_or_default();
    if trace::is_on() {
        return trace::span(request_id);
    }
    tracing::info_span!("request", request_id)
}

/// Returns the client's id if it has 1–128 visible ASCII characters, otherwise a new one.
pub(crate) fn request_id(request: &HttpRequest) -> HeaderValue {
    let given = request.headers().get(REQUEST_ID);
    let is_usable =
        |id: &&HeaderValue| (1..=128).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic);
    given.filter(is_usable).cloned().unwrap_or_else(new_id)
}

/// Returns an id that is unique in this process: consecutive numbers from a random start.
fn new_id() -> HeaderValue {
    static NEXT: LazyLock<AtomicU64> = LazyLock::new(|| AtomicU64::new(rand::random()));
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // Takes half as long as `HeaderValue::from`. Digits are always a header value.
    HeaderValue::from_str(itoa::Buffer::new().format(number)).unwrap_or_else(|_| HeaderValue::from(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_ids_are_the_same() {
        let ids = (0..1000).map(|_| new_id().to_str().unwrap().to_owned());
        assert_eq!(ids.collect::<std::collections::HashSet<_>>().len(), 1000);
    }
}
