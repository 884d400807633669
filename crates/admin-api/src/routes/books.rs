//! Books: reads and changes.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, HeaderValue, LOCATION};
use actix_web::web::Data;
use bookshelf_http::Repository;
use bookshelf_http::books::ListQuery;
use bookshelf_http::document::Document;
use bookshelf_http::extract::{FromQuery, Idempotency, Json, Parameters, Preconditions, Query, Request};
use bookshelf_http::openapi::{EventStream, LastEventId};
use bookshelf_http::problem::{Code, Problem};
use bookshelf_http::route::Reply;
use bookshelf_http::view::book::BookFields;
use bookshelf_store::repository::{Book, BookKey, Category, Made, Place, Version};
use utoipa::IntoParams;

use crate::view::{self, BookBody, BookList, CategoryBody, NewBook};

/// The query string of a write that may be forced.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ForceQuery {
    /// Applies to any version, whatever `If-Match` and `If-None-Match` say, but never to a book that another tool
    /// manages.
    #[param(required = false, default = false, example = true)]
    force: bool,
}

impl FromQuery for ForceQuery {
    fn from_query(parameters: &Parameters<'_>) -> Result<Self, Problem> {
        let force = parameters.flag("force")?;
        Ok(Self { force })
    }
}

/// The books of a namespace
///
/// Sorted by id. With `Accept: text/event-stream`: the list, then the changes of its members.
#[utoipa::path(
    get,
    path = "/book/{namespace}",
    operation_id = "list_books",
    tag = "books",
    params(ListQuery, LastEventId),
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
    params(ListQuery, LastEventId),
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
    let list = query.list(request.repository()?, namespaces)?;
    query.reply(request, namespaces, list.generation(), || {
        list.iter().map(|entry| (&entry.value.view, Place::of(entry)))
    })
}

/// Answers [`list`] and [`list_all`] with a stream.
#[expect(clippy::unnecessary_wraps, reason = "handlers have one signature")]
pub(crate) fn stream(request: &Request, query: &ListQuery) -> Result<Reply, Problem> {
    Ok(query.stream(request, false, view::streamed_book))
}

/// A book
#[utoipa::path(
    get,
    path = "/book/{namespace}/{id}",
    operation_id = "get_book",
    tag = "books",
    responses((status = 200, description = "The book", body = BookFields)),
    extensions(("x-problems" = json!([Code::NotFound])))
)]
pub(crate) fn get(request: &Request) -> Result<Reply, Problem> {
    let books = request.repository()?;
    let (namespace, id) = request.raw_book_key();
    let cached = books.show_book(namespace, id, |book| {
        let cached = &book.value.view;
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
        let book = request.repository()?.live_book(request.book_key()?).await?;
        Ok(view::book(&book).answer(&request))
    })
}

/// Adds a book
#[utoipa::path(
    post,
    path = "/book/{namespace}",
    operation_id = "create_book",
    tag = "books",
    params(Idempotency),
    request_body = NewBook,
    responses((
        status = 201,
        description = "The book that was made, now or by an earlier request with the same key. Without an `ETag` if the \
                       book has changed since then",
        body = BookFields,
        headers(
            ("Location" = String, description = "The path of the book"),
            ("ETag" = Option<String>, description = "The entity tag of the book")
        )
    )),
    extensions(("x-problems" = json!([
        Code::NotFound,
        Code::AlreadyExists,
        Code::NamespaceTerminating,
        Code::UpdateConflict,
        Code::KeyReused,
        Code::InProgress,
        Code::Rejected,
    ])))
)]
pub(crate) async fn create(
    books: Data<Repository>,
    request: Request,
    idempotency: Idempotency,
    body: Json<BookBody>,
) -> Result<HttpResponse, Problem> {
    let idempotency = idempotency.key()?;
    let id = body.0.id()?.to_owned();
    let key = BookKey::parse(request.namespace()?.as_str(), &id)?;
    let content = body.0.content_of(key)?;
    let Made {
        value: book,
        is_unchanged,
    } = books
        .create_book(key, content, idempotency, request.user_name())
        .await?;
    let document = if is_unchanged {
        written_document(&books, &book)
    } else {
        view::book(&book)
    };
    let mut answer = document.answer_with(StatusCode::CREATED);
    // Valid names are header values.
    if let Ok(location) = HeaderValue::try_from(format!("/book/{}/{}", book.namespace_id, book.id)) {
        answer.headers_mut().insert(LOCATION, location);
    }
    // The version at the creation is no longer known, and with the current one the client could undo changes that it
    // has not seen.
    if !is_unchanged {
        answer.headers_mut().remove(ETAG);
    }
    Ok(answer)
}

