//! The wire types of answers about books.

use std::borrow::Cow;

use actix_web::web::BytesMut;
use bookshelf_http::document::Document;
use bookshelf_http::openapi::event_stream;
use bookshelf_http::view::book::{BookFields, a_book};
use bookshelf_store::cache::Entry;
use bookshelf_store::repository::{Book, BookWithLoan, Loan, Version};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A book and its availability.
#[derive(Serialize)]
pub(crate) struct BookView<'a> {
    #[serde(flatten)]
    fields: BookFields<'a>,
    // The last field, so that `lent` can replace it at the end of the JSON.
    available: bool,
}

impl PartialSchema for BookView<'_> {
    fn schema() -> RefOr<Schema> {
        let mut schema = BookFields::schema();
        if let RefOr::T(Schema::Object(book)) = &mut schema {
            let available = ObjectBuilder::new().schema_type(Type::Boolean).description(Some(
                "True if the book can be borrowed: it is not on loan and not being deleted.",
            ));
            book.properties.insert("available".to_owned(), available.into());
            book.required.push("available".to_owned());
            book.description = Some("A book.".to_owned());
            book.example = Some(an_available_book());
        }
        schema
    }
}

impl ToSchema for BookView<'_> {
    fn name() -> Cow<'static, str> {
        BookFields::name()
    }
}

/// An example of a book that can be borrowed.
fn an_available_book() -> Value {
    let mut book = a_book();
    book["available"] = json!(true);
    book
}

/// An example of a stream of books: an existing book, which is borrowed and deleted.
pub(crate) fn book_events() -> String {
    let mut lent = an_available_book();
    lent["available"] = json!(false);
    event_stream(&[
        ("created", "229.221", an_available_book()),
        ("synced", "231.221", json!({})),
        ("updated", "231.243", lent.clone()),
        ("deleted", "244.243", lent),
    ])
}

/// The view of a book that is not on loan.
#[must_use]
pub fn book(book: &Book) -> Document {
    let view = BookView {
        fields: book.into(),
        available: !book.is_being_deleted,
    };
    // Not the version of the book, since the view also depends on the loan. With the resource version, this part of the
    // uid distinguishes the book from one of the same name in another cluster. Short, because the cache has a tag for
    // each book.
    let Version {
        uid,
        resource_version,
    } = &book.version;
    Document::new(&view, format_args!("{uid:.8}.{resource_version}"))
}

/// Returns the view of a book, with its loan or without one.
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
pub fn streamed_book(lent: &BookWithLoan<Document>, to: &mut BytesMut) {
    to.extend_from_slice(self::lent(&lent.book.value.view, lent.loan.as_deref()).json());
}

/// Books, or a page of them.
#[derive(ToSchema)]
#[schema(example = json!({"list": [an_available_book()], "continue": "MTpzY2llbmNlLWxpYnJhcnkvbW9kZW5vdi1hbmFseXRpYy1nZW9tZXRyeQ"}))]
#[expect(dead_code, reason = "lists are put together from the JSON of their members")]
pub(crate) struct BookList<'a> {
    list: Vec<BookView<'a>>,
    /// The value of `?continue=` for the next page, if there is one.
    #[schema(nullable = false, required = false)]
    r#continue: Option<String>,
}
