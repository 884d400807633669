//! The wire types: what answers carry.

use std::borrow::Cow;
use std::sync::Arc;

use actix_web::web::BytesMut;
use bookshelf_http::document::Document;
use bookshelf_http::openapi::{event_stream, fields};
use bookshelf_store::cache::Entry;
use bookshelf_store::repository::{Book, Lent, Loan, Version};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// A book.
#[derive(Serialize, ToSchema)]
#[schema(as = Book, example = json!(a_book()))]
pub(crate) struct BookView<'a> {
    #[schema(schema_with = fields::id)]
    id: &'a str,
    #[schema(schema_with = fields::stored_author)]
    author: &'a str,
    #[schema(schema_with = fields::stored_title)]
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::category_id)]
    category_id: Option<&'a str>,
    #[schema(schema_with = fields::namespace_id)]
    namespace_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::stored_description)]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::managed_by)]
    managed_by: Option<&'a str>,
    /// Whether it can be borrowed: nobody has it, and it is not being deleted.
    // The last, where `lent` looks for it.
    available: bool,
}

/// An example.
fn a_book() -> Value {
    json!({
        "id": "modenov-analytic-geometry",
        "author": "Modenov P.S.",
        "title": "Analytic Geometry",
        "category_id": "math",
        "namespace_id": "science-library",
        "available": true,
    })
}

/// An example of a stream of books: one there was, which is borrowed and goes.
pub(crate) fn book_events() -> String {
    let mut lent = a_book();
    lent["available"] = json!(false);
    event_stream(&[
        ("created", "229.221", a_book()),
        ("synced", "231.221", json!({})),
        ("updated", "231.243", lent.clone()),
        ("deleted", "244.243", lent),
    ])
}

/// A book as clients see it while nobody has it.
#[must_use]
pub fn book(book: &Book) -> Document {
    let view = BookView {
        id: &book.id,
        author: &book.author,
        title: &book.title,
        category_id: book.category_id.as_deref(),
        namespace_id: &book.namespace_id,
        description: book.description.as_deref(),
        managed_by: book.managed_by.as_deref(),
        available: !book.is_being_deleted,
    };
    // Not the book's version: that is not all a client has seen here. With the resource version, so much of the uid tells
    // the book from one that another cluster has had in its place; the cache has as many tags as there are books.
    let Version {
        uid,
        resource_version,
    } = &book.version;
    Document::new(&view, format_args!("{uid:.8}.{resource_version}"))
}

/// A book as clients see it with this loan of it, or without one.
#[must_use]
pub fn lent<'a>(book: &'a Document, loan: Option<&Entry<Loan>>) -> Cow<'a, Document> {
    let Some(loan) = loan else {
        return Cow::Borrowed(book);
    };
    let json = match book.json().strip_suffix(b"true}") {
        Some(all_but_the_end) => [all_but_the_end, b"false}"].concat(),
        // It is being deleted.
        None => book.json().to_vec(),
    };
    let tag = format_args!("{}.{}", book.tag(), loan.resource_version);
    Cow::Owned(Document::with_tag(json, tag))
}

/// A book as a stream carries it.
pub fn streamed_book(lent: &Lent<Document>, to: &mut BytesMut) {
    to.extend_from_slice(self::lent(&lent.book.value.view, lent.loan.as_deref()).json());
}

/// A loan of a book.
#[derive(Serialize, ToSchema)]
#[schema(as = Loan, example = json!(a_loan()))]
pub(crate) struct LoanView<'a> {
    #[schema(schema_with = fields::id)]
    book_id: &'a str,
    #[schema(schema_with = fields::namespace_id)]
    namespace_id: &'a str,
    #[schema(schema_with = fields::borrower)]
    borrowed_by: &'a str,
    #[schema(schema_with = fields::time)]
    borrowed_at: String,
}

/// An example.
fn a_loan() -> Value {
    json!({
        "book_id": "modenov-analytic-geometry",
        "namespace_id": "science-library",
        "borrowed_by": "bob",
        "borrowed_at": "2026-11-22T11:11:09Z",
    })
}

/// An example of a stream of loans: one there was, which ends, and a new one.
pub(crate) fn loan_events() -> String {
    let mut new = a_loan();
    new["book_id"] = json!("taylor-biological-science");
    event_stream(&[
        ("created", "231.229", a_loan()),
        ("synced", "231.229", json!({})),
        ("created", "231.243", new),
        ("deleted", "231.244", a_loan()),
    ])
}

/// A loan as its tenant sees it.
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

/// A loan as a stream carries it.
pub fn streamed_loan(entry: &Arc<Entry<Loan>>, to: &mut BytesMut) {
    to.extend_from_slice(loan(&entry.value).json());
}

/// A namespace that has books.
#[derive(Serialize, ToSchema)]
#[schema(as = Namespace, example = json!(a_namespace()))]
pub(crate) struct NamespaceView<'a> {
    #[schema(schema_with = fields::namespace_id)]
    id: &'a str,
    /// How many books it has.
    #[schema(minimum = 1)]
    books: usize,
}

/// An example.
fn a_namespace() -> Value {
    json!({"id": "science-library", "books": 3})
}

/// A namespace as clients see it.
#[must_use]
pub fn namespace(id: &str, books: usize) -> Document {
    Document::new(&NamespaceView { id, books }, "")
}

/// Books, or a page of them.
#[derive(ToSchema)]
#[schema(example = json!({"list": [a_book()], "continue": "MTpzY2llbmNlLWxpYnJhcnkvbW9kZW5vdi1hbmFseXRpYy1nZW9tZXRyeQ"}))]
#[expect(dead_code, reason = "lists are put together of their members' JSON")]
pub(crate) struct BookList<'a> {
    list: Vec<BookView<'a>>,
    /// What `?continue=` goes on with, where there is more.
    #[schema(nullable = false, required = false)]
    r#continue: Option<String>,
}

/// Loans, or a page of them.
#[derive(ToSchema)]
#[schema(example = json!({"list": [a_loan()], "continue": "MTpzY2llbmNlLWxpYnJhcnkvbW9kZW5vdi1hbmFseXRpYy1nZW9tZXRyeQ"}))]
#[expect(dead_code, reason = "lists are put together of their members' JSON")]
pub(crate) struct LoanList<'a> {
    list: Vec<LoanView<'a>>,
    /// What `?continue=` goes on with, where there is more.
    #[schema(nullable = false, required = false)]
    r#continue: Option<String>,
}

/// Namespaces, or a page of them.
#[derive(ToSchema)]
#[schema(example = json!({"list": [a_namespace()], "continue": "MTpzY2llbmNlLWxpYnJhcnkv"}))]
#[expect(dead_code, reason = "lists are put together of their members' JSON")]
pub(crate) struct NamespaceList<'a> {
    list: Vec<NamespaceView<'a>>,
    /// What `?continue=` goes on with, where there is more.
    #[schema(nullable = false, required = false)]
    r#continue: Option<String>,
}
