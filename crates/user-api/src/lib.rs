//! The HTTP API of bookshelf for tenants, who find, borrow and return books.
//!
//! A request passes through [`routes`] (the route table), a handler in one of its modules, the repository, and [`view`]
//! (the wire types). [`openapi()`] describes all of it.

mod args;
mod openapi;
pub mod routes;
pub mod view;

pub use args::Args;
use bookshelf_http::api::Api;
use bookshelf_http::ui::Page;
use bookshelf_http::ui_file;
pub use openapi::openapi;

/// The web page of tenants.
const PAGE: Page = Page {
    document: include_str!("../ui/tenant.html"),
    files: &[
        ui_file!("book.js"),
        ui_file!("lending.js"),
        ui_file!("myloans.js"),
        ui_file!("tenant.de.js"),
        ui_file!("tenant.en.js"),
        ui_file!("tenant.js"),
    ],
};

/// The API: its routes, views and documents.
pub const API: Api = Api {
    name: "bookshelf-user-api",
    view: view::book,
    routes: routes::routes,
    openapi,
    retention: None,
    page: PAGE,
    audience: "bookshelf-user",
};

/// Serves the API until SIGTERM or SIGINT.
pub async fn run(args: Args) -> anyhow::Result<()> {
    bookshelf_http::run(API, &args.api).await
}
