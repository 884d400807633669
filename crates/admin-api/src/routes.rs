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
    let loans = |verb| Right::to(verb, Resource::BookLoans);
    let journals = |verb| Right::to(verb, Resource::LoanJournals);
    service::routes()
        .route(
            read!(books::list, books(Verb::List))
                .stream(books::stream)
                .without_loans(),
        )
        .route(
            read!(books::list_all, books(Verb::List))
                .stream(books::stream)
                .without_loans(),
        )
        .route(read!(books::get, books(Verb::Get)).without_loans())
        .route(change!(books::create, books(Verb::Create)))
        .route(change!(books::update, books(Verb::Update)))
        .route(change!(books::set_category, books(Verb::Patch)))
        .route(change!(
            books::delete,
            books(Verb::Delete).and_if_forced(Verb::Delete, Resource::BookLoans)
        ))
        .route(read!(namespaces::list, books(Verb::List)).without_loans())
        .route(read!(loans::list, loans(Verb::List)).stream(loans::stream))
        .route(read!(loans::get, loans(Verb::Get)))
        .route(change!(loans::delete, loans(Verb::Delete)))
        .route(read!(history::of_book, journals(Verb::List)))
        .route(read!(history::list, journals(Verb::List)))
        .route(change!(history::erase, journals(Verb::Update)))
}
