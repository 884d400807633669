//! The route table. The `#[utoipa::path]` attribute of each handler has its method and path.

pub(crate) mod books;
pub(crate) mod history;
pub(crate) mod loans;

use bookshelf_http::route::Routes;
use bookshelf_http::route::{Resource, Right, Verb};
use bookshelf_http::{change, namespaces, read, service};

/// Returns every route.
#[must_use]
pub fn routes() -> Routes {
    let books = |verb| Right::to(verb, Resource::Books);
    // A tenant's loans require no right on `bookloans`: with such a right, the user could write them without this API.
    let of_tenant = |verb| books(verb).of_tenant();
    service::routes()
        .route(read!(books::list, books(Verb::List)).stream(books::stream))
        .route(read!(books::list_all, books(Verb::List)).stream(books::stream))
        .route(read!(books::get, books(Verb::Get)))
        .route(read!(namespaces::list, books(Verb::List)).without_loans())
        .route(read!(loans::list, of_tenant(Verb::List)).stream(loans::stream))
        .route(read!(loans::get, of_tenant(Verb::Get)))
        .route(read!(history::of_book, of_tenant(Verb::Get)))
        .route(read!(history::list, of_tenant(Verb::List)))
        .route(change!(loans::borrow, of_tenant(Verb::Get)))
        .route(change!(loans::return_book, of_tenant(Verb::Get)))
}
