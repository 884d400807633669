//! Loans: reads, and taking a book back.

use actix_web::HttpResponse;
use actix_web::web::Data;
use bookshelf_http::Repository;
use bookshelf_http::extract::{FromHead, Parameters, Preconditions, Request};
use bookshelf_http::loans;
use bookshelf_http::openapi::{EventStream, LastEventIdOfBoth, fields};
use bookshelf_http::page::Page;
use bookshelf_http::problem::{Code, Problem};
use bookshelf_http::route::Reply;
use bookshelf_store::repository::Borrower;
use utoipa::IntoParams;

use bookshelf_http::view::{self, LoanList, LoanView};

/// The query string of a list.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Only the loans of this borrower.
    #[param(required = false, schema_with = fields::borrower_filter)]
    borrowed_by: String,
}

impl FromHead for ListQuery {
    fn from_head(request: &Request) -> Result<Self, Problem> {
        let parameters = Parameters::of(request)?;
        let borrowed_by = parameters.get("borrowed_by")?.unwrap_or_default().to_owned();
        Ok(Self { borrowed_by })
    }
}

/// The loans of a namespace
///
/// Sorted by the book's id. With `Accept: text/event-stream`: the list, then the changes of its members.
#[utoipa::path(
    get,
    path = "/loan/{namespace}",
    operation_id = "list_loans",
    tag = "loans",
    params(ListQuery, Page, LastEventIdOfBoth),
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
pub(crate) fn list(request: &Request, query: &ListQuery, page: &Page) -> Result<Reply, Problem> {
    loans::list(request, Borrower::parse(&query.borrowed_by), page)
}

/// Answers [`list`] with a stream.
#[expect(clippy::unnecessary_wraps, reason = "handlers have one signature")]
pub(crate) fn stream(request: &Request, query: &ListQuery, page: &Page) -> Result<Reply, Problem> {
    Ok(loans::stream(request, Borrower::parse(&query.borrowed_by), page))
}

/// The loan of a book
#[utoipa::path(
    get,
    path = "/loan/{namespace}/{id}",
    operation_id = "get_loan",
    tag = "loans",
    responses((status = 200, description = "The loan", body = LoanView)),
    extensions(("x-problems" = json!([Code::NotFound])))
)]
pub(crate) fn get(request: &Request) -> Result<Reply, Problem> {
    let loan = request.repository()?.loan(request.book_key()?)?;
    Ok(view::loan(&loan.value).answer(request).into())
}

/// Takes a book back from its borrower
#[utoipa::path(
    delete,
    path = "/loan/{namespace}/{id}",
    operation_id = "delete_loan",
    tag = "loans",
    params(Preconditions),
    responses((status = 204, description = "The loan has ended")),
    extensions(("x-problems" = json!([
        Code::NotFound,
        Code::UpdateConflict,
        Code::PreconditionFailed,
        Code::Rejected,
    ])))
)]
pub(crate) async fn delete(
    books: Data<Repository>,
    request: Request,
    expected: Preconditions,
) -> Result<HttpResponse, Problem> {
    books.delete_loan(request.book_key()?, &expected.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
