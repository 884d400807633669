//! The HTTP API of bookshelf for tenants: they find books, borrow them and bring them back.
//!
//! A request's way through the code: [`routes`] (the URL table), a handler in one of its modules, the
//! repository, and back out through [`view`] (the wire types).

mod args;
pub mod routes;
pub mod view;

pub use args::Args;

/// The repository, which keeps each book's JSON at hand.
type Repository = bookshelf_store::repository::Repository<view::BookJson>;

/// Serves the API until it is told to end.
pub async fn run(args: Args) -> anyhow::Result<()> {
    bookshelf_http::api::run(
        "bookshelf-user-api",
        &args.api,
        view::book_json,
        routes::configure,
    )
    .await
}
