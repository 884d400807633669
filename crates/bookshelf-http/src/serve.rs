//! The server: the API on one port, its probes on another, and an orderly end.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, HttpServer};
use anyhow::Context as _;
use futures::future::BoxFuture;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;

use crate::args::ServeArgs;
use crate::extract::MaxBody;
use crate::{probes, request, route};

/// How long an idle connection is kept: longer than load balancers keep theirs, so that it is not closed under
/// a request on its way.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Whether requests should come here.
pub struct Readiness {
    is_synced: Box<dyn Fn() -> bool + Send + Sync>,
    is_draining: AtomicBool,
}

impl Readiness {
    /// Ready once `is_synced` says so, until the process is about to end.
    pub fn new(is_synced: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self {
            is_synced: Box::new(is_synced),
            is_draining: AtomicBool::new(false),
        }
    }

    pub(crate) fn is_synced(&self) -> bool {
        (self.is_synced)()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }
}

/// Serves an API until SIGTERM or SIGINT, then finishes what is under way.
///
/// `routes` adds the API's routes; `feed` is what keeps its cache up to date: if that ends, so does the
/// server, with an error.
pub async fn run(
    args: &ServeArgs,
    readiness: Readiness,
    feed: BoxFuture<'static, Infallible>,
    routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let readiness = Arc::new(readiness);
    let (api, listening) = bind(args.listen, "--listen")?;
    let (ops, ops_listening) = bind(args.ops_listen, "--ops-listen")?;

    let max_body = web::Data::new(MaxBody(args.max_body));
    let api_readiness = web::Data::from(Arc::clone(&readiness));
    let mut server = HttpServer::new(move || {
        App::new()
            .app_data(max_body.clone())
            .app_data(api_readiness.clone())
            .wrap_fn(request::observe)
            .configure(routes.clone())
            .default_service(web::to(route::not_found))
    })
    .disable_signals()
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(args.shutdown_timeout.as_secs());
    if args.workers > 0 {
        server = server.workers(args.workers);
    }
    let server = server.listen(api).context("cannot serve the API")?.run();

    let ops_readiness = Arc::clone(&readiness);
    let ops_server =
        HttpServer::new(move || App::new().configure(|config| probes::configure(config, &ops_readiness)))
            .workers(1)
            .disable_signals()
            .listen(ops)
            .context("cannot serve the probes")?
            .run();
    tracing::info!(listen = %listening, ops_listen = %ops_listening, "serving");

    let handle = server.handle();
    let ops_handle = ops_server.handle();
    let mut server = tokio::spawn(server);
    let _ops_server = tokio::spawn(ops_server);
    let feed = tokio::spawn(feed);
    let ended = tokio::select! {
        ended = &mut server => ended.context("the server panicked")?.context("the server failed"),
        dead = feed => Err(anyhow::anyhow!("what feeds the cache ended: {}", dead.err().map_or_else(String::new, |error| error.to_string()))),
        () = shut_down(args, &mut signals, &readiness, &handle) => Ok(()),
    };
    ops_handle.stop(false).await;
    // Here, because at the end of a drain either of two branches above may be the first to see it.
    if ended.is_ok() {
        tracing::info!("stopped");
    }
    ended
}

/// The signals that end a process, listened to from here on.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Waits for a signal, then lets load balancers notice and requests finish. A second signal ends at once.
async fn shut_down(args: &ServeArgs, signals: &mut Signals, readiness: &Readiness, server: &ServerHandle) {
    let name = signals.next().await;
    tracing::info!(signal = name, "shutting down");
    readiness.is_draining.store(true, Ordering::Relaxed);
    let drain = async {
        sleep(args.shutdown_delay).await;
        server.stop(true).await;
    };
    tokio::select! {
        () = drain => {}
        // The server takes no second order while it carries out the first: it ends with the process.
        name = signals.next() => tracing::warn!(signal = name, "a second signal: stopping at once"),
    }
}

fn bind(address: SocketAddr, flag: &str) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address)
        .with_context(|| format!("cannot listen on {address}: choose another address with {flag}"))?;
    let bound = listener
        .local_addr()
        .with_context(|| format!("cannot tell the address of {flag}"))?;
    Ok((listener, bound))
}
