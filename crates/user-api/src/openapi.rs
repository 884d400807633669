//! The OpenAPI document.

use bookshelf_http::args::AuthMode;
use serde_json::Value;
use utoipa::OpenApi as _;

use crate::routes::routes;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "bookshelf for tenants",
        description = "Finds, borrows and returns books. Every error is a problem document (RFC 9457), except for requests that the HTTP parser \
                       cannot read: those get 400, 408 or 431 without a body. Every answer about books has the version at \
                       which it was served. `HEAD` works where `GET` does, and has the same headers and no body."
    ),
    tags(
        (name = "books", description = "The books of the library."),
        (name = "loans", description = "The books that are on loan, and their borrowers."),
        (name = "history", description = "What happened to books and loans."),
        (name = "service", description = "The service itself.")
    ),
)]
struct ApiDoc;

/// The document that `/openapi.json` serves.
#[must_use]
pub fn openapi(auth_mode: AuthMode) -> Value {
    bookshelf_http::openapi::document(ApiDoc::openapi(), routes(), auth_mode)
}
