//! Books: all there is to do with them.

use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use bookshelf_http::answer;
use bookshelf_http::extract::{Json, Query, book_key, segment};
use bookshelf_http::list::Lists;
use bookshelf_http::problem::Problem;
use bookshelf_store::repository::{Book, BookKey, Category, Namespace};
use serde::Deserialize;

use crate::Repository;
use crate::view::{BookBody, CategoryBody, book_json};

/// The query string of a list.
#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    #[serde(default)]
    category_id: String,
}

pub(super) async fn list(
    books: Data<Repository>,
    lists: Data<Lists>,
    request: HttpRequest,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let namespace = Namespace::parse(segment(&request, "namespace"))?;
    let category = &query.0.category_id;
    let list = books.books(namespace, Category::parse(category)?);
    let name = format!("{}/{category}", namespace.as_str());
    Ok(lists.answer(name, list.generation(), || {
        list.iter().map(|entry| &entry.value.view)
    }))
}

pub(super) async fn get(books: Data<Repository>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let book = books.book(book_key(&request)?)?;
    Ok(answer::json(&mut HttpResponse::Ok(), book.value.view.clone()))
}

pub(super) async fn create(
    books: Data<Repository>,
    request: HttpRequest,
    body: Json<BookBody>,
) -> Result<HttpResponse, Problem> {
    let id = body.0.id()?.to_owned();
    let key = BookKey::parse(segment(&request, "namespace"), &id)?;
    let content = body.0.content_of(key)?;
    let book = books.create_book(key, content).await?;
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, format!("/book/{}/{}", book.namespace_id, book.id)));
    Ok(written(response, &book))
}

pub(super) async fn update(
    books: Data<Repository>,
    request: HttpRequest,
    body: Json<BookBody>,
) -> Result<HttpResponse, Problem> {
    let key = book_key(&request)?;
    let content = body.0.content_of(key)?;
    let book = books.update_book(key, content).await?;
    Ok(written(HttpResponse::Ok(), &book))
}

pub(super) async fn set_category(
    books: Data<Repository>,
    request: HttpRequest,
    body: Json<CategoryBody>,
) -> Result<HttpResponse, Problem> {
    let key = book_key(&request)?;
    let category = Category::parse(body.0.category_id()?)?;
    let book = books.set_category(key, category).await?;
    Ok(written(HttpResponse::Ok(), &book))
}

pub(super) async fn delete(books: Data<Repository>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    books.delete_book(book_key(&request)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A book that was written.
fn written(mut response: HttpResponseBuilder, book: &Book) -> HttpResponse {
    response.insert_header(answer::entity_tag(&book.version));
    answer::json(&mut response, book_json(book))
}
