//! The route table. The `#[utoipa::path]` attribute of each handler has its method and path.

pub(crate) mod books;
pub(crate) mod loans;

use bookshelf_http::route::Routes;
use bookshelf_http::{change, namespaces, read, service};

/// Returns every route.
#[must_use]
pub fn routes() -> Routes {
    service::routes()
        .route(read!(books::list).stream(books::stream).without_loans())
        .route(read!(books::list_all).stream(books::stream).without_loans())
        .route(read!(books::get).without_loans())
        .route(change!(books::create))
        .route(change!(books::update))
        .route(change!(books::set_category))
        .route(change!(books::delete))
        .route(read!(namespaces::list).without_loans())
        .route(read!(loans::list).stream(loans::stream))
        .route(read!(loans::get))
        .route(change!(loans::delete))
}
