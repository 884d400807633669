//! The wire types: what requests bring and answers carry.

use actix_web::web::Bytes;
use bookshelf_http::problem::Problem;
use bookshelf_store::repository::{Book, BookContent, BookKey};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

/// A book's JSON, made once when the book changes and shared by every answer that carries it.
pub type BookJson = Bytes;

#[derive(Serialize)]
struct BookView<'a> {
    id: &'a str,
    author: &'a str,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    category_id: Option<&'a str>,
    namespace_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    managed_by: Option<&'a str>,
}

/// A book as clients see it.
#[must_use]
pub fn book_json(book: &Book) -> BookJson {
    let view = BookView {
        id: &book.id,
        author: &book.author,
        title: &book.title,
        category_id: book.category_id.as_deref(),
        namespace_id: &book.namespace_id,
        description: book.description.as_deref(),
        managed_by: book.managed_by.as_deref(),
    };
    // A struct of strings always serializes. Boxed, so that the cache keeps what is there and no room to grow.
    serde_json::to_vec(&view)
        .unwrap_or_default()
        .into_boxed_slice()
        .into()
}

/// What a client says of a book. What it got with a GET is fine as it is: `managed_by` and `available` are
/// ours to say, and ignored.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BookBody {
    id: Option<String>,
    namespace_id: Option<String>,
    author: Option<String>,
    title: Option<String>,
    description: Option<String>,
    category_id: Option<String>,
    #[serde(rename = "managed_by")]
    _managed_by: Option<IgnoredAny>,
    #[serde(rename = "available")]
    _available: Option<IgnoredAny>,
}

impl BookBody {
    /// The id, which a new book needs.
    pub fn id(&self) -> Result<&str, Problem> {
        self.id.as_deref().ok_or_else(|| required("id"))
    }

    /// The content, once id and namespace are found to be those of the path.
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

/// A book's new category; the empty one is none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoryBody {
    category_id: Option<String>,
}

impl CategoryBody {
    /// The category, which has to be given.
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
