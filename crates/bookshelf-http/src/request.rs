//! What every request gets: an id, a line in the log, and errors in one form.

use std::time::Instant;

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::problem::{Code, Problem};

/// The header that carries a request's id, both ways.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives a request its id, taken over or made; logs it; turns every error into a problem document.
///
/// The id is on every log line that the request causes, in the response, and in every error. Failures and
/// everything that is not a successful read are logged at info, successful reads at debug.
pub async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let id = request_id(&request);
    let span = tracing::info_span!("request", request_id = id.to_str().unwrap_or_default());
    let response = async {
        let method = request.method().clone();
        let path = request.path().to_owned();
        let response = next.call(request).await?.map_into_boxed_body();
        let response = as_problem(response, id.to_str().unwrap_or_default());
        log(&method, &path, &response, started);
        Ok::<_, Error>(response)
    };
    let mut response = response.instrument(span).await?;
    response.headers_mut().insert(REQUEST_ID, id);
    Ok(response)
}

/// Takes an id over that is 1–128 visible ASCII characters; makes one otherwise.
fn request_id(request: &ServiceRequest) -> HeaderValue {
    let given = request.headers().get(REQUEST_ID);
    let is_usable =
        |id: &&HeaderValue| (1..=128).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic);
    given.filter(is_usable).cloned().unwrap_or_else(|| {
        let mut buffer = Uuid::encode_buffer();
        let id = Uuid::new_v4().hyphenated().encode_lower(&mut buffer);
        HeaderValue::from_str(id).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
    })
}

fn as_problem(response: ServiceResponse<BoxBody>, request_id: &str) -> ServiceResponse<BoxBody> {
    let Some(error) = response.response().error() else {
        return response;
    };
    let rendered = match error.as_error::<Problem>() {
        Some(problem) => {
            if let Some(cause) = problem.cause() {
                tracing::warn!(cause, "{problem}");
            }
            problem.to_response(request_id)
        }
        // actix's own errors: a path or header it could not make sense of.
        None if response.status().is_client_error() => {
            Problem::new(Code::InvalidRequest, error.to_string()).to_response(request_id)
        }
        None => {
            tracing::error!(%error, "unexpected error");
            Problem::new(Code::Internal, "internal error").to_response(request_id)
        }
    };
    response.into_response(rendered)
}

fn log(method: &actix_web::http::Method, path: &str, response: &ServiceResponse<BoxBody>, started: Instant) {
    let status = response.status().as_u16();
    let microseconds = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    if response.status().is_success() && method.is_safe() {
        tracing::debug!(%method, path, status, microseconds, "request");
    } else {
        tracing::info!(%method, path, status, microseconds, "request");
    }
}
