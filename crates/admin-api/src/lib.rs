//! The HTTP API of bookshelf for librarians: they add books, change them and take them out.
//!
//! A request's way through the code: [`routes`] (the URL table), a handler in one of its modules, the
//! repository, and back out through [`view`] (the wire types).

mod args;
pub mod routes;
pub mod view;

use actix_web::web;
use bookshelf_http::list::Lists;
use bookshelf_http::serve::{self, Readiness};
use bookshelf_http::telemetry;
use bookshelf_store::connector::Connector;

pub use args::Args;

/// The repository, which keeps each book's JSON at hand.
type Repository = bookshelf_store::repository::Repository<view::BookJson>;

/// Serves the API until it is told to end.
pub async fn run(args: Args) -> anyhow::Result<()> {
    telemetry::init(&args.log)?;
    let connector = Connector::infer(args.kube.options("bookshelf-admin-api")).await?;
    let (repository, feed) = Repository::new(&connector, view::book_json, args.kube.resync());
    let repository = web::Data::new(repository);
    let lists = web::Data::new(Lists::default());
    let cache = repository.clone();
    let readiness = Readiness::new(move || cache.is_ready());
    serve::run(&args.serve, readiness, feed, move |config| {
        config
            .app_data(repository.clone())
            .app_data(lists.clone())
            .configure(routes::configure);
    })
    .await
}
