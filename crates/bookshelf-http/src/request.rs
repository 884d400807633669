//! What every request gets: an id, a line in the log, and errors in one form.

use std::fmt::Write as _;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::web::Data;
use futures::future::Either;
use tracing::{Instrument as _, Span};

use crate::problem::{Code, Problem};
use crate::route;
use crate::serve::Readiness;

/// The header that carries a request's id, both ways.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives a request its id, taken over or made; logs it; turns every error into a problem document. For
/// [`App::wrap_fn`](actix_web::App::wrap_fn).
///
/// The id is on every log line that the request causes, in the response, and in every error. Failures and
/// everything that is not a successful read are logged at info, successful reads at debug.
pub fn observe<S, B>(
    request: ServiceRequest,
    service: &S,
) -> impl Future<Output = Result<ServiceResponse<BoxBody>, Error>> + use<S, B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    let started = Instant::now();
    let method = request.method().clone();
    let id = request_id(&request);
    // A read that goes well says nothing at info, so that it is not charged for a span either.
    let span = if method.is_safe() {
        Span::none()
    } else {
        span_of(&id)
    };
    let is_synced = request
        .app_data::<Data<Readiness>>()
        .is_none_or(|readiness| readiness.is_synced());
    // Before the first sync, that a book is not in the cache says nothing. That we are here can be said.
    let answer = if is_synced || request.path() == route::HEALTH {
        Either::Left(service.call(request).instrument(span.clone()))
    } else {
        Either::Right(request.error_response(Problem::unavailable("the books are not loaded yet")))
    };
    async move {
        let response = match answer {
            Either::Left(answer) => answer.await?.map_into_boxed_body(),
            Either::Right(refusal) => refusal,
        };
        let is_quiet = method.is_safe() && response.status().is_success();
        let mut response = if is_quiet && !tracing::enabled!(tracing::Level::DEBUG) {
            response
        } else {
            let span = if span.is_none() { span_of(&id) } else { span };
            span.in_scope(|| {
                let response = as_problem(response, &id);
                log(
                    &method,
                    response.request().path(),
                    response.status(),
                    is_quiet,
                    started,
                );
                response
            })
        };
        response.headers_mut().insert(REQUEST_ID, id);
        Ok(response)
    }
}

fn span_of(id: &HeaderValue) -> Span {
    tracing::info_span!("request", request_id = id.to_str().unwrap_or_default())
}

/// Takes an id over that is 1–128 visible ASCII characters; makes one otherwise.
fn request_id(request: &ServiceRequest) -> HeaderValue {
    let given = request.headers().get(REQUEST_ID);
    let is_usable =
        |id: &&HeaderValue| (1..=128).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic);
    given.filter(is_usable).cloned().unwrap_or_else(new_id)
}

/// An id of this process's own: its random number, and which request this is.
fn new_id() -> HeaderValue {
    static PROCESS: LazyLock<u64> = LazyLock::new(|| uuid::Uuid::new_v4().as_u64_pair().0);
    static REQUESTS: AtomicU64 = AtomicU64::new(0);
    let mut id = String::with_capacity(32);
    // Writing to a string does not fail.
    let _ = write!(
        id,
        "{:016x}-{:x}",
        *PROCESS,
        REQUESTS.fetch_add(1, Ordering::Relaxed)
    );
    HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

fn as_problem(response: ServiceResponse<BoxBody>, id: &HeaderValue) -> ServiceResponse<BoxBody> {
    let id = id.to_str().unwrap_or_default();
    let Some(error) = response.response().error() else {
        return response;
    };
    let rendered = match error.as_error::<Problem>() {
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
    };
    response.into_response(rendered)
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
