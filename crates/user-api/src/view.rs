//! The wire types of answers that are about books.

use std::borrow::Cow;

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
    /// True if the book can be borrowed: it is not on loan and not being deleted.
    // The last field, where `lent` replaces it.
    available: bool,
}

/// An example of a book.
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

/// An example of a stream of books: an existing book, which is borrowed and deleted.
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

/// The view of a book that is not on loan.
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
    // Not the version of the book, since the view depends on the loan, too. With the resource version, this much of the uid
    // distinguishes the book from one that another cluster has had in its place. Short, because the cache has a tag for
    // each book.
    let Version {
        uid,
        resource_version,
    } = &book.version;
    Document::new(&view, format_args!("{uid:.8}.{resource_version}"))
}

/// The view of a book with this loan of it, or without one.
#[must_use]
pub fn lent<'a>(book: &'a Document, loan: Option<&Entry<Loan>>) -> Cow<'a, Document> {
    let Some(loan) = loan else {
        return Cow::Borrowed(book);
    };
    let json = match book.json().strip_suffix(b"true}") {
        Some(all_but_the_end) => [all_but_the_end, b"false}"].concat(),
        // A book that is being deleted is not available anyway.
        None => book.json().to_vec(),
    };
    let tag = format_args!("{}.{}", book.tag(), loan.resource_version);
    Cow::Owned(Document::with_tag(json, tag))
}

/// Writes a book into an event of a stream.
pub fn streamed_book(lent: &Lent<Document>, to: &mut BytesMut) {
    to.extend_from_slice(self::lent(&lent.book.value.view, lent.loan.as_deref()).json());
}

/// Books, or a page of them.
#[derive(ToSchema)]
#[schema(example = json!({"list": [a_book()], "continue": "MTpzY2llbmNlLWxpYnJhcnkvbW9kZW5vdi1hbmFseXRpYy1nZW9tZXRyeQ"}))]
#[expect(dead_code, reason = "lists are put together from the JSON of their members")]
pub(crate) struct BookList<'a> {
    list: Vec<BookView<'a>>,
    /// The value of `?continue=` for the next page, if there is one.
    #[schema(nullable = false, required = false)]
    r#continue: Option<String>,
}
