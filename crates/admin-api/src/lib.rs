//! The HTTP API of bookshelf for librarians, who add, change and delete books.
//!
//! The way of a request through the code: [`routes`] (the URL table), a handler in one of its modules, the
//! repository, and back out through [`view`] (the wire types). [`openapi()`] describes all of it.

mod args;
mod openapi;
pub mod routes;
pub mod view;

pub use args::Args;
use bookshelf_http::api::Api;
pub use openapi::openapi;

/// Serves the API until SIGTERM or SIGINT.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let api = Api {
        name: "bookshelf-admin-api",
        view: view::book,
        routes: routes::routes,
        openapi,
        audience: "bookshelf-admin",
    };
    bookshelf_http::api::run(api, &args.api).await
}
