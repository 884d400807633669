//! The API port with TLS: HTTP/1.1 by `actix-http`, [HTTP/2](super::http2) by `h2`.

use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::{HttpService, Protocol, Request};
use actix_server::Server;
use actix_service::{
    IntoServiceFactory, Service as _, ServiceFactory, ServiceFactoryExt as _, fn_factory, fn_service,
    map_config,
};
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, ServiceResponse};
use actix_web::http::KeepAlive;
use actix_web::rt::net::TcpStream;
use anyhow::Context as _;
use rustls::ServerConfig;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::http2;
use crate::args::ServeArgs;
use crate::connection::{Connections, HEAD_TIMEOUT};
use crate::tls::HTTP_2;

/// The time that a client has to close a connection that the server has closed, as in `actix-web`.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Starts a server with one app for each thread and protocol.
pub(super) fn serve<F, I, S, B>(
    listener: TcpListener,
    config: ServerConfig,
    app: F,
    connections: Connections,
    args: &ServeArgs,
) -> anyhow::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig, Response = ServiceResponse<B>, Error = Error> + 'static,
    S::InitError: std::fmt::Debug,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    let mut builder = Server::build()
        .disable_signals()
        .shutdown_timeout(args.shutdown_timeout.as_secs());
    if args.workers > 0 {
        builder = builder.workers(args.workers.into());
    }
    let ending = builder.graceful_shutdown_signal();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let write_timeout = args.write_timeout;
    let factory = move || {
        let (app, acceptor, connections, ending) =
            (app.clone(), acceptor.clone(), connections.clone(), ending.clone());
        fn_factory(move || {
            let (acceptor, connections, ending) = (acceptor.clone(), connections.clone(), ending.clone());
            let (opened, signal) = (connections.clone(), ending.clone());
            // The same settings as on the port without TLS.
            let http_1 = HttpService::build()
                .graceful_shutdown_signal(move || {
                    let signal = signal.clone();
                    async move { signal.notified().await }
                })
                .keep_alive(KeepAlive::Os)
                .client_request_timeout(HEAD_TIMEOUT)
                .client_disconnect_timeout(DISCONNECT_TIMEOUT)
                .on_connect_ext(move |stream: &TlsStream<TcpStream>, data| {
                    data.insert(opened.accepted(stream, write_timeout));
                });
            let http_1 = http_1.finish(map_config(
                app().into_factory().map_err(|error| error.error_response()),
                |()| AppConfig::default(),
            ));
            let http_1 = http_1.new_service(());
            let http_2 = app()
                .into_factory()
                .map_err(|error| error.error_response())
                .new_service(AppConfig::default());
            async move {
                let http_1 = Rc::new(http_1.await?);
                let app = http_2
                    .await
                    .map_err(|error| tracing::error!(?error, "cannot serve HTTP/2"))?;
                let http_2 = Rc::new(http2::Server::new(app, write_timeout, connections, ending));
                Ok::<_, ()>(fn_service(move |stream: TcpStream| {
                    let (acceptor, http_1, http_2) =
                        (acceptor.clone(), Rc::clone(&http_1), Rc::clone(&http_2));
                    async move {
                        let peer = stream.peer_addr().ok();
                        // Anybody can connect without TLS: not worth a line in the log.
                        let Ok(Ok(stream)) = timeout(HEAD_TIMEOUT, acceptor.accept(stream)).await else {
                            return Ok::<_, ()>(());
                        };
                        if stream.get_ref().1.alpn_protocol() == Some(HTTP_2) {
                            http_2.serve(stream, peer).await;
                        } else if let Err(error) = http_1.call((stream, Protocol::Http1, peer)).await {
                            tracing::debug!(%error, "a connection has ended");
                        }
                        Ok(())
                    }
                }))
            }
        })
    };
    let server = builder.listen("api", listener, factory);
    Ok(server.context("cannot serve the API")?.run())
}
