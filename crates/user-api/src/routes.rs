//! The route table. The `#[utoipa::path]` attribute of each handler has its method and path.

pub(crate) mod books;
pub(crate) mod loans;

use bookshelf_http::route::Routes;
use bookshelf_http::{change, namespaces, read, service};

/// Returns every route.
#[must_use]
pub fn routes() -> Routes {
    service::routes()
        .route(read!(books::list).stream(books::stream))
        .route(read!(books::list_all).stream(books::stream))
        .route(read!(books::get))
        .route(read!(namespaces::list).without_loans())
        .route(read!(loans::list).stream(loans::stream))
        .route(read!(loans::get))
        .route(change!(loans::borrow))
        .route(change!(loans::return_book))
}
