//! The URL table.

pub(crate) mod books;
pub(crate) mod loans;

use bookshelf_http::namespaces;
use bookshelf_http::route::{self, Routes};

/// Every route.
#[must_use]
pub fn routes() -> Routes {
    route::own()
        .service(
            route::at("/book/{namespace}")
                .get(books::list)
                .at_once(books::listed)
                .streamed(),
        )
        .service(
            route::at("/book/{namespace}/{id}")
                .get(books::get)
                .at_once(books::cached),
        )
        .service(route::at("/book/{namespace}/{id}/borrow").post(loans::borrow))
        .service(route::at("/book/{namespace}/{id}/return").post(loans::return_book))
        .service(
            route::at("/book")
                .get(books::list_all)
                .at_once(books::all_listed)
                .streamed(),
        )
        .service(route::at("/namespace").get(namespaces::list).without_loans())
        .service(route::at("/loan/{namespace}").get(loans::list).streamed())
        .service(route::at("/loan/{namespace}/{id}").get(loans::get))
}
