//! What every request gets: an id, a line in the log, and errors in one form.

use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{Error, HttpMessage as _, HttpRequest, HttpResponse};
use tracing::{Instrument as _, Span};

use crate::abandoned::Unanswered;
use crate::connection::Connection;
use crate::consistency::{Consistency, Met};
use crate::metrics::{HttpMetrics, RouteMetrics};
use crate::problem::{Code, Problem};
use crate::route::{Route, Table};
use crate::serve::Readiness;
use crate::{stream, trace};

/// The header that carries a request's id, both ways.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// An API as each thread has it.
pub(crate) struct Api {
    pub(crate) table: Table,
    pub(crate) metrics: HttpMetrics,
    pub(crate) consistency: Consistency,
    pub(crate) readiness: Arc<Readiness>,
}

/// Answers a request by the table: gives it its id, taken over or made; logs and counts it; turns every error
/// into a problem document.
///
/// The id is on every log line that the request causes, in the response, and in every error. Failures and
/// everything that is not a successful read are logged at info, successful reads at debug.
pub(crate) async fn answer(request: ServiceRequest, api: Rc<Api>) -> Result<ServiceResponse, Error> {
    let started = Instant::now();
    let (request, payload) = request.into_parts();
    let method = request.method().clone();
    let id = request_id(&request);
    let found = api.table.find(&method, request.match_info().as_str());
    let is_stream = matches!(&found, Ok(route) if route.is_streamed) && stream::is_asked_for(&request);
    if let Some(connection) = request.conn_data::<Connection>() {
        // A stream says so when it begins.
        connection.is_about(false);
    }
    if is_stream {
        request.extensions_mut().insert(RequestId(id.clone()));
    }
    // A read that goes well says nothing at info, so that it is not charged for a span either.
    let span = if method.is_safe() && !trace::is_on() && !is_stream {
        Span::none()
    } else {
        span_of(&id)
    };
    let (route, counted, is_own) = match found {
        Ok(route) => (Ok(route), Some(&route.metrics), route.is_own),
        Err(problem) => (Err(problem), None, false),
    };
    trace::begin(&span, &request, counted.map(RouteMetrics::template));
    let unanswered = Unanswered::write(&request, &span, started, counted, &api.metrics);
    let is_synced = api.readiness.is_synced();
    let mut met = Met::default();
    let response = match route {
        Err(problem) => HttpResponse::from_error(problem),
        // Before the first sync, that a book is not in the cache says nothing. That we are here can be said.
        Ok(_) if !is_own && !is_synced => {
            HttpResponse::from_error(Problem::unavailable("the books are not loaded yet"))
        }
        Ok(route) if is_own => (route.endpoint)(request.clone(), payload).await,
        Ok(route) => {
            let (response, as_asked) = if span.is_none() {
                api.answer_by(route, &request, payload, is_stream, started).await
            } else {
                let answer = api.answer_by(route, &request, payload, is_stream, started);
                // Boxed, as what has no span would carry the room for it, too.
                Box::pin(answer.instrument(span.clone())).await
            };
            met = as_asked;
            response
        }
    };
    if let Some(unanswered) = unanswered {
        unanswered.answered();
    }
    let status = response.status();
    trace::end(&span, status);
    let is_quiet = method.is_safe() && (status.is_success() || status == StatusCode::NOT_MODIFIED);
    let mut response = if is_quiet && !tracing::enabled!(tracing::Level::DEBUG) {
        response
    } else {
        let span = if span.is_none() { span_of(&id) } else { span };
        span.in_scope(|| {
            let response = as_problem(response, &id);
            log(&method, request.path(), response.status(), is_quiet, started);
            response
        })
    };
    let took = started.elapsed();
    match counted {
        Some(counted) => counted.answered(response.status(), took),
        None => api.metrics.unrouted(&method, response.status(), took),
    }
    // What is the server's own shows nothing that could be old.
    if is_synced && !is_own {
        api.consistency
            .tell(&request, response.headers_mut(), met, started + took);
    }
    response.headers_mut().insert(REQUEST_ID, id);
    Ok(ServiceResponse::new(request, response))
}

