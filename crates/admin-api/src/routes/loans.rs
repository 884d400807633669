//! Loans: who has which book, and taking one back.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use bookshelf_http::Repository;
use bookshelf_http::extract::{FromQuery, Parameters, Preconditions, Query, book_key, namespace};
use bookshelf_http::list::{Lists, Name};
use bookshelf_http::openapi::{EventStream, LastEventIdOfBoth, fields};
use bookshelf_http::page::Page;
use bookshelf_http::problem::{Code, Problem};
use bookshelf_http::stream;
use bookshelf_store::repository::{Borrower, Place};
use utoipa::IntoParams;

use bookshelf_http::view::{self, LoanList, LoanView};

/// The query string of a list.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Only the loans of whom they name so.
    #[param(required = false, schema_with = fields::borrower_filter)]
    borrowed_by: String,
}

impl FromQuery for ListQuery {
    fn from_query(parameters: &Parameters<'_>) -> Result<Self, Problem> {
        let borrowed_by = parameters.get("borrowed_by")?.unwrap_or_default().to_owned();
        Ok(Self { borrowed_by })
    }
}

/// The loans of a namespace
///
/// Sorted by the book's id. With `Accept: text/event-stream` the list is followed by what happens to its members.
#[utoipa::path(
    get,
    path = "/loan/{namespace}",
    operation_id = "list_loans",
    tag = "loans",
    params(ListQuery, Page, LastEventIdOfBoth),
    responses((
        status = 200,
        description = "The loans; none where there is no such namespace",
        content(
            (LoanList = "application/json"),
            (EventStream = "text/event-stream", example = json!(view::loan_events()))
        )
    )),
    extensions(("x-problems" = json!([Code::NotFound])))
)]
pub(crate) async fn list(
    books: Data<Repository>,
    lists: Data<Lists>,
    request: HttpRequest,
    query: Query<ListQuery>,
    page: Page,
) -> Result<HttpResponse, Problem> {
    let namespace = namespace(&request)?;
    let borrower = Borrower::parse(&query.0.borrowed_by);
    if stream::is_asked_for(&request) {
        let begin = books.loan_stream(namespace, borrower, stream::last_event_id(&request));
        return stream::answer(&request, &page, begin, view::streamed_loan).await;
    }
    let list = books
        .loans(namespace, borrower)?
        .after(page.after(Some(namespace))?);
    let name = Name {
        of: "loans",
        namespace: namespace.as_str(),
        filter: &query.0.borrowed_by,
    };
    Ok(lists.answer(&request, &page, name, list.generation(), || {
        list.iter()
            .map(|entry| (view::loan(&entry.value), Place::of(entry)))
    }))
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
pub(crate) async fn get(books: Data<Repository>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let loan = books.loan(book_key(&request)?)?;
    Ok(view::loan(&loan.value).answer(&request))
}

/// Takes a book back, whoever has it
#[utoipa::path(
    delete,
    path = "/loan/{namespace}/{id}",
    operation_id = "delete_loan",
    tag = "loans",
    params(Preconditions),
    responses((status = 204, description = "The loan is over")),
    extensions(("x-problems" = json!([
        Code::NotFound,
        Code::UpdateConflict,
        Code::PreconditionFailed,
        Code::Rejected,
    ])))
)]
pub(crate) async fn delete(
    books: Data<Repository>,
    request: HttpRequest,
    expected: Preconditions,
) -> Result<HttpResponse, Problem> {
    books.delete_loan(book_key(&request)?, &expected.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
