//! The HTTP API of bookshelf for librarians, who add, change and delete books.
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

/// The web page of librarians.
const PAGE: Page = Page {
    document: include_str!("../ui/librarian.html"),
    files: &[
        ui_file!("book.js"),
        ui_file!("bookview.js"),
        ui_file!("conflict.js"),
        ui_file!("form.js"),
        ui_file!("librarian.de.js"),
        ui_file!("librarian.en.js"),
        ui_file!("librarian.js"),
    ],
};

/// The API: its routes, views and documents.
pub const API: Api = Api {
    name: "bookshelf-admin-api",
    view: view::book,
    routes: routes::routes,
    openapi,
    retention: None,
    page: PAGE,
    audience: "bookshelf-admin",
};

/// Serves the API until SIGTERM or SIGINT.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let api = Api {
        retention: Some(args.retention.retention()),
        ..API
    };
    bookshelf_http::run(api, &args.api).await
}
