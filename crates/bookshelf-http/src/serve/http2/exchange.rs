//! One request of an HTTP/2 connection, and its answer.

use std::cmp::min;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::{Duration, SystemTime};

use actix_http::error::PayloadError;
use actix_http::{BoxedPayloadStream, Payload, Request, Response};
use actix_service::Service;
use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ResponseHead, ServiceResponse};
use actix_web::http::header::{
    CONNECTION, CONTENT_LENGTH, DATE, HeaderValue, HttpDate, TRANSFER_ENCODING, TryIntoHeaderValue as _,
    UPGRADE,
};
use actix_web::http::{Method, StatusCode, Version};
use actix_web::web::Bytes;
use futures::stream::unfold;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use tokio::time::timeout;

use super::{PendingRequest, PendingRequests};

/// The maximum bytes of an answer that are sent at once, so that the requests of a connection take turns.
const PART: usize = 16 << 10;

/// Answers a request. If the client cancels it, its handler is dropped, as over HTTP/1.1.
pub(super) async fn serve<A, B>(
    app: &A,
    request: http_0_2::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    peer: Option<SocketAddr>,
    write_timeout: Duration,
    unanswered: &PendingRequests<'_>,
) where
    A: Service<Request, Response = ServiceResponse<B>, Error = HttpResponse<BoxBody>>,
    B: MessageBody,
{
    let waiting = unanswered.begin();
    let request = of_actix(request, peer);
    let is_head = *request.method() == Method::HEAD;
    let answered = tokio::select! {
        answered = app.call(request) => answered,
        _ = poll_fn(|context| respond.poll_reset(context)) => return,
    };
    let sent = match answered {
        Ok(response) => send(response.into(), respond, is_head, write_timeout, waiting).await,
        Err(response) => send(response.into(), respond, is_head, write_timeout, waiting).await,
    };
    if let Err(error) = sent {
        tracing::debug!(%error, "an answer could not be sent");
    }
}

/// Converts a request for the app.
fn of_actix(request: http_0_2::Request<RecvStream>, peer: Option<SocketAddr>) -> Request {
    let (parts, body) = request.into_parts();
    let payload = if body.is_end_stream() {
        Payload::None
    } else {
        let payload: BoxedPayloadStream = Box::pin(unfold(body, async |mut body| {
            let chunk = body.data().await?;
            let chunk = chunk.and_then(|chunk| {
                // The client may send as much again.
                body.flow_control().release_capacity(chunk.len())?;
                Ok(chunk)
            });
            Some((
                chunk.map_err(|error| PayloadError::Io(io::Error::other(error))),
                body,
            ))
        }));
        Payload::Stream { payload }
    };
    let mut request = Request::with_payload(payload);
    let head = request.head_mut();
    head.uri = parts.uri;
    head.method = parts.method;
    head.version = parts.version;
    head.headers = parts.headers.into();
    head.peer_addr = peer;
    request
}

/// Sends an answer as fast as its client reads it. A client that reads nothing for `write_timeout` loses this answer,
/// and nothing else on the connection.
async fn send<B: MessageBody>(
    response: Response<B>,
    mut respond: SendResponse<Bytes>,
    is_head: bool,
    write_timeout: Duration,
    waiting: PendingRequest<'_>,
) -> Result<(), h2::Error> {
    let (response, body) = response.into_parts();
    let size = body.size();
    let is_over = is_head || size.is_eof();
    let mut stream = respond.send_response(of_h2(response.head(), size), is_over)?;
    if is_over {
        return Ok(());
    }
    // Shutdown does not wait for the client of a stream.
    let _waiting = (size != BodySize::Stream).then_some(waiting);
    let mut body = pin!(body);
    loop {
        let chunk = tokio::select! {
            chunk = poll_fn(|context| body.as_mut().poll_next(context)) => chunk,
            _ = poll_fn(|context| stream.poll_reset(context)) => return Ok(()),
        };
        match chunk {
            Some(Ok(chunk)) => {
                if !send_chunk(&mut stream, chunk, write_timeout).await? {
                    return Ok(());
                }
            }
            Some(Err(_)) => {
                stream.send_reset(Reason::INTERNAL_ERROR);
                return Ok(());
            }
            None => return stream.send_data(Bytes::new(), true),
        }
    }
}

/// Sends a chunk of an answer. Returns false if the client has gone, or has taken too long.
async fn send_chunk(
    stream: &mut SendStream<Bytes>,
    mut chunk: Bytes,
    write_timeout: Duration,
) -> Result<bool, h2::Error> {
    while !chunk.is_empty() {
        stream.reserve_capacity(min(chunk.len(), PART));
        let Ok(room) = timeout(write_timeout, poll_fn(|context| stream.poll_capacity(context))).await else {
            tracing::debug!("a client that does not read loses its answer");
            stream.send_reset(Reason::CANCEL);
            return Ok(false);
        };
        let Some(room) = room else { return Ok(false) };
        let part = chunk.split_to(min(chunk.len(), room?));
        stream.send_data(part, false)?;
    }
    Ok(true)
}

/// Converts the head of an answer, without the connection-specific fields of HTTP/1.1
/// ([RFC 9113, section 8.2.2](https://www.rfc-editor.org/rfc/rfc9113#section-8.2.2)).
fn of_h2(head: &ResponseHead, size: BodySize) -> http_0_2::Response<()> {
    let mut response = http_0_2::Response::new(());
    *response.status_mut() = head.status;
    *response.version_mut() = Version::HTTP_2;
    let headers = response.headers_mut();
    for (name, value) in &head.headers {
        if ![CONNECTION, TRANSFER_ENCODING, UPGRADE].contains(name) {
            headers.append(name, value.clone());
        }
    }
    let has_length = !matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if let BodySize::Sized(length) = size
        && has_length
    {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    if !headers.contains_key(DATE)
        && let Ok(date) = HttpDate::from(SystemTime::now()).try_into_value()
    {
        headers.insert(DATE, date);
    }
    response
}
