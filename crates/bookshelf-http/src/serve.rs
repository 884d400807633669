//! The server: the API on one port, its probes on another, and an orderly end.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::dev::{ServerHandle, fn_service};
use actix_web::http::KeepAlive;
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, HttpServer};
use anyhow::Context as _;
use futures::future::BoxFuture;
use prometheus_client::registry::Registry;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;

use crate::args::ServeArgs;
use crate::connection::{Connections, HEAD_TIMEOUT};
use crate::consistency::Consistency;
use crate::extract::MaxBody;
use crate::metrics::{HttpMetrics, StreamMetrics};
use crate::refused::Refusals;
use crate::route::{Routes, Table};
use crate::stream::Streams;
use crate::{connection, probes, request};

/// How long a client has to take in the end of a stream.
const STREAM_ENDS_WITHIN: Duration = Duration::from_secs(1);

/// Whether requests should come here.
pub struct Readiness {
    is_synced: Box<dyn Fn() -> bool + Send + Sync>,
    /// That it was so once: then it stays so, and every request need not ask again.
    was_synced: AtomicBool,
    is_draining: AtomicBool,
}

impl Readiness {
    /// Ready once `is_synced` says so, until the process is about to end.
    pub fn new(is_synced: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self {
            is_synced: Box::new(is_synced),
            was_synced: AtomicBool::new(false),
            is_draining: AtomicBool::new(false),
        }
    }

    pub(crate) fn is_synced(&self) -> bool {
        if self.was_synced.load(Ordering::Relaxed) {
            return true;
        }
        let is_synced = (self.is_synced)();
        self.was_synced.store(is_synced, Ordering::Relaxed);
        is_synced
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }
}

/// Serves an API until SIGTERM or SIGINT, then finishes what is under way.
///
/// `consistency` says on each thread how new answers are; `routes` is the URL table, `data` adds what its handlers need; `registry` is what `/metrics` tells, the `refusals` of the HTTP parser included; `feed` is what keeps its cache up to date: if that ends, so does the
/// server, with an error; `last` is what is to be done when all requests have been answered.
#[expect(
    clippy::too_many_arguments,
    reason = "what a server is made of, put together once"
)]
pub(crate) async fn run(
    args: &ServeArgs,
    readiness: Readiness,
    mut registry: Registry,
    refusals: Refusals,
    feed: BoxFuture<'static, Infallible>,
    last: BoxFuture<'static, ()>,
    data: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    routes: fn() -> Routes,
    consistency: impl Fn() -> Consistency + Clone + Send + 'static,
) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let readiness = Arc::new(readiness);
    let (api, listening) = bind(args.listen, "--listen")?;
    let (ops_listener, ops_listening) = bind(args.ops_listen, "--ops-listen")?;

    let max_body = web::Data::new(MaxBody(args.max_body));
    let metrics = HttpMetrics::default();
    metrics.register(&mut registry);
    refusals.register(&mut registry);
    let api_readiness = Arc::clone(&readiness);
    let stream_metrics = StreamMetrics::default();
    stream_metrics.register(&mut registry);
    let streams = Streams::new(stream_metrics);
    let of_requests = web::Data::new(streams.clone());
    let write_timeout = args.write_timeout;
    let connections = Connections::new(refusals.clone());
    let of_server = connections.clone();
    let mut server = HttpServer::new(move || {
        let api = Rc::new(request::Api {
            table: Table::new(routes(), &metrics),
            metrics: metrics.clone(),
            consistency: consistency(),
            readiness: Arc::clone(&api_readiness),
        });
        App::new()
            .app_data(max_body.clone())
            .app_data(of_requests.clone())
            .configure(data.clone())
            .default_service(fn_service(move |request| request::answer(request, &api)))
    })
    .on_connect(move |connection, data| {
        connection::limit_writes(connection, write_timeout);
        connection::keep(connection);
        data.insert(of_server.opened());
    })
    .disable_signals()
    .client_request_timeout(HEAD_TIMEOUT)
    // Whoever opened a connection closes it, so that it is not closed under a request on its way; that its client is
    // gone the kernel notices.
    .keep_alive(KeepAlive::Os)
    .shutdown_timeout(args.shutdown_timeout.as_secs());
    if args.workers > 0 {
        server = server.workers(args.workers);
    }
    let server = server.listen(api).context("cannot serve the API")?.run();

    let ops_readiness = Arc::clone(&readiness);
    let registry = Arc::new(registry);
    let ops = move || {
        App::new()
            .wrap_fn(probes::keep_to_http)
            .configure(|config| probes::configure(config, &ops_readiness, &registry))
    };
    let of_ops = Connections::new(refusals);
    let ops_server = HttpServer::new(ops)
        .on_connect(move |connection, data| {
            connection::limit_writes(connection, write_timeout);
            data.insert(of_ops.opened());
        })
        .client_request_timeout(HEAD_TIMEOUT)
        .workers(1)
        .disable_signals()
        .listen(ops_listener)
        .context("cannot serve the probes")?
        .run();
    tracing::info!(listen = %listening, ops_listen = %ops_listening, "serving");

    let handle = server.handle();
    let ops_handle = ops_server.handle();
    let mut server = tokio::spawn(server);
    let _ops_server = tokio::spawn(ops_server);
    let feed = tokio::spawn(feed);
    let feeding = feed.abort_handle();
    let mut is_in_haste = false;
    let ended = tokio::select! {
        ended = &mut server => ended.context("the server panicked")?.context("the server failed"),
        dead = feed => Err(anyhow::anyhow!("what feeds the cache ended: {}", dead.err().map_or_else(String::new, |error| error.to_string()))),
        haste = shut_down(args, &mut signals, &readiness, (&streams, &connections), &handle) => {
            is_in_haste = haste;
            Ok(())
        }
    };
    if ended.is_ok() && !is_in_haste {
        tokio::select! {
            () = last => {}
            name = signals.next() => tracing::warn!(signal = name, "another signal: stopping at once"),
        }
    }
    // What it may still have to say would come after our last word.
    feeding.abort();
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

/// Waits for a signal, then lets load balancers notice, ends streams and lets requests finish. A second signal ends at
/// once; answers whether it did.
async fn shut_down(
    args: &ServeArgs,
    signals: &mut Signals,
    readiness: &Readiness,
    (streams, connections): (&Streams, &Connections),
    server: &ServerHandle,
) -> bool {
    let name = signals.next().await;
    tracing::info!(signal = name, "shutting down");
    readiness.is_draining.store(true, Ordering::Relaxed);
    let drain = async {
        sleep(args.shutdown_delay).await;
        // They have no end of their own, and their clients now find another replica.
        streams.end();
        tokio::select! {
            () = server.stop(true) => {}
            () = only_silent_streams_are_left(connections) => {
                let streams = connections.streams();
                tracing::info!(streams, "not waiting for clients that do not read what their streams tell");
            }
        }
    };
    tokio::select! {
        () = drain => false,
        // The server takes no second order while it carries out the first: it ends with the process.
        name = signals.next() => {
            tracing::warn!(signal = name, "a second signal: stopping at once");
            true
        }
    }
}

/// Returns when there is no connection but of streams that have been told to end: their clients do not read what they were
/// told last, and nothing short of the kernel would notice.
async fn only_silent_streams_are_left(connections: &Connections) {
    loop {
        sleep(STREAM_ENDS_WITHIN).await;
        let streams = connections.streams();
        if streams > 0 && connections.all() <= streams {
            return;
        }
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