/// Replaces author, title, description and category of a book
#[utoipa::path(
    put,
    path = "/book/{namespace}/{id}",
    operation_id = "update_book",
    tag = "books",
    params(ForceQuery, Preconditions),
    request_body = BookBody,
    responses((status = 200, description = "The changed book", body = BookFields)),
    extensions(("x-problems" = json!([
        Code::NotManageable,
        Code::NotFound,
        Code::BeingDeleted,
        Code::UpdateConflict,
        Code::PreconditionFailed,
        Code::Rejected,
    ])))
)]
pub(crate) async fn update(
    books: Data<Repository>,
    request: Request,
    query: Query<ForceQuery>,
    expected: Preconditions,
    body: Json<BookBody>,
) -> Result<HttpResponse, Problem> {
    let key = request.book_key()?;
    let content = body.0.content_of(key)?;
    let book = if query.0.force {
        books.force_update_book(key, content).await?
    } else {
        books.update_book(key, content, &expected.0).await?
    };
    Ok(written_document(&books, &book).answer_with(StatusCode::OK))
}

/// Sets or removes the category of a book
#[utoipa::path(
    method(patch, post),
    path = "/book/{namespace}/{id}/category",
    operation_id = "set_category",
    tag = "books",
    params(Preconditions),
    request_body = CategoryBody,
    responses((status = 200, description = "The changed book", body = BookFields)),
    extensions(("x-problems" = json!([
        Code::NotManageable,
        Code::NotFound,
        Code::BeingDeleted,
        Code::UpdateConflict,
        Code::PreconditionFailed,
        Code::Rejected,
    ])))
)]
pub(crate) async fn set_category(
    books: Data<Repository>,
    request: Request,
    expected: Preconditions,
    body: Json<CategoryBody>,
) -> Result<HttpResponse, Problem> {
    let key = request.book_key()?;
    let category = Category::parse(body.0.category_id()?)?;
    let book = books.set_category(key, category, &expected.0).await?;
    Ok(written_document(&books, &book).answer_with(StatusCode::OK))
}

/// Deletes a book
///
/// A book on loan is deleted only with `force=true`, together with its loan.
#[utoipa::path(
    delete,
    path = "/book/{namespace}/{id}",
    operation_id = "delete_book",
    tag = "books",
    params(ForceQuery, Preconditions),
    responses((status = 204, description = "The book is deleted, or will be when its finalizers are done")),
    extensions(("x-problems" = json!([
        Code::NotManageable,
        Code::NotFound,
        Code::OnLoan,
        Code::UpdateConflict,
        Code::PreconditionFailed,
        Code::Rejected,
    ])))
)]
pub(crate) async fn delete(
    books: Data<Repository>,
    request: Request,
    query: Query<ForceQuery>,
    expected: Preconditions,
) -> Result<HttpResponse, Problem> {
    let key = request.book_key()?;
    if query.0.force {
        books.force_delete_book(key).await?;
    } else {
        books.delete_book(key, &expected.0).await?;
    }
    Ok(HttpResponse::NoContent().finish())
}

/// Returns the view of a written book: from the cache, or a new one if the cache has a newer version or keeps no
/// descriptions.
fn written_document(books: &Repository, book: &Book) -> Document {
    let Version {
        uid,
        resource_version,
    } = &book.version;
    let made = books.show_book(&book.namespace_id, &book.id, |cached| {
        let is_it = cached.uid == *uid && cached.resource_version == *resource_version;
        (is_it && books.caches_descriptions()).then(|| cached.value.view.clone())
    });
    made.ok().flatten().unwrap_or_else(|| view::book(book))
}
