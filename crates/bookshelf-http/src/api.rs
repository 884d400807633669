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
    /// The client name sent to the API server and, without the prefix `bookshelf-`, the service name in traces.
    pub name: &'static str,
    /// Creates the view of a book, which the cache keeps for each book.
    pub view: fn(&Book) -> Document,
    /// The route table.
    pub routes: fn() -> Routes,
    /// Generates the OpenAPI document for an authentication mode.
    pub openapi: fn(AuthMode) -> Value,
    /// The audience of tokens for the API.
    pub audience: &'static str,
    /// The retention of the history, if this API enforces it.
    pub retention: Option<Retention>,
    /// The web page.
    pub page: Page,
}
