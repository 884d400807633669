//! The routes of the service itself, which every API has: its health, its documentation and its web page.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use utoipa::ToSchema;

use crate::extract::Request;
use crate::openapi::Description;
use crate::problem::Problem;
use crate::read;
use crate::route::{Reply, Right, Routes};
use crate::{answer, docs, ui};

/// Returns the routes of the service itself, for an API to add its own.
#[must_use]
pub fn routes() -> Routes {
    Routes::default()
        .route(read!(health, Right::PUBLIC))
        .route(read!(openapi, Right::PUBLIC))
        .route(read!(docs::page, Right::PUBLIC))
        .route(read!(docs::file, Right::PUBLIC))
        .route(read!(ui::page, Right::PUBLIC))
        .route(read!(ui::file, Right::PUBLIC))
}

/// The health of the API
///
/// Its readiness (`/readyz`) and metrics (`/metrics`) are on the operations port.
#[utoipa::path(
    get,
    path = "/health",
    tag = "service",
    responses((status = 200, description = "The API answers", body = Health))
)]
#[expect(clippy::unnecessary_wraps, reason = "handlers have one signature")]
fn health(_: &Request) -> Result<Reply, Problem> {
    let body = Bytes::from_static(br#"{"status":"ok"}"#);
    Ok(answer::json(StatusCode::OK, body).into())
}

/// The health of the API.
#[derive(ToSchema)]
#[schema(example = json!({"status": "ok"}))]
#[expect(dead_code, reason = "the answer is written out")]
struct Health {
    /// Always `ok`.
    #[schema(pattern = "^ok$")]
    status: &'static str,
}

/// This document
///
/// OpenAPI 3.1, for tools; `/docs` shows it to people.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "get_openapi",
    tag = "service",
    responses(
        (status = 200, description = "The document", body = Object),
        (status = 304, description = "`If-None-Match` names the current entity tag"),
    )
)]
fn openapi(request: &Request) -> Result<Reply, Problem> {
    let description = request.data::<Description>()?;
    let response: HttpResponse = description.document().answer(request);
    Ok(response.into())
}
