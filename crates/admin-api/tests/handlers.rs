//! The handlers of librarians in process, over a cache that is fed by hand.

#![allow(clippy::unwrap_used)]

use actix_web::http::Method;
use actix_web::test::{TestRequest, read_body_json};
use bookshelf_crd::{Book, book::limits};
use bookshelf_http::testing::InProcess;
use bookshelf_store::cache::SourceEvent;
use serde_json::{Value, json};

fn book_by(author: &str) -> Book {
    serde_json::from_value(json!({
        "apiVersion": "bookshelf.lostinsoba.com/v1alpha1", "kind": "Book",
        "metadata": {
            "namespace": "science", "name": "modenov", "resourceVersion": "7",
            "uid": "37de470e-96ff-4a1d-9936-b658af32c629",
        },
        "spec": {"author": author, "title": "Analytic Geometry"},
    }))
    .unwrap()
}

/// Returns an API with these books.
fn library(books: impl IntoIterator<Item = Book>) -> InProcess {
    let api = InProcess::new(admin_api::API);
    let repository = api.repository();
    repository.feed_books([SourceEvent::ListStarted]);
    repository.feed_books(books.into_iter().map(SourceEvent::Listed));
    repository.feed_books([SourceEvent::ListDone("10".parse().unwrap())]);
    repository.feed_loans([
        SourceEvent::ListStarted,
        SourceEvent::ListDone("10".parse().unwrap()),
    ]);
    api
}

#[actix_web::test]
async fn a_book_that_only_an_earlier_schema_allows_is_served() {
    let author = "a".repeat(limits::AUTHOR_MAX as usize + 1);
    let api = library([book_by(&author)]);
    let (status, book) = api.get("/book/science/modenov").await;
    assert_eq!((status, &book["author"]), (200, &json!(author)));
}

#[actix_web::test]
async fn a_change_that_does_not_reach_the_api_server_is_not_served() {
    let api = library([book_by("Modenov P.S.")]);
    let (_, before) = api.get("/book/science/modenov").await;
    let change = json!({"author": "Somebody", "title": "Else"});
    let request = TestRequest::with_uri("/book/science/modenov")
        .method(Method::PUT)
        .set_json(change);
    let response = api.send(request).await;
    assert_eq!(response.status().as_u16(), 503);
    let problem: Value = read_body_json(response).await;
    assert_eq!(problem["type"], "urn:bookshelf:problem:unavailable");
    assert_eq!(api.get("/book/science/modenov").await, (200, before));
}

#[actix_web::test]
async fn an_invalid_change_is_refused_without_a_request_to_the_api_server() {
    let api = library([book_by("Modenov P.S.")]);
    let request = TestRequest::with_uri("/book/science/modenov")
        .method(Method::PUT)
        .set_json(json!({"author": "\u{200b}", "title": "Else"}));
    let response = api.send(request).await;
    assert_eq!(response.status().as_u16(), 400);
    let problem: Value = read_body_json(response).await;
    assert_eq!(problem["field"], "author");
}
