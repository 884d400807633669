//! An API from its flags to its end: the way both binaries go.

use std::time::Duration;

use actix_web::web::{Data, ServiceConfig};
use bookshelf_store::connector::Connector;
use bookshelf_store::metrics::Metrics;
use bookshelf_store::repository::{Book, Repository};
use clap::Args;
use prometheus_client::registry::Registry;
use serde_json::Value;

use crate::args::{CacheArgs, KubeArgs, LogArgs, ScopeArgs, ServeArgs};
use crate::consistency::Consistency;
use crate::list::Lists;
use crate::openapi::Description;
use crate::refused::Refusals;
use crate::route::Routes;
use crate::serve::{self, Readiness};
use crate::telemetry;

/// How long events that are still to be told may take at the end.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// The flags of an API.
#[derive(Args, Clone, Debug)]
pub struct ApiArgs {
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    kube: KubeArgs,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    cache: CacheArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Serves an API until it is told to end.
///
/// `name` is who it says it is to the API server, and without the prefix `bookshelf-` in traces; `view` makes of each book what the handlers find at hand in
/// `Data<Repository<V>>`; `routes` is the URL table, `openapi` describes it.
pub async fn run<V: Send + Sync + 'static>(
    name: &str,
    args: &ApiArgs,
    view: fn(&Book) -> V,
    routes: fn() -> Routes,
    openapi: fn() -> Value,
) -> anyhow::Result<()> {
    let service = name.strip_prefix("bookshelf-").unwrap_or(name);
    args.cache.check()?;
    let refusals = Refusals::default();
    let telemetry = telemetry::init(&args.log, service, &refusals)?;
    let served = serve(name, args, refusals, view, routes, openapi).await;
    telemetry.shut_down().await;
    served
}

async fn serve<V: Send + Sync + 'static>(
    name: &str,
    args: &ApiArgs,
    refusals: Refusals,
    view: fn(&Book) -> V,
    routes: fn() -> Routes,
    openapi: fn() -> Value,
) -> anyhow::Result<()> {
    let metrics = Metrics::default();
    let mut registry = Registry::default();
    metrics.register(&mut registry);
    let connector = Connector::infer(args.kube.options(name, metrics)).await?;
    let (repository, feed) = Repository::new(&connector, view, args.cache.options(&args.scope));
    let repository = Data::new(repository);
    let lists = Data::new(Lists::default());
    let (cache, told) = (repository.clone(), repository.clone());
    let openapi = Data::new(Description::new(openapi));
    let readiness = Readiness::new(move || cache.is_ready());
    let (source, max_staleness) = (repository.clone().into_inner(), args.cache.max_staleness);
    let consistency = move || Consistency::new(source.clone(), max_staleness);
    let data = move |config: &mut ServiceConfig| {
        config
            .app_data(repository.clone())
            .app_data(lists.clone())
            .app_data(openapi.clone());
    };
    let last = Box::pin(async move { told.flush_events(LAST_WORDS).await });
    serve::run(
        &args.serve,
        readiness,
        registry,
        refusals,
        feed,
        last,
        data,
        routes,
        consistency,
    )
    .await
}
