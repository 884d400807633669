//! The server: the API on one port, its probes on another, and a graceful shutdown.

mod encrypted;
mod http2;
pub(crate) mod service;

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server as ActixServer, ServerHandle};
use actix_web::http::KeepAlive;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use anyhow::Context as _;
use futures::future::{BoxFuture, join};
use prometheus_client::registry::Registry;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;

use crate::api::Api;
use crate::args::{AuthMode, ServeArgs};
use crate::auth::Auth;
use crate::connection::{Connections, HEAD_TIMEOUT};
use crate::readiness::Readiness;
use crate::refused::Refusals;
use crate::stream::Streams;
use crate::tls::Tls;
use crate::{Repository, connection, probes};
use service::Service;

/// The time that a client has to read the end of a stream.
const STREAM_END_TIMEOUT: Duration = Duration::from_secs(1);
/// The longest wait for the last Kubernetes Events and the end of the history to be sent.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// A server that is not running yet.
pub(crate) struct Server<'a> {
    pub(crate) api: Api,
    pub(crate) auth_mode: AuthMode,
    pub(crate) auth: Arc<Auth>,
    pub(crate) args: &'a ServeArgs,
    /// The certificate of the API port. `None` for HTTP.
    pub(crate) tls: Option<Tls>,
    /// The age of the cache beyond which reads are refused.
    pub(crate) max_staleness: Option<Duration>,
    pub(crate) repository: Data<Repository>,
    /// The task that keeps the cache up to date. If it ends, the server ends with an error.
    pub(crate) feed: BoxFuture<'static, Infallible>,
    /// The metrics that `/metrics` serves.
    pub(crate) registry: Registry,
    /// The requests that the HTTP parser refused.
    pub(crate) refusals: Refusals,
}

impl Server<'_> {
    /// Serves until SIGTERM or SIGINT, then finishes the requests in flight.
    pub(crate) async fn run(mut self) -> anyhow::Result<()> {
        let mut signals = Signals::listen()?;
        let (api_listener, listening) = bind(self.args.listen, "--listen")?;
        let (ops_listener, ops_listening) = bind(self.args.ops_listen, "--ops-listen")?;
        self.refusals.register(&mut self.registry);
        let service = Service::new(
            self.api,
            (self.auth, self.auth_mode),
            self.repository,
            self.max_staleness,
            self.args,
            &mut self.registry,
        );
        let Service {
            repository,
            readiness,
            streams,
            ..
        } = service.clone();
        let connections = Connections::new(self.refusals.clone());

        if let Some(tls) = &self.tls {
            tls.register(&mut self.registry);
        }
        let server = serve_api(&service, self.args, self.tls.as_ref(), api_listener, &connections)?;
        let ops_server = serve_ops(self.args, ops_listener, &readiness, self.registry, self.refusals)?;
        tracing::info!(listen = %listening, ops_listen = %ops_listening, "serving");

        let handle = server.handle();
        let ops_handle = ops_server.handle();
        let mut server = tokio::spawn(server);
        let _ops_server = tokio::spawn(ops_server);
        let feed = tokio::spawn(self.feed);
        if let Some(tls) = self.tls {
            tokio::spawn(tls.keep_current());
        }
        let feed_handle = feed.abort_handle();
        let mut is_forced = false;
        let ended = tokio::select! {
            ended = &mut server => ended.context("the server panicked")?.context("the server failed"),
            dead = feed => Err(anyhow::anyhow!("the feed of the cache stopped: {}", dead.err().map_or_else(String::new, |error| error.to_string()))),
            forced = shut_down(self.args, &mut signals, &readiness, (&streams, &connections), &handle) => {
                is_forced = forced;
                Ok(())
            }
        };
        if ended.is_ok() && !is_forced {
            tokio::select! {
                _ = join(repository.flush_events(FLUSH_TIMEOUT), repository.flush_history(FLUSH_TIMEOUT)) => {}
                name = signals.next() => tracing::warn!(signal = name, "another signal: stopping at once"),
            }
        }
        // The feed must not log anything after the last line.
        feed_handle.abort();
        ops_handle.stop(false).await;
        // Logged here, because at the end of a drain either of two branches above may win.
        if ended.is_ok() {
            tracing::info!("stopped");
        }
        ended
    }
}

