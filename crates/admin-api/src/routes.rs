//! The URL table.

mod books;

use actix_web::web::ServiceConfig;
use bookshelf_http::route;

/// Adds every route. The first that matches is taken, so those asked most stand first.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(
            route::at("/book/{namespace}")
                .get(books::list)
                .post(books::create)
                .build(),
        )
        .service(
            route::at("/book/{namespace}/{id}")
                .get(books::get)
                .put(books::update)
                .delete(books::delete)
                .build(),
        )
        .service(
            route::at("/book/{namespace}/{id}/category")
                .patch(books::set_category)
                .post(books::set_category)
                .build(),
        )
        .service(route::at(route::HEALTH).get(route::health).build());
}
