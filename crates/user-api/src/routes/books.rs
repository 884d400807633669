//! Books, to look at.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use bookshelf_http::answer;
use bookshelf_http::extract::Query;
use bookshelf_http::problem::Problem;
use bookshelf_store::repository::{BookKey, Category, Namespace};
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
    namespace: Path<String>,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let namespace = Namespace::parse(&namespace)?;
    let list = books.books(namespace, Category::parse(&query.0.category_id)?);
    Ok(answer::list(list.iter().map(|entry| &entry.value.view)))
}

pub(super) async fn get(
    books: Data<Repository>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let book = books.book(BookKey::parse(&path.0, &path.1)?)?;
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .body(book.value.view.clone()))
}
