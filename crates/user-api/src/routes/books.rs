//! Books, to look at.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use bookshelf_http::answer;
use bookshelf_http::extract::{Query, book_key, segment};
use bookshelf_http::list::Lists;
use bookshelf_http::problem::Problem;
use bookshelf_store::repository::{Category, Namespace};
use serde::Deserialize;

use crate::Repository;

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
