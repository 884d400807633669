//! What every request gets: an id, a line in the log, and errors in one form.

mod abandoned;

use std::future::{Ready, ready};
use std::mem;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{Error, HttpMessage as _, HttpRequest, HttpResponse};
use futures::future::{Either, LocalBoxFuture};
use tracing::{Instrument as _, Span};

use crate::connection::Connection;
use crate::freshness::{Freshness, FreshnessGuard};
use crate::metrics::HttpMetrics;
use crate::problem::{Code, Problem};
use crate::readiness::Readiness;
use crate::route::{Route, Table};
use crate::{protocol, stream, trace};

/// The header that carries a request's id, both ways.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// An API as each thread has it.
pub(crate) struct Api {
    pub(crate) table: Table,
    pub(crate) metrics: HttpMetrics,
    pub(crate) freshness: FreshnessGuard,
    pub(crate) readiness: Arc<Readiness>,
}

/// An answer: mostly there at once, as reads come from memory.
pub(crate) type Answer = Either<Ready<Answered>, LocalBoxFuture<'static, Answered>>;

type Answered = Result<ServiceResponse, Error>;

/// Answers a request by the table: gives it its id, taken over or made; logs and counts it; turns every error
/// into a problem document.
///
/// The id is on every log line that the request causes, in the response, and in every error. Failures and
/// everything that is not a successful read are logged at info, successful reads at debug.
pub(crate) fn answer(request: ServiceRequest, api: &Rc<Api>) -> Answer {
    let (request, payload) = request.into_parts();
    let exchange = Exchange::begin(request, Rc::clone(api));
    match exchange.way() {
        Way::Ended(response) => Either::Left(ready(Ok(exchange.end(response, Freshness::default())))),
        Way::Handler(route, asked) => Either::Right(Box::pin(async move {
            let answer = exchange.answer_when_met(&route, payload, asked);
            let (response, met) = answer.instrument(exchange.span.clone()).await;
            Ok(exchange.end(response, met))
        })),
    }
}

/// A request while it is answered.
struct Exchange {
    api: Rc<Api>,
    request: HttpRequest,
    id: HeaderValue,
    /// None where there is no such path, or no such method.
    route: Option<Rc<Route>>,
    is_synced: bool,
    is_stream: bool,
    span: Span,
    started: Instant,
    /// What is dropped before has lost its client.
    is_answered: bool,
}

/// How a request comes to its answer.
enum Way {
    /// It is there.
    Ended(HttpResponse),
    /// A handler makes it, perhaps after something else.
    Handler(Rc<Route>, Freshness),
}

impl Exchange {
    fn begin(request: HttpRequest, api: Rc<Api>) -> Self {
        let started = Instant::now();
        let method = request.method();
        let id = request_id(&request);
        let route = api.table.find(method, request.match_info().as_str()).cloned();
        let is_stream =
            route.as_ref().is_some_and(|route| route.is_streamed) && stream::is_asked_for(&request);
        if let Some(connection) = request.conn_data::<Connection>() {
            // A stream says so when it begins.
            connection.is_asked();
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
        let template = route.as_ref().map(|route| route.metrics.template());
        trace::begin(&span, &request, template);
        Self {
            is_synced: api.readiness.is_synced(),
            api,
            request,
            id,
            route,
            is_stream,
            span,
            started,
            is_answered: false,
        }
    }

    fn way(&self) -> Way {
        if let Err(problem) = protocol::check_host(&self.request) {
            return Way::refused(problem);
        }
        let Some(route) = &self.route else {
            let path = self.request.match_info().as_str();
            return Way::refused(self.api.table.refusal(path));
        };
        if route.is_own {
            return Way::Handler(Rc::clone(route), Freshness::default());
        }
        // Before the first sync, that a book is not in the cache says nothing. That we are here can be said.
        if !self.is_synced {
            return Way::refused(Problem::unavailable("the books are not loaded yet"));
        }
        let required = self
            .api
            .freshness
            .required(&self.request, self.is_stream, self.started);
        let asked = match required {
            Ok(asked) => asked,
            Err(problem) => return Way::refused(problem),
        };
        if let Some(at_once) = route.at_once
            && !self.is_stream
            && asked.is_default()
            && let Some(answer) = self.span.in_scope(|| at_once(&self.request))
        {
            return Way::Ended(answer.unwrap_or_else(HttpResponse::from_error));
        }
        Way::Handler(Rc::clone(route), asked)
    }

    /// The answer of a route, as new as the request asks for.
    async fn answer_when_met(
        &self,
        route: &Route,
        payload: Payload,
        asked: Freshness,
    ) -> (HttpResponse, Freshness) {
        let request = &self.request;
        if asked.is_default() {
            return ((route.endpoint)(request.clone(), payload).await, asked);
        }
        // Boxed, as who asks for nothing would carry the room that it needs, too.
        Box::pin(async move {
            // What is not valid is not worth waiting for.
            let prepared = match (route.prepare)(request.clone(), payload).await {
                Ok(prepared) => prepared,
                Err(refusal) => return (refusal, Freshness::default()),
            };
            match self
                .api
                .freshness
                .ensure(request, self.is_stream, route.shown, asked)
                .await
            {
                Ok(met) => (prepared().await, met),
                Err(problem) => (HttpResponse::from_error(problem), Freshness::default()),
            }
        })
        .await
    }

    fn end(mut self, response: HttpResponse, freshness: Freshness) -> ServiceResponse {
        self.is_answered = true;
        let method = self.request.method();
        let status = response.status();
        trace::end(&self.span, status);
        let is_quiet = method.is_safe() && (status.is_success() || status == StatusCode::NOT_MODIFIED);
        let mut response = if is_quiet && !tracing::enabled!(tracing::Level::DEBUG) {
            response
        } else {
            let of_error = self.span.is_none().then(|| span_of(&self.id));
            of_error.as_ref().unwrap_or(&self.span).in_scope(|| {
                let response = as_problem(response, &self.id);
                let (path, status) = (self.request.path(), response.status());
                log(method, path, status, is_quiet, self.started);
                response
            })
        };
        let took = self.started.elapsed();
        self.count(response.status(), took);
        // What is the server's own shows nothing that could be old.
        if self.is_synced && self.route.as_ref().is_none_or(|route| !route.is_own) {
            let now = self.started + took;
            let headers = response.headers_mut();
            self.api
                .freshness
                .add_headers(&self.request, headers, freshness, now);
        }
        protocol::decline_upgrade(&self.request, &mut response);
        // Its copy would take an allocation.
        let id = mem::replace(&mut self.id, HeaderValue::from_static(""));
        response.headers_mut().insert(REQUEST_ID, id);
        ServiceResponse::new(self.request.clone(), response)
    }

    fn count(&self, status: StatusCode, took: Duration) {
        match &self.route {
            Some(route) => route.metrics.answered(status, took),
            None => self.api.metrics.unrouted(self.request.method(), status, took),
        }
    }
}

impl Way {
    fn refused(problem: Problem) -> Self {
        Self::Ended(HttpResponse::from_error(problem))
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
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // Half of what the conversion of numbers takes. Digits are a header's value in any case.
    HeaderValue::from_str(itoa::Buffer::new().format(number)).unwrap_or_else(|_| HeaderValue::from(number))
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
    let (status, microseconds) = (status.as_u16(), microseconds(started.elapsed()));
    if is_quiet {
        tracing::debug!(%method, path, status, microseconds, "request");
    } else {
        tracing::info!(%method, path, status, microseconds, "request");
    }
}

fn microseconds(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
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
