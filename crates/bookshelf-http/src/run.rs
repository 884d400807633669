//! The lifecycle of an API process, from its flags to its shutdown. Both binaries call [`run`].

use std::process::ExitCode;
use std::sync::Arc;

use actix_web::web::Data;
use anyhow::Context as _;
use bookshelf_store::access::Access;
use bookshelf_store::connector::Connector;
use bookshelf_store::metrics::Metrics;
use clap::Args;
use prometheus_client::registry::Registry;

use crate::Repository;
use crate::api::Api;
use crate::args::{
    AuthArgs, AuthMode, CacheArgs, HistoryArgs, KubeArgs, List, LogArgs, ScopeArgs, ServeArgs,
};
use crate::auth::{Auth, HeaderMode, TokenMode};
use crate::refused::Refusals;
use crate::serve::Server;
use crate::telemetry;
use crate::tls::Tls;

/// The flags of an API.
#[derive(Args, Clone, Debug)]
pub struct ApiArgs {
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
    #[command(flatten)]
    auth: AuthArgs,
    #[command(flatten)]
    kube: KubeArgs,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    cache: CacheArgs,
    #[command(flatten)]
    history: HistoryArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Serves an API until SIGTERM or SIGINT.
pub async fn run(api: Api, args: &ApiArgs) -> anyhow::Result<()> {
    let service = api.name.strip_prefix("bookshelf-").unwrap_or(api.name);
    args.cache.check()?;
    args.auth.check(args.serve.listen)?;
    let refusals = Refusals::default();
    let telemetry = telemetry::init(&args.log, service, &refusals)?;
    let served = serve(api, args, refusals).await;
    telemetry.shut_down().await;
    served
}

/// Returns the exit code for the result of [`run`]. An error is printed with its causes and without a backtrace, which
/// does not help an operator: with `RUST_BACKTRACE` set, it would fill a Pod's last lines.
#[must_use]
pub fn end(ended: anyhow::Result<()>) -> ExitCode {
    let Err(error) = ended else {
        return ExitCode::SUCCESS;
    };
    eprintln!("Error: {error:#}");
    ExitCode::FAILURE
}

async fn serve(api: Api, args: &ApiArgs, refusals: Refusals) -> anyhow::Result<()> {
    let tls = Tls::load(&args.serve)?;
    let metrics = Metrics::default();
    let mut registry = Registry::default();
    metrics.register(&mut registry);
    let connector = Connector::infer(args.kube.options(api.name, metrics))
        .await
        .context("cannot connect to the Kubernetes API; --kubeconfig names a kubeconfig")?;
    let mut options = args.cache.options(&args.scope, &args.history);
    options.retention = api.retention;
    let (repository, feed) = Repository::new(&connector, api.view, options);
    let server = Server {
        api,
        auth_mode: args.auth.auth_mode,
        auth: auth(api, args, &connector),
        args: &args.serve,
        tls,
        max_staleness: args.cache.max_staleness,
        repository: Data::new(repository),
        feed,
        registry,
        refusals,
    };
    server.run().await
}

/// Returns the authorization of requests that the flags select.
fn auth(api: Api, args: &ApiArgs, connector: &Connector) -> Arc<Auth> {
    let trusted = List::all(&args.auth.trusted_proxy);
    let mut audiences = List::all(&args.auth.auth_audience);
    if audiences.is_empty() {
        audiences.push(api.audience.to_owned());
    }
    Arc::new(match args.auth.auth_mode {
        AuthMode::Header => {
            if trusted.is_empty() {
                tracing::info!("header mode: every caller on this machine is trusted");
            }
            Auth::Header(HeaderMode::new(trusted))
        }
        AuthMode::Token => {
            let is_encrypted = args.serve.tls_cert_file.is_some();
            if !is_encrypted && !args.serve.listen.ip().to_canonical().is_loopback() {
                tracing::warn!(
                    "tokens travel in the clear, unless a proxy in front of this API terminates TLS"
                );
            }
            Auth::Token(TokenMode::new(Access::new(connector, audiences)))
        }
    })
}
