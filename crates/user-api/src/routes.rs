//! The URL table.

mod books;
mod loans;

use actix_web::web::ServiceConfig;
use bookshelf_http::route;

/// Adds every route. The first that matches is taken, so those asked most stand first.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(route::at("/book/{namespace}").get(books::list).build())
        .service(route::at("/book/{namespace}/{id}").get(books::get).build())
        .service(
            route::at("/book/{namespace}/{id}/borrow")
                .post(loans::borrow)
                .build(),
        )
        .service(
            route::at("/book/{namespace}/{id}/return")
                .post(loans::return_book)
                .build(),
        )
        .service(route::at(route::HEALTH).get(route::health).build());
}
