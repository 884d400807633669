//! Errors in one format.

use actix_web::HttpResponse;
use actix_web::http::header::HeaderValue;

use crate::problem::{Code, Problem};

/// Returns the response, with its error, if any, as a problem document with the id of the request. Logs the cause.
pub(super) fn as_problem(response: HttpResponse, id: &HeaderValue) -> HttpResponse {
    let id = id.to_str().unwrap_or_default();
    let Some(error) = response.error() else {
        return response;
    };
    match error.as_error::<Problem>() {
        Some(problem) => {
            if let Some(cause) = problem.cause() {
                if response.status().is_client_error() {
                    tracing::info!(cause, "{problem}");
                } else {
                    tracing::warn!(cause, "{problem}");
                }
            }
            problem.to_response(id)
        }
        // Errors of actix-web itself: a path or header that it cannot read.
        None if response.status().is_client_error() => {
            Problem::new(Code::InvalidRequest, error.to_string()).to_response(id)
        }
        None => {
            tracing::error!(%error, "unexpected error");
            Problem::new(Code::Internal, "internal error").to_response(id)
        }
    }
}