/// Starts the server of the API.
fn serve_api(
    service: &Service,
    args: &ServeArgs,
    tls: Option<&Tls>,
    listener: TcpListener,
    connections: &Connections,
) -> anyhow::Result<ActixServer> {
    let (service, connections) = (service.clone(), connections.clone());
    let app = move || service.app();
    if let Some(tls) = tls {
        return encrypted::serve(listener, tls.config()?, app, connections, args);
    }
    let write_timeout = args.write_timeout;
    let mut server = HttpServer::new(app)
        .on_connect(move |connection, data| {
            data.insert(connections.accepted(connection, write_timeout));
        })
        .disable_signals()
        .client_request_timeout(HEAD_TIMEOUT)
        // Closing is left to the client, so that no connection closes while a request is on its way. The kernel detects
        // a client that is gone.
        .keep_alive(KeepAlive::Os)
        .shutdown_timeout(args.shutdown_timeout.as_secs());
    if args.workers > 0 {
        server = server.workers(args.workers.into());
    }
    Ok(server.listen(listener).context("cannot serve the API")?.run())
}

/// Starts the server of the operations port.
fn serve_ops(
    args: &ServeArgs,
    listener: TcpListener,
    readiness: &Arc<Readiness>,
    registry: Registry,
    refusals: Refusals,
) -> anyhow::Result<ActixServer> {
    let (readiness, registry) = (Arc::clone(readiness), Arc::new(registry));
    let app = move || {
        App::new()
            .wrap_fn(probes::apply_http_rules)
            .configure(|config| probes::configure(config, &readiness, &registry))
    };
    let write_timeout = args.write_timeout;
    let connections = Connections::new(refusals);
    let server = HttpServer::new(app)
        .on_connect(move |connection, data| {
            connection::limit_writes(connection, write_timeout);
            data.insert(connections.opened());
        })
        .client_request_timeout(HEAD_TIMEOUT)
        .workers(1)
        .disable_signals()
        .listen(listener)
        .context("cannot serve the probes")?;
    Ok(server.run())
}

/// The signals that end a process.
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

/// Waits for a signal, gives load balancers time to notice, ends the streams and lets requests finish.
///
/// A second signal stops all of this at once. Returns true if there was one.
async fn shut_down(
    args: &ServeArgs,
    signals: &mut Signals,
    readiness: &Readiness,
    (streams, connections): (&Streams, &Connections),
    server: &ServerHandle,
) -> bool {
    let name = signals.next().await;
    tracing::info!(signal = name, "shutting down");
    readiness.drain();
    let drain = async {
        sleep(args.shutdown_delay).await;
        // Streams do not end by themselves, and their clients now find another replica.
        streams.end();
        tokio::select! {
            () = server.stop(true) => {}
            () = only_stalled_streams(connections) => {
                let streams = connections.streams();
                tracing::info!(streams, "not waiting for clients that do not read their streams");
            }
        }
    };
    tokio::select! {
        () = drain => false,
        // The server ignores a second stop during the first, so it ends with the process.
        name = signals.next() => {
            tracing::warn!(signal = name, "a second signal: stopping at once");
            true
        }
    }
}

/// Waits until the only connections left are those of ended streams. Their clients do not read the end, which only the
/// kernel would notice.
async fn only_stalled_streams(connections: &Connections) {
    loop {
        sleep(STREAM_END_TIMEOUT).await;
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
        .with_context(|| format!("cannot get the address of {flag}"))?;
    Ok((listener, bound))
}
