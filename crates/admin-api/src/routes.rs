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
                .without_loans()
                .post(books::create)
                .streamed(),
        )
        .service(
            route::at("/book/{namespace}/{id}")
                .get(books::get)
                .at_once(books::cached)
                .without_loans()
                .put(books::update)
                .delete(books::delete),
        )
        .service(
            route::at("/book/{namespace}/{id}/category")
                .patch(books::set_category)
                .post(books::set_category),
        )
        .service(
            route::at("/book")
                .get(books::list_all)
                .at_once(books::all_listed)
                .without_loans()
                .streamed(),
        )
        .service(route::at("/namespace").get(namespaces::list).without_loans())
        .service(route::at("/loan/{namespace}").get(loans::list).streamed())
        .service(
            route::at("/loan/{namespace}/{id}")
                .get(loans::get)
                .delete(loans::delete),
        )
}