impl Api {
    /// The answer of a route, as new as the request asks for.
    async fn answer_by(
        &self,
        route: &Route,
        request: &HttpRequest,
        payload: Payload,
        is_stream: bool,
        started: Instant,
    ) -> (HttpResponse, Met) {
        match self.consistency.asked(request, is_stream, started) {
            Ok(asked) if asked.asks_for_nothing() => {
                ((route.endpoint)(request.clone(), payload).await, asked)
            }
            // Boxed, as who asks for nothing would carry the room that it needs, too.
            Ok(asked) => Box::pin(self.answer_when_met(route, request, payload, is_stream, asked)).await,
            Err(problem) => (HttpResponse::from_error(problem), Met::default()),
        }
    }

    /// The same for a request that has to wait. What is not valid is not worth it.
    async fn answer_when_met(
        &self,
        route: &Route,
        request: &HttpRequest,
        payload: Payload,
        is_stream: bool,
        asked: Met,
    ) -> (HttpResponse, Met) {
        let prepared = match (route.prepare)(request.clone(), payload).await {
            Ok(prepared) => prepared,
            Err(refusal) => return (refusal, Met::default()),
        };
        match self.consistency.meet(request, is_stream, asked).await {
            Ok(met) => (prepared().await, met),
            Err(problem) => (HttpResponse::from_error(problem), Met::default()),
        }
    }
}

/// The id of a request whose answer goes on.
struct RequestId(HeaderValue);

/// What the rest of an answer is logged as, when the request's own span is over. That one is exported when nobody holds it
/// any more, and a stream may last for days; this one is not exported.
pub(crate) fn span_of_answer(request: &HttpRequest) -> Span {
    let extensions = request.extensions();
    let id = extensions.get::<RequestId>();
    let request_id = id.and_then(|RequestId(id)| id.to_str().ok()).unwrap_or_default();
    tracing::info_span!(target: "stream", "request", request_id)
}

fn span_of(id: &HeaderValue) -> Span {
    let request_id = id.to_str().unwrap_or_default();
    if trace::is_on() {
        return trace::span(request_id);
    }
    tracing::info_span!("request", request_id)
}

/// Takes an id over that is 1–128 visible ASCII characters; makes one otherwise.
fn request_id(request: &HttpRequest) -> HeaderValue {
    let given = request.headers().get(REQUEST_ID);
    let is_usable =
        |id: &&HeaderValue| (1..=128).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic);
    given.filter(is_usable).cloned().unwrap_or_else(new_id)
}

/// An id of this process's own: numbers that follow each other, from one that no other process begins with.
fn new_id() -> HeaderValue {
    static NEXT: LazyLock<AtomicU64> = LazyLock::new(|| AtomicU64::new(rand::random()));
    HeaderValue::from(NEXT.fetch_add(1, Ordering::Relaxed))
}

fn as_problem(response: HttpResponse, id: &HeaderValue) -> HttpResponse {
    let id = id.to_str().unwrap_or_default();
    let Some(error) = response.error() else {
        return response;
    };
    match error.as_error::<Problem>() {
        Some(problem) => {
            if let Some(cause) = problem.cause() {
                tracing::warn!(cause, "{problem}");
            }
            problem.to_response(id)
        }
        // actix's own errors: a path or header it could not make sense of.
        None if response.status().is_client_error() => {
            Problem::new(Code::InvalidRequest, error.to_string()).to_response(id)
        }
        None => {
            tracing::error!(%error, "unexpected error");
            Problem::new(Code::Internal, "internal error").to_response(id)
        }
    }
}

fn log(method: &Method, path: &str, status: StatusCode, is_quiet: bool, started: Instant) {
    let status = status.as_u16();
    let microseconds = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    if is_quiet {
        tracing::debug!(%method, path, status, microseconds, "request");
    } else {
        tracing::info!(%method, path, status, microseconds, "request");
    }
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
