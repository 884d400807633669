//! The OpenAPI document.

use serde_json::Value;
use utoipa::OpenApi as _;

use crate::routes::routes;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "bookshelf for librarians",
        description = "Adds books, changes them and takes them out. Every error is a problem document (RFC 9457), but for \
                       what the HTTP parser cannot read (400, 408 and 431 without a body), every answer about books says at \
                       which version it was served, and `HEAD` works where `GET` does."
    ),
    tags(
        (name = "books", description = "What the library has."),
        (name = "loans", description = "Who has which book."),
        (name = "service", description = "The service itself.")
    ),
)]
struct Api;

/// The document that `/openapi.json` serves.
#[must_use]
pub fn openapi() -> Value {
    bookshelf_http::openapi::document(Api::openapi(), routes())
}
