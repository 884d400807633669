//! A tenant's loans: reads, borrowing and returning.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use bookshelf_http::Repository;
use bookshelf_http::extract::{Idempotency, Request, TenantId};
use bookshelf_http::loans;
use bookshelf_http::openapi::{EventStream, LastEventIdOfBoth};
use bookshelf_http::page::Page;
use bookshelf_http::problem::{Code, Problem};
use bookshelf_http::route::Reply;

use bookshelf_http::view::{self, LoanList, LoanView};

/// The loans of the tenant
///
/// Sorted by the book's id. With `Accept: text/event-stream`: the list, then the changes of its members.
#[utoipa::path(
    get,
    path = "/loan/{namespace}",
    operation_id = "list_loans",
    tag = "loans",
    params(TenantId, Page, LastEventIdOfBoth),
    responses((
        status = 200,
        description = "The loans; none if the namespace does not exist",
        content(
            (LoanList = "application/json"),
            (EventStream = "text/event-stream", example = json!(view::loan_events()))
        )
    )),
    extensions(("x-problems" = json!([Code::NotFound])))
)]
pub(crate) fn list(request: &Request, tenant: &TenantId, page: &Page) -> Result<Reply, Problem> {
    request.namespace()?;
    loans::list(request, Some(tenant.tenant()?.into()), page)
}

/// Answers [`list`] with a stream.
pub(crate) fn stream(request: &Request, tenant: &TenantId, page: &Page) -> Result<Reply, Problem> {
    request.namespace()?;
    Ok(loans::stream(request, Some(tenant.tenant()?.into()), page))
}

/// A loan of the tenant
#[utoipa::path(
    get,
    path = "/loan/{namespace}/{id}",
    operation_id = "get_loan",
    tag = "loans",
    params(TenantId),
    responses((status = 200, description = "The loan", body = LoanView)),
    extensions(("x-problems" = json!([Code::NotFound])))
)]
pub(crate) fn get(request: &Request, tenant: &TenantId) -> Result<Reply, Problem> {
    let loan = request
        .repository()?
        .loan_to(request.book_key()?, tenant.tenant()?)?;
    Ok(view::loan(&loan.value).answer(request).into())
}

/// Borrows a book
///
/// An `Idempotency-Key` belongs to its tenant: the same key from another tenant is another request.
#[utoipa::path(
    post,
    path = "/book/{namespace}/{id}/borrow",
    operation_id = "borrow_book",
    tag = "loans",
    params(TenantId, Idempotency),
    responses((status = 201, description = "The loan", body = LoanView)),
    extensions(("x-problems" = json!([
        Code::NotFound,
        Code::AlreadyBorrowed,
        Code::BeingDeleted,
        Code::NamespaceTerminating,
        Code::UpdateConflict,
        Code::KeyReused,
        Code::Rejected,
    ])))
)]
pub(crate) async fn borrow(
    books: Data<Repository>,
    request: Request,
    tenant: TenantId,
    idempotency: Idempotency,
) -> Result<HttpResponse, Problem> {
    let key = request.book_key()?;
    let loan = books.borrow(key, tenant.tenant()?, idempotency.key()?).await?;
    Ok(view::loan(&loan).answer_with(StatusCode::CREATED))
}

/// Returns a book
///
/// Also succeeds if there is no loan.
#[utoipa::path(
    post,
    path = "/book/{namespace}/{id}/return",
    operation_id = "return_book",
    tag = "loans",
    params(TenantId),
    responses((status = 204, description = "The tenant does not have the book")),
    extensions(("x-problems" = json!([
        Code::Forbidden,
        Code::NotFound,
        Code::UpdateConflict,
        Code::Rejected,
    ])))
)]
pub(crate) async fn return_book(
    books: Data<Repository>,
    request: Request,
    tenant: TenantId,
) -> Result<HttpResponse, Problem> {
    let key = request.book_key()?;
    books.return_book(key, tenant.tenant()?).await?;
    Ok(HttpResponse::NoContent().finish())
}
