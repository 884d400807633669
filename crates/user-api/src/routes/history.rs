//! The history of a tenant's loans.

use bookshelf_http::extract::{Request, TenantId};
use bookshelf_http::history::{self, History, HistoryQuery, JsonLines, OwnHistory, Part, json_lines};
use bookshelf_http::page::Page;
use bookshelf_http::problem::{Code, Problem};
use bookshelf_http::route::Reply;
use bookshelf_store::repository::HistoryFilter;

/// The tenant's history of a book
///
/// The events of the tenant's loans of the book, newest first, including those of earlier books with this id. With
/// `Accept: application/x-ndjson`, all of them, one per line.
#[utoipa::path(
    get,
    path = "/book/{namespace}/{id}/history",
    operation_id = "get_book_history",
    tag = "history",
    params(TenantId, Page),
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
pub(crate) fn of_book(request: &Request, own: &OwnHistory, part: &Part) -> Result<Reply, Problem> {
    answer(request, own, HistoryFilter::of_book(request.book_key()?), part)
}

/// The history of the tenant's loans
///
/// Newest first. With `Accept: application/x-ndjson`, all events, one per line.
#[utoipa::path(
    get,
    path = "/history/{namespace}",
    operation_id = "list_history",
    tag = "history",
    params(TenantId, HistoryQuery, Page),
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
    own: &OwnHistory,
    query: &HistoryQuery,
    part: &Part,
) -> Result<Reply, Problem> {
    answer(request, own, query.filter(), part)
}

fn answer(
    request: &Request,
    OwnHistory(tenant): &OwnHistory,
    filter: HistoryFilter<'_>,
    part: &Part,
) -> Result<Reply, Problem> {
    let namespace = request.namespace()?;
    let tenant = tenant.tenant()?;
    let filter = HistoryFilter {
        borrowed_by: Some(tenant.as_str()),
        ..filter
    };
    let records = request.repository()?.history_of(namespace, tenant, &filter)?;
    history::answer(request, part, &filter, records)
}
