//! The HTTP API of bookshelf for librarians: they add books, change them and take them out.
//!
//! A request's way through the code: [`routes`] (the URL table), a handler in one of its modules, the
//! repository, and back out through [`view`] (the wire types). [`openapi()`] describes all of it.

mod args;
mod openapi;
pub mod routes;
pub mod view;

pub use args::Args;
pub use openapi::openapi;

/// Serves the API until it is told to end.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let name = "bookshelf-admin-api";
    bookshelf_http::api::run(name, &args.api, view::book, routes::routes, openapi).await
}
