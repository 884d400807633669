//! The wire types of both APIs: loans, namespaces, and the fields of books. The views of books differ: tenants
//! see the availability.

pub mod book;

use std::sync::Arc;

use actix_web::web::BytesMut;
use bookshelf_store::cache::Entry;
use bookshelf_store::repository::Loan;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::document::Document;
use crate::openapi::{event_stream, fields};

/// A loan of a book.
#[derive(Serialize, ToSchema)]
#[schema(as = Loan, example = json!(a_loan()))]
pub struct LoanView<'a> {
    #[schema(schema_with = fields::id)]
    book_id: &'a str,
    #[schema(schema_with = fields::namespace_id)]
    namespace_id: &'a str,
    #[schema(schema_with = fields::borrower)]
    borrowed_by: &'a str,
    #[schema(schema_with = fields::borrowed_at)]
    borrowed_at: String,
}

/// An example of a loan.
fn a_loan() -> Value {
    json!({
        "book_id": "modenov-analytic-geometry",
        "namespace_id": "science-library",
        "borrowed_by": "bob",
        "borrowed_at": "2026-11-22T11:11:09Z",
    })
}

/// An example of a stream of loans: an existing loan, which ends, and a new one.
#[must_use]
pub fn loan_events() -> String {
    let mut new = a_loan();
    new["book_id"] = json!("taylor-biological-science");
    event_stream(&[
        ("created", "231.229", a_loan()),
        ("synced", "231.229", json!({})),
        ("created", "231.243", new),
        ("deleted", "231.244", a_loan()),
    ])
}

/// The view of a loan.
#[must_use]
pub fn loan(loan: &Loan) -> Document {
    let view = LoanView {
        book_id: &loan.book_id,
        namespace_id: &loan.namespace_id,
        borrowed_by: &loan.borrowed_by,
        borrowed_at: loan.borrowed_at.to_string(),
    };
    Document::new(&view, &loan.version)
}

/// Writes a loan into an event of a stream.
pub fn streamed_loan(entry: &Arc<Entry<Loan>>, to: &mut BytesMut) {
    to.extend_from_slice(loan(&entry.value).json());
}

/// A namespace that has books.
#[derive(Serialize, ToSchema)]
#[schema(as = Namespace, example = json!(a_namespace()))]
pub struct NamespaceView<'a> {
    #[schema(schema_with = fields::namespace_id)]
    id: &'a str,
    /// The number of its books.
    #[schema(minimum = 1)]
    books: usize,
}

/// An example of a namespace.
fn a_namespace() -> Value {
    json!({"id": "science-library", "books": 3})
}

/// The view of a namespace.
#[must_use]
pub fn namespace(id: &str, books: usize) -> Document {
    Document::new(&NamespaceView { id, books }, "")
}

/// Loans, or a page of them.
#[derive(ToSchema)]
#[schema(example = json!({"list": [a_loan()], "continue": "MTpzY2llbmNlLWxpYnJhcnkvbW9kZW5vdi1hbmFseXRpYy1nZW9tZXRyeQ"}))]
#[expect(dead_code, reason = "lists are put together from the JSON of their members")]
pub struct LoanList<'a> {
    list: Vec<LoanView<'a>>,
    /// The value of `?continue=` for the next page, if there is one.
    #[schema(nullable = false, required = false)]
    r#continue: Option<String>,
}

/// Namespaces, or a page of them.
#[derive(ToSchema)]
#[schema(example = json!({"list": [a_namespace()], "continue": "MTpzY2llbmNlLWxpYnJhcnkv"}))]
#[expect(dead_code, reason = "lists are put together from the JSON of their members")]
pub struct NamespaceList<'a> {
    list: Vec<NamespaceView<'a>>,
    /// The value of `?continue=` for the next page, if there is one.
    #[schema(nullable = false, required = false)]
    r#continue: Option<String>,
}
