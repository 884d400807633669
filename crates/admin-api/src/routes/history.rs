//! The history of books and loans.

use actix_web::HttpResponse;
use actix_web::web::Data;
use bookshelf_http::Repository;
use bookshelf_http::extract::{Query, Request};
use bookshelf_http::history::{
    self, Erasure, History, HistoryQuery, JsonLines, Part, TenantQuery, json_lines,
};
use bookshelf_http::page::Page;
use bookshelf_http::problem::{Code, Problem};
use bookshelf_http::route::Reply;
use bookshelf_store::repository::HistoryFilter;

/// The history of a book
///
/// The events of the book and its loans, newest first, including earlier books with this id. With
/// `Accept: application/x-ndjson`, all of them, one per line.
#[utoipa::path(
    get,
    path = "/book/{namespace}/{id}/history",
    operation_id = "get_book_history",
    tag = "history",
    params(Page),
    responses((
        status = 200,
        description = "The events; empty if there are none",
        content(
            (History = "application/json"),
            (JsonLines = "application/x-ndjson", example = json!(json_lines()))
        )
    )),
    extensions(("x-problems" = json!([Code::NotFound])))
)]
pub(crate) fn of_book(request: &Request, part: &Part) -> Result<Reply, Problem> {
    answer(request, &HistoryFilter::of_book(request.book_key()?), part)
}

/// The history of a namespace
///
/// Newest first. With `Accept: application/x-ndjson`, all events, one per line.
#[utoipa::path(
    get,
    path = "/history/{namespace}",
    operation_id = "list_history",
    tag = "history",
    params(TenantQuery, HistoryQuery, Page),
    responses((
        status = 200,
        description = "The events; empty if there are none",
        content(
            (History = "application/json"),
            (JsonLines = "application/x-ndjson", example = json!(json_lines()))
        )
    )),
    extensions(("x-problems" = json!([Code::NotFound])))
)]
pub(crate) fn list(
    request: &Request,
    tenant: &TenantQuery,
    query: &HistoryQuery,
    part: &Part,
) -> Result<Reply, Problem> {
    let filter = HistoryFilter {
        borrowed_by: tenant.borrowed_by(),
        ..query.filter()
    };
    answer(request, &filter, part)
}

fn answer(request: &Request, filter: &HistoryFilter<'_>, part: &Part) -> Result<Reply, Problem> {
    let records = request.repository()?.history(request.namespace()?, filter)?;
    history::answer(request, part, filter, records)
}

/// Blanks a tenant's name in the history
///
/// Only in the events of ended loans. The events stay.
#[utoipa::path(
    delete,
    path = "/history/{namespace}",
    operation_id = "erase_from_history",
    tag = "history",
    params(Erasure),
    responses((status = 204, description = "The name is blanked, or did not occur")),
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
