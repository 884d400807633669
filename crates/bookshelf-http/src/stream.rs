//! Event streams: a list and its changes, for as long as the client stays connected
//! ([server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html)).
//!
//! A stream holds at most one chunk, and builds the next one when the connection has room for it. A client that reads
//! too slowly falls behind until the journal no longer has the changes in between: then the stream ends. The kernel
//! closes the connection of a client that does not read at all (`--write-timeout`).

pub(crate) mod accept;
mod open;

use std::convert::Infallible;
use std::fmt::Write as _;

use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::web::{Bytes, BytesMut};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use bookshelf_store::error::Error;
use bookshelf_store::repository::{EventKind, Stream, StreamEvent, Topic};

use crate::auth::Standing;
use crate::connection::Connection;
use crate::document::Document;
use crate::entity_tag::check_match;
use crate::extract::Request;
use crate::page::Page;
use crate::problem::{Code, Problem};
use crate::request_id;
pub(crate) use accept::is_preferred;
pub(crate) use open::Streams;

/// The header with the id of the last event that the client has received.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// The content type. A few clients need the charset, which the others assume.
const CONTENT: &str = "text/event-stream; charset=utf-8";
/// The header that keeps nginx and similar proxies from buffering events.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Returns the id of the last event that the client has received. A value that is not text becomes the empty string,
/// which this service never sends.
#[must_use]
pub(crate) fn last_event_id(request: &HttpRequest) -> Option<&str> {
    let id = request.headers().get(LAST_EVENT_ID)?;
    Some(id.to_str().unwrap_or_default())
}

/// Answers a request for a stream with the stream that `begin` returns. `json` writes each member.
///
/// A stream has no pages: a request for one is refused. The answer to `HEAD` ends after its headers.
pub(crate) async fn answer<S: Topic<Document> + 'static>(
    request: &Request,
    page: &Page,
    begin: impl Future<Output = Result<Stream<Document, S>, Error>>,
    json: impl Fn(&S::Item, &mut BytesMut) + 'static,
) -> Result<HttpResponse, Problem> {
    if !page.is_whole() {
        let field = if page.limit.is_some() { "limit" } else { "continue" };
        return Err(Problem::invalid(
            field,
            "must not be given with Accept: text/event-stream",
        ));
    }
    // A stream has no entity tag.
    check_match(request.headers(), || None)?;
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, HeaderValue::from_static(CONTENT)))
        .insert_header((ACCEL_BUFFERING, HeaderValue::from_static("no")));
    let streams = request.data::<Streams>()?;
    let stream = begin.await?;
    if request.method() == Method::HEAD {
        // A stream has no length (RFC 9110, section 8.6).
        return Ok(response.streaming(futures::stream::empty::<Result<Bytes, Infallible>>()));
    }
    if let Some(connection) = request.conn_data::<Connection>() {
        connection.set_stream(true);
    }
    let standing = request.extensions_mut().remove::<Standing>();
    // Without a standing nothing would end the stream of a caller that has lost the right to it.
    let standing = standing.ok_or_else(|| Problem::new(Code::Internal, "internal error"))?;
    let body = streams.open(stream, json, standing, request_id::span_of_stream(request));
    Ok(response.streaming(body))
}

/// Writes an event. The JSON of a [`Document`] has no line breaks, so it is one line of data.
fn write<T>(event: &StreamEvent<T>, json: impl Fn(&T, &mut BytesMut), to: &mut BytesMut) {
    let (name, item) = match &event.kind {
        EventKind::Reset => ("reset", None),
        EventKind::Created(item) => ("created", Some(item)),
        EventKind::Updated(item) => ("updated", Some(item)),
        EventKind::Deleted(item) => ("deleted", Some(item)),
        EventKind::Synced => ("synced", None),
    };
    // Writing to memory does not fail.
    let _ = writeln!(to, "event: {name}");
    if let Some(id) = &event.id {
        let _ = writeln!(to, "id: {id}");
    }
    to.extend_from_slice(b"data: ");
    match item {
        Some(item) => json(item, to),
        None => to.extend_from_slice(b"{}"),
    }
    to.extend_from_slice(b"\n\n");
}
