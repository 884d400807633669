//! Books on the wire: the schemas of their fields, and the fields that the views of both APIs have.

use bookshelf_store::repository::{Book, limits};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use crate::openapi::fields::{self, LINE, PARAGRAPHS, or_null, string};

/// A book: the fields that both APIs show.
#[derive(Serialize, ToSchema)]
#[schema(as = Book, description = "A book.", example = json!(a_book()))]
pub struct BookFields<'a> {
    #[schema(schema_with = fields::id)]
    id: &'a str,
    #[schema(schema_with = stored_author)]
    author: &'a str,
    #[schema(schema_with = stored_title)]
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::category_id)]
    category_id: Option<&'a str>,
    #[schema(schema_with = fields::namespace_id)]
    namespace_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = stored_description)]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::managed_by)]
    managed_by: Option<&'a str>,
}

impl<'a> From<&'a Book> for BookFields<'a> {
    fn from(book: &'a Book) -> Self {
        Self {
            id: &book.id,
            author: &book.author,
            title: &book.title,
            category_id: book.category_id.as_deref(),
            namespace_id: &book.namespace_id,
            description: book.description.as_deref(),
            managed_by: book.managed_by.as_deref(),
        }
    }
}

/// An example of a book.
#[must_use]
pub fn a_book() -> Value {
    json!({
        "id": "modenov-analytic-geometry",
        "author": "Modenov P.S.",
        "title": "Analytic Geometry",
        "category_id": "math",
        "namespace_id": "science-library",
    })
}

/// An author.
#[must_use]
pub fn author() -> Object {
    let author = string(
        "The author of the book: one line, with at least one letter, number, punctuation mark or symbol.",
    );
    author
        .min_length(Some(1))
        .max_length(Some(limits::AUTHOR_MAX as usize))
        .pattern(Some(LINE))
        .examples(["Modenov P.S."])
        .build()
}

/// A title.
#[must_use]
pub fn title() -> Object {
    let title =
        string("The book's title: one line, with at least one letter, number, punctuation mark or symbol.");
    title
        .min_length(Some(1))
        .max_length(Some(limits::TITLE_MAX as usize))
        .pattern(Some(LINE))
        .examples(["Analytic Geometry"])
        .build()
}

/// A description in a request; none if it is empty or `null`.
#[must_use]
pub fn new_description() -> Object {
    or_null(
        string("The description of the book.")
            .max_length(Some(limits::DESCRIPTION_MAX as usize))
            .pattern(Some(PARAGRAPHS))
            .examples(["Lectures on vectors, lines and planes."]),
    )
}

// A stored book may predate a rule or the current CRD, so these schemas have no pattern and no maximum length.

/// An author, as it is stored.
#[must_use]
pub fn stored_author() -> Object {
    let author = string("The author of the book.").min_length(Some(1));
    author.examples(["Modenov P.S."]).build()
}

/// A title, as it is stored.
#[must_use]
pub fn stored_title() -> Object {
    let title = string("The book's title.").min_length(Some(1));
    title.examples(["Analytic Geometry"]).build()
}

/// A description, as it is stored.
#[must_use]
pub fn stored_description() -> Object {
    string("The description of the book.").min_length(Some(1)).build()
}
