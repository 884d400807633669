//! The wire types of requests and answers about books.

use actix_web::web::BytesMut;
use bookshelf_http::document::Document;
use bookshelf_http::openapi::{event_stream, fields};
use bookshelf_http::problem::Problem;
use bookshelf_http::view::book::{BookFields, a_book, author, new_description, title};
use bookshelf_store::repository::{Book, BookContent, BookKey, BookWithLoan};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// An example of a stream of books: an existing book, which gets a description and is deleted.
pub(crate) fn book_events() -> String {
    let mut described = a_book();
    described["description"] = json!("Lectures on vectors, lines and planes.");
    event_stream(&[
        ("created", "229", a_book()),
        ("synced", "231", json!({})),
        ("updated", "243", described.clone()),
        ("deleted", "244", described),
    ])
}

/// The view of a book.
#[must_use]
pub fn book(book: &Book) -> Document {
    Document::new(&BookFields::from(book), &book.version)
}

/// Writes a book into an event of a stream.
pub fn streamed_book(lent: &BookWithLoan<Document>, to: &mut BytesMut) {
    to.extend_from_slice(lent.book.value.view.json());
}

/// Books, or a page of them.
#[derive(ToSchema)]
#[schema(example = json!({"list": [a_book()], "continue": "MTpzY2llbmNlLWxpYnJhcnkvbW9kZW5vdi1hbmFseXRpYy1nZW9tZXRyeQ"}))]
#[expect(dead_code, reason = "lists are put together from the JSON of their members")]
pub(crate) struct BookList<'a> {
    list: Vec<BookFields<'a>>,
    /// The value of `?continue=` for the next page, if there is one.
    #[schema(nullable = false, required = false)]
    r#continue: Option<String>,
}

/// The new content of a book. The answer to a GET is accepted unchanged: `managed_by` and `available` are ignored,
/// since only the service sets them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "author": "Modenov P.S.",
    "title": "Analytic Geometry",
    "category_id": "math",
}))]
pub struct BookBody {
    #[schema(schema_with = fields::same_id)]
    id: Option<String>,
    #[schema(schema_with = fields::same_namespace_id)]
    namespace_id: Option<String>,
    #[schema(required, schema_with = author)]
    author: Option<String>,
    #[schema(required, schema_with = title)]
    title: Option<String>,
    #[schema(schema_with = new_description)]
    description: Option<String>,
    #[schema(schema_with = fields::new_category_id)]
    category_id: Option<String>,
    /// Ignored.
    #[serde(rename = "managed_by")]
    #[schema(value_type = Option<Value>)]
    _managed_by: Option<IgnoredAny>,
    /// Ignored.
    #[serde(rename = "available")]
    #[schema(value_type = Option<Value>)]
    _available: Option<IgnoredAny>,
}

/// A new book: its content and its id.
pub struct NewBook;

impl PartialSchema for NewBook {
    fn schema() -> RefOr<Schema> {
        let mut schema = BookBody::schema();
        if let RefOr::T(Schema::Object(body)) = &mut schema {
            body.properties.insert("id".to_owned(), fields::id().into());
            body.required.push("id".to_owned());
            let description = "A new book. The answer to a GET is accepted unchanged.";
            body.description = Some(description.to_owned());
            body.example = Some(json!({
                "id": "modenov-analytic-geometry",
                "author": "Modenov P.S.",
                "title": "Analytic Geometry",
                "category_id": "math",
            }));
        }
        schema
    }
}

impl ToSchema for NewBook {}

impl BookBody {
    /// Returns the id, which a new book needs.
    pub fn id(&self) -> Result<&str, Problem> {
        self.id.as_deref().ok_or_else(|| required("id"))
    }

    /// Returns the content, after a check that id and namespace match the path.
    pub fn content_of(self, key: BookKey<'_>) -> Result<BookContent, Problem> {
        must_equal("namespace_id", self.namespace_id.as_deref(), key.namespace())?;
        must_equal("id", self.id.as_deref(), key.id())?;
        Ok(BookContent::new(
            self.author.ok_or_else(|| required("author"))?,
            self.title.ok_or_else(|| required("title"))?,
            self.description.unwrap_or_default(),
            self.category_id.unwrap_or_default(),
        )?)
    }
}

/// The new category of a book; empty to remove it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"category_id": "math"}))]
pub struct CategoryBody {
    #[schema(required, schema_with = fields::any_or_no_category_id)]
    category_id: Option<String>,
}

impl CategoryBody {
    /// Returns the category, which is required.
    pub fn category_id(&self) -> Result<&str, Problem> {
        self.category_id.as_deref().ok_or_else(|| required("category_id"))
    }
}

fn required(field: &'static str) -> Problem {
    Problem::invalid(field, "is required")
}

fn must_equal(field: &'static str, given: Option<&str>, path: &str) -> Result<(), Problem> {
    if given.is_none_or(|given| given == path) {
        Ok(())
    } else {
        Err(Problem::invalid(
            field,
            format_args!("must be the path's, {path:?}, where it is given"),
        ))
    }
}
