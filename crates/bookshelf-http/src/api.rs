//! The definition of an API. Each binary has one.

use bookshelf_store::repository::{Book, Retention};
use serde_json::Value;

use crate::args::AuthMode;
use crate::document::Document;
use crate::route::Routes;
use crate::ui::Page;

/// The differences between one API and the other.
#[derive(Clone, Copy, Debug)]
pub struct Api {
    /// The name that the process gives to the API server and, without the prefix `bookshelf-`, in traces.
    pub name: &'static str,
    /// The view of a book. The cache keeps it for each book.
    pub view: fn(&Book) -> Document,
    /// The route table.
    pub routes: fn() -> Routes,
    /// The OpenAPI document, for callers that are known in this way.
    pub openapi: fn(AuthMode) -> Value,
    /// The audience of tokens for the API.
    pub audience: &'static str,
    /// The part of the history that is kept, if this API deletes the rest.
    pub retention: Option<Retention>,
    /// The web page.
    pub page: Page,
}
