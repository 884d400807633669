//! An API from its flags to its end: the way both binaries go.

use actix_web::web::{Data, ServiceConfig};
use bookshelf_store::connector::Connector;
use bookshelf_store::repository::{Book, Repository};
use clap::Args;

use crate::args::{KubeArgs, LogArgs, ServeArgs};
use crate::list::Lists;
use crate::serve::{self, Readiness};
use crate::telemetry;

/// The flags of an API.
#[derive(Args, Clone, Debug)]
pub struct ApiArgs {
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    kube: KubeArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Serves an API until it is told to end.
///
/// `name` is who it says it is to the API server; `view` makes of each book what the handlers find at hand in
/// `Data<Repository<V>>`; `routes` adds the routes.
pub async fn run<V: Send + Sync + 'static>(
    name: &str,
    args: &ApiArgs,
    view: fn(&Book) -> V,
    routes: fn(&mut ServiceConfig),
) -> anyhow::Result<()> {
    telemetry::init(&args.log)?;
    let connector = Connector::infer(args.kube.options(name)).await?;
    let (repository, feed) = Repository::new(&connector, view, args.kube.resync());
    let repository = Data::new(repository);
    let lists = Data::new(Lists::default());
    let cache = repository.clone();
    let readiness = Readiness::new(move || cache.is_ready());
    serve::run(&args.serve, readiness, feed, move |config| {
        config
            .app_data(repository.clone())
            .app_data(lists.clone())
            .configure(routes);
    })
    .await
}
