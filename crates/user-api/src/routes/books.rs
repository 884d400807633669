//! Books, to look at.

use std::sync::Arc;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use bookshelf_http::Repository;
use bookshelf_http::extract::{FromQuery, Parameters, Query, book_key, book_path, namespace};
use bookshelf_http::list::{self, Lists, Name};
use bookshelf_http::openapi::{EventStream, LastEventIdOfBoth, fields};
use bookshelf_http::page::Page;
use bookshelf_http::problem::{Code, Problem};
use bookshelf_http::stream;
use bookshelf_store::repository::{Category, Namespace, Place};
use utoipa::IntoParams;

use crate::view;
use crate::view::{BookList, BookView};

/// The query string of a list.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Only the books of this category.
    #[param(required = false, schema_with = fields::category_filter)]
    category_id: String,
}

impl FromQuery for ListQuery {
    fn from_query(parameters: &Parameters<'_>) -> Result<Self, Problem> {
        let category_id = parameters.get("category_id")?.unwrap_or_default().to_owned();
        Ok(Self { category_id })
    }
}

/// The books of a namespace
///
/// Sorted by id. With `Accept: text/event-stream` the list is followed by what happens to its members.
#[utoipa::path(
    get,
    path = "/book/{namespace}",
    operation_id = "list_books",
    tag = "books",
    params(ListQuery, Page, LastEventIdOfBoth),
    responses((
        status = 200,
        description = "The books; none where there is no such namespace",
        content(
            (BookList = "application/json"),
            (EventStream = "text/event-stream", example = json!(view::book_events()))
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
    answer_list(&books, &lists, &request, Some(namespace), &query.0, &page).await
}

/// The books of all namespaces
///
/// Sorted by namespace, then id. With `Accept: text/event-stream` the list is followed by what happens to its members.
#[utoipa::path(
    get,
    path = "/book",
    operation_id = "list_all_books",
    tag = "books",
    params(ListQuery, Page, LastEventIdOfBoth),
    responses((
        status = 200,
        description = "The books",
        content(
            (BookList = "application/json"),
            (EventStream = "text/event-stream", example = json!(view::book_events()))
        )
    ))
)]
pub(crate) async fn list_all(
    books: Data<Repository>,
    lists: Data<Lists>,
    request: HttpRequest,
    query: Query<ListQuery>,
    page: Page,
) -> Result<HttpResponse, Problem> {
    answer_list(&books, &lists, &request, None, &query.0, &page).await
}

async fn answer_list(
    books: &Arc<Repository>,
    lists: &Lists,
    request: &HttpRequest,
    namespace: Option<Namespace<'_>>,
    query: &ListQuery,
    page: &Page,
) -> Result<HttpResponse, Problem> {
    if stream::is_asked_for(request) {
        let category = Category::parse(&query.category_id)?;
        let begin = books.book_stream(namespace, category, true, stream::last_event_id(request));
        return stream::answer(request, page, begin, view::streamed_book).await;
    }
    books_of(books, lists, request, namespace, query, page)
}

/// The answer to [`list`], from memory.
pub(crate) fn listed(request: &HttpRequest) -> Option<Result<HttpResponse, Problem>> {
    list::at_once(request, |books: &Repository, lists, query, page| {
        books_of(books, lists, request, Some(namespace(request)?), query, page)
    })
}

/// The answer to [`list_all`], from memory.
pub(crate) fn all_listed(request: &HttpRequest) -> Option<Result<HttpResponse, Problem>> {
    list::at_once(request, |books: &Repository, lists, query, page| {
        books_of(books, lists, request, None, query, page)
    })
}

fn books_of(
    books: &Repository,
    lists: &Lists,
    request: &HttpRequest,
    namespace: Option<Namespace<'_>>,
    ListQuery { category_id }: &ListQuery,
    page: &Page,
) -> Result<HttpResponse, Problem> {
    let category = Category::parse(category_id)?;
    let list = books
        .books(namespace, category)?
        .after(page.after(namespace)?)
        .with_loans();
    let name = Name {
        of: "books",
        namespace: namespace.map_or("", Namespace::as_str),
        filter: category_id,
    };
    Ok(lists.answer(request, page, name, list.generation(), || {
        list.iter()
            .map(|(book, loan)| (view::lent(&book.value.view, loan), Place::of(book)))
    }))
}

/// A book
#[utoipa::path(
    get,
    path = "/book/{namespace}/{id}",
    operation_id = "get_book",
    tag = "books",
    responses((status = 200, description = "The book", body = BookView)),
    extensions(("x-problems" = json!([Code::NotFound])))
)]
pub(crate) async fn get(books: Data<Repository>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    if let Some(answer) = cached(&request) {
        return answer;
    }
    let whole = books.live_book(book_key(&request)?).await?;
    // That one may be a later book of the name, which the cached one's loan is not of.
    let loan = books.loan_of(&whole);
    Ok(view::lent(&view::book(&whole), loan.as_deref()).answer(&request))
}

/// The answer to [`get`], if the cache has all of it.
pub(crate) fn cached(request: &HttpRequest) -> Option<Result<HttpResponse, Problem>> {
    let books = request.app_data::<Data<Repository>>()?;
    let (namespace, id) = book_path(request);
    let shown = books.show_lent_book(namespace, id, |book, loan| {
        let cached = view::lent(&book.value.view, loan);
        let is_whole = books.caches_descriptions() || cached.is_known_to(request);
        is_whole.then(|| cached.answer(request))
    });
    shown.map_err(Problem::from).transpose()
}
