//! The history of a tenant's loans.

use bookshelf_http::extract::{Request, TenantId};
use bookshelf_http::history::{self, History, JsonLines, OfTenant, OwnPart, Part, json_lines};
use bookshelf_http::page::Page;
use bookshelf_http::problem::{Code, Problem};
use bookshelf_http::route::Reply;
use bookshelf_store::repository::HistoryFilter;

/// The tenant's history of a book
///
/// The events of the tenant's loans of this book id, newest first, those of earlier books of this id included. With
/// `Accept: application/x-ndjson` all of them, a line each.
#[utoipa::path(
    get,
    path = "/book/{namespace}/{id}/history",
    operation_id = "get_book_history",
    tag = "history",
    params(TenantId, Page),
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
pub(crate) fn of_book(request: &Request, tenant: &TenantId, part: &OwnPart) -> Result<Reply, Problem> {
    let OwnPart(part) = part;
    let key = request.book_key()?;
    let filter = HistoryFilter {
        book_id: Some(key.id()),
        ..HistoryFilter::default()
    };
    let records = request
        .repository()?
        .history_of(request.namespace()?, tenant.tenant()?, &filter)?;
    let name = format!("{} {}", key.id(), tenant.tenant()?.as_str());
    Ok(history::answer(request, part, &name, records)?.into())
}

/// The history of the tenant's loans
///
/// Newest first. With `Accept: application/x-ndjson` all of it, a line for each event.
#[utoipa::path(
    get,
    path = "/history/{namespace}",
    operation_id = "list_history",
    tag = "history",
    params(TenantId, OfTenant, Page),
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
pub(crate) fn list(request: &Request, tenant: &TenantId, query: &Listed) -> Result<Reply, Problem> {
    let Listed(query, part) = query;
    let records =
        request
            .repository()?
            .history_of(request.namespace()?, tenant.tenant()?, &query.filter())?;
    let name = format!("{} {}", query.name(), tenant.tenant()?.as_str());
    Ok(history::answer(request, part, &name, records)?.into())
}

/// The filters of a list, and the part of it.
pub(crate) struct Listed(OfTenant, Part);

impl bookshelf_http::extract::FromHead for Listed {
    fn from_head(request: &Request) -> Result<Self, Problem> {
        Ok(Self(OfTenant::from_head(request)?, Part::from_head(request)?))
    }
}
