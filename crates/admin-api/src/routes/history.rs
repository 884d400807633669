//! The history of books and loans.

use actix_web::HttpResponse;
use actix_web::web::Data;
use bookshelf_http::Repository;
use bookshelf_http::extract::{Query, Request};
use bookshelf_http::history::{self, Erasure, History, HistoryQuery, JsonLines, Part, json_lines};
use bookshelf_http::page::Page;
use bookshelf_http::problem::{Code, Problem};
use bookshelf_http::route::Reply;

/// The history of a book
///
/// What happened to the books of this id and to their loans, newest first, those of earlier books of this id included. With
/// `Accept: application/x-ndjson` all of it, a line for each event.
#[utoipa::path(
    get,
    path = "/book/{namespace}/{id}/history",
    operation_id = "get_book_history",
    tag = "history",
    params(Page),
    responses((
        status = 200,
        description = "The events; none if there are none",
        content(
            (History = "application/json"),
            (JsonLines = "application/x-ndjson", example = json!(json_lines()))
        )
    )),
    extensions(("x-problems" = json!([Code::NotFound])))
)]
pub(crate) fn of_book(request: &Request, part: &Part) -> Result<Reply, Problem> {
    let key = request.book_key()?;
    let records = request.repository()?.book_history(key)?;
    Ok(history::answer(request, part, key.id(), records)?.into())
}

/// The history of a namespace
///
/// Newest first. With `Accept: application/x-ndjson` all of it, a line for each event.
#[utoipa::path(
    get,
    path = "/history/{namespace}",
    operation_id = "list_history",
    tag = "history",
    params(HistoryQuery, Page),
    responses((
        status = 200,
        description = "The events; none if there are none",
        content(
            (History = "application/json"),
            (JsonLines = "application/x-ndjson", example = json!(json_lines()))
        )
    )),
    extensions(("x-problems" = json!([Code::NotFound])))
)]
pub(crate) fn list(request: &Request, query: &HistoryQuery, part: &Part) -> Result<Reply, Problem> {
    let records = request
        .repository()?
        .history(request.namespace()?, &query.filter())?;
    Ok(history::answer(request, part, &query.name(), records)?.into())
}

/// Blanks a tenant's name in the history
///
/// In the events of loans that have ended; the events stay.
#[utoipa::path(
    delete,
    path = "/history/{namespace}",
    operation_id = "erase_from_history",
    tag = "history",
    params(Erasure),
    responses((status = 204, description = "The name is blanked, or was not there")),
    extensions(("x-problems" = json!([Code::NotFound, Code::UpdateConflict, Code::Rejected])))
)]
pub(crate) async fn erase(
    books: Data<Repository>,
    request: Request,
    query: Query<Erasure>,
) -> Result<HttpResponse, Problem> {
    books
        .erase_from_history(request.namespace()?, query.0.tenant()?)
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
