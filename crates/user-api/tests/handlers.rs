//! The handlers of tenants in process, over a cache that is fed by hand.

#![allow(clippy::unwrap_used)]

use actix_web::test::{TestRequest, read_body_json};
use bookshelf_crd::{Book, BookLoan};
use bookshelf_http::testing::InProcess;
use bookshelf_store::cache::SourceEvent;
use serde_json::{Value, json};

const UID: &str = "37de470e-96ff-4a1d-9936-b658af32c629";

fn book() -> Book {
    serde_json::from_value(json!({
        "apiVersion": "bookshelf.lostinsoba.com/v1alpha1", "kind": "Book",
        "metadata": {"namespace": "science", "name": "modenov", "uid": UID, "resourceVersion": "7"},
        "spec": {"author": "Modenov P.S.", "title": "Analytic Geometry"},
    }))
    .unwrap()
}

fn loan(tenant: &str) -> BookLoan {
    serde_json::from_value(json!({
        "apiVersion": "bookshelf.lostinsoba.com/v1alpha1", "kind": "BookLoan",
        "metadata": {
            "namespace": "science", "name": "modenov", "resourceVersion": "9",
            "uid": "f2a0c9b1-03a4-4f5d-8a35-5e1e2a4a1d11", "creationTimestamp": "2026-11-22T11:11:09Z",
            "ownerReferences": [
                {"apiVersion": "bookshelf.lostinsoba.com/v1alpha1", "kind": "Book", "name": "modenov", "uid": UID},
            ],
        },
        "spec": {"borrowedBy": tenant},
    }))
    .unwrap()
}

fn list<K>(objects: impl IntoIterator<Item = K>) -> Vec<SourceEvent<K>> {
    let listed = objects.into_iter().map(SourceEvent::Listed);
    let done = SourceEvent::ListDone("10".parse().unwrap());
    [SourceEvent::ListStarted]
        .into_iter()
        .chain(listed)
        .chain([done])
        .collect()
}

/// Returns an API with one book, and this loan of it.
fn library(loans: impl IntoIterator<Item = BookLoan>) -> InProcess {
    let api = InProcess::new(user_api::API);
    api.repository().feed_books(list([book()]));
    api.repository().feed_loans(list(loans));
    api
}

#[actix_web::test]
async fn a_book_is_available_until_it_is_on_loan() {
    let api = library([]);
    let (status, book) = api.get("/book/science/modenov").await;
    assert_eq!((status, &book["available"]), (200, &json!(true)));

    api.repository().feed_loans([SourceEvent::Applied(loan("bob"))]);
    let (status, book) = api.get("/book/science/modenov").await;
    assert_eq!((status, &book["available"]), (200, &json!(false)));
    let (_, books) = api.get("/book/science").await;
    assert_eq!(books["list"], json!([book]));
}

#[actix_web::test]
async fn tenants_see_their_own_loans_alone() {
    let api = library([loan("bob")]);
    for (tenant, count) in [("bob", 1), ("alice", 0)] {
        let request = TestRequest::with_uri("/loan/science").insert_header(("X-TENANT-ID", tenant));
        let loans: Value = read_body_json(api.send(request).await).await;
        assert_eq!(
            loans["list"].as_array().map(Vec::len),
            Some(count),
            "{tenant}: {loans}"
        );
    }
}

#[actix_web::test]
async fn nothing_is_answered_before_both_caches_have_a_list() {
    let api = InProcess::new(user_api::API);
    api.repository().feed_books(list([book()]));
    let (status, problem) = api.get("/book/science/modenov").await;
    assert_eq!(
        (status, &problem["type"]),
        (503, &json!("urn:bookshelf:problem:unavailable"))
    );

    api.repository().feed_loans(list([]));
    assert_eq!(api.get("/book/science/modenov").await.0, 200);
}
