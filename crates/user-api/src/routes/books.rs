//! Books: reads.

use bookshelf_http::books::ListQuery;
use bookshelf_http::extract::Request;
use bookshelf_http::openapi::{EventStream, LastEventIdOfBoth};
use bookshelf_http::problem::{Code, Problem};
use bookshelf_http::route::Reply;
use bookshelf_store::repository::Place;

use crate::view;
use crate::view::{BookList, BookView};

/// The books of a namespace
///
/// Sorted by id. With `Accept: text/event-stream`: the list, then the changes of its members.
#[utoipa::path(
    get,
    path = "/book/{namespace}",
    operation_id = "list_books",
    tag = "books",
    params(ListQuery, LastEventIdOfBoth),
    responses((
        status = 200,
        description = "The books; none if the namespace does not exist",
        content(
            (BookList = "application/json"),
            (EventStream = "text/event-stream", example = json!(view::book_events()))
        )
    )),
    extensions(("x-problems" = json!([Code::NotFound])))
)]
pub(crate) fn list(request: &Request, query: &ListQuery) -> Result<Reply, Problem> {
    list_of(request, query)
}

/// The books of all namespaces
///
/// Sorted by namespace, then id. With `Accept: text/event-stream`: the list, then the changes of its members.
#[utoipa::path(
    get,
    path = "/book",
    operation_id = "list_all_books",
    tag = "books",
    params(ListQuery, LastEventIdOfBoth),
    responses((
        status = 200,
        description = "The books",
        content(
            (BookList = "application/json"),
            (EventStream = "text/event-stream", example = json!(view::book_events()))
        )
    ))
)]
pub(crate) fn list_all(request: &Request, query: &ListQuery) -> Result<Reply, Problem> {
    list_of(request, query)
}

fn list_of(request: &Request, query: &ListQuery) -> Result<Reply, Problem> {
    let namespaces = request.namespaces()?;
    let list = query.list(request.repository()?, namespaces)?.with_loans();
    query.reply(request, namespaces, list.generation(), || {
        list.iter()
            .map(|(book, loan)| (view::lent(&book.value.view, loan), Place::of(book)))
    })
}

/// Answers [`list`] and [`list_all`] with a stream.
#[expect(clippy::unnecessary_wraps, reason = "handlers have one signature")]
pub(crate) fn stream(request: &Request, query: &ListQuery) -> Result<Reply, Problem> {
    Ok(query.stream(request, true, view::streamed_book))
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
pub(crate) fn get(request: &Request) -> Result<Reply, Problem> {
    let books = request.repository()?;
    let (namespace, id) = request.raw_book_key();
    let cached = books.show_lent_book(namespace, id, |book, loan| {
        let cached = view::lent(&book.value.view, loan);
        let is_whole = books.caches_descriptions() || cached.is_known_to(request);
        is_whole.then(|| cached.answer(request))
    })?;
    Ok(match cached {
        Some(response) => response.into(),
        None => get_live(request.clone()),
    })
}

/// Answers [`get`] with a live read, since the cache does not have the whole book.
fn get_live(request: Request) -> Reply {
    Reply::later(async move {
        let books = request.repository()?;
        let book = books.live_book(request.book_key()?).await?;
        // The book may be a later one with this name, to which the loan of the cached one does not belong.
        let loan = books.loan_of(&book);
        Ok(view::lent(&view::book(&book), loan.as_deref()).answer(&request))
    })
}
