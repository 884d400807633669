//! HTTP/2, by `h2`. `actix-http` supports it too, but does not limit the requests and headers of a connection, waits
//! forever for a client that does not read an answer, and sends no GOAWAY, so that its shutdown breaks requests in
//! flight.

mod exchange;
mod shared;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use actix_http::Request;
use actix_server::GracefulShutdownSignal;
use actix_service::Service;
use actix_web::HttpResponse;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::rt::net::TcpStream;
use actix_web::web::Bytes;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use h2::server::Builder;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use crate::connection::{Connection, Connections, HEAD_TIMEOUT};
use shared::Shared;

/// The maximum number of requests in flight on one connection. RFC 9113 (section 6.5.2) recommends no fewer than 100.
const REQUESTS: u32 = 256;
/// The largest head of a request in bytes, as HTTP/2 counts them. Larger ones are answered with 431.
const HEAD: u32 = 64 << 10;
/// The bytes of an answer that are buffered for its client.
const SEND_BUFFER: usize = 64 << 10;
/// The time that a client has to close a connection that has ended cleanly.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// The bytes that a client may send ahead, both of one body and on one connection.
const WINDOW: u32 = 256 << 10;

/// The server of one thread.
pub(super) struct Server<A> {
    app: A,
    write_timeout: Duration,
    connections: Connections,
    ending: GracefulShutdownSignal,
}

impl<A, B> Server<A>
where
    A: Service<Request, Response = ServiceResponse<B>, Error = HttpResponse<BoxBody>>,
    B: MessageBody,
{
    pub(super) fn new(
        app: A,
        write_timeout: Duration,
        connections: Connections,
        ending: GracefulShutdownSignal,
    ) -> Self {
        Self {
            app,
            write_timeout,
            connections,
            ending,
        }
    }

    /// Serves a connection until its client closes it. On shutdown, GOAWAY keeps the client from sending more requests,
    /// and those in flight are answered.
    pub(super) async fn serve(&self, stream: TlsStream<TcpStream>, peer: Option<SocketAddr>) {
        let opened = self.connections.accepted(&stream, self.write_timeout);
        // There are many small frames, which Nagle's algorithm would only delay.
        let _ = stream.get_ref().0.set_nodelay(true);
        let mut builder = Builder::new();
        builder
            .max_concurrent_streams(REQUESTS)
            .max_header_list_size(HEAD)
            .max_send_buffer_size(SEND_BUFFER)
            .initial_window_size(WINDOW)
            .initial_connection_window_size(WINDOW);
        let stream = Shared::new(stream);
        let Ok(Ok(connection)) = timeout(HEAD_TIMEOUT, builder.handshake(stream.clone())).await else {
            return;
        };
        if self.answer(connection, peer, &opened).await {
            // Shutdown waits for this, unlike for streams.
            opened.set_stream(false);
            // With unread data, the kernel would reset the connection, and the client could lose the last answers.
            let _ = timeout(CLOSE_TIMEOUT, stream.drain()).await;
        }
    }

    /// Answers the requests of a connection. Returns true once it has ended cleanly.
    async fn answer(
        &self,
        mut connection: h2::server::Connection<Shared<TlsStream<TcpStream>>, Bytes>,
        peer: Option<SocketAddr>,
        opened: &Connection,
    ) -> bool {
        opened.note_request();
        let unanswered = PendingRequests::new(opened);
        let mut ending = pin!(self.ending.notified());
        let mut is_ending = false;
        let mut exchanges = FuturesUnordered::new();
        loop {
            tokio::select! {
                () = &mut ending, if !is_ending => {
                    is_ending = true;
                    connection.graceful_shutdown();
                }
                Some(ended) = exchanges.next() => if Result::<(), _>::is_err(&ended) {
                    tracing::error!("a handler panicked: its request is reset; other requests on the connection continue");
                },
                accepted = connection.accept() => match accepted {
                    Some(Ok((request, respond))) => {
                        let exchange = exchange::serve(&self.app, request, respond, peer, self.write_timeout, &unanswered);
                        // Nothing of an exchange that has panicked is used again.
                        exchanges.push(AssertUnwindSafe(exchange).catch_unwind());
                    }
                    Some(Err(error)) => {
                        tracing::debug!(%error, "an HTTP/2 connection has ended");
                        return false;
                    }
                    None => return true,
                }
            }
        }
    }
}

/// The requests of a connection that shutdown must wait for: all but event streams.
struct PendingRequests<'a> {
    connection: &'a Connection,
    count: Cell<u32>,
}

/// One of these requests, until it is dropped.
struct PendingRequest<'a>(&'a PendingRequests<'a>);

impl<'a> PendingRequests<'a> {
    fn new(connection: &'a Connection) -> Self {
        connection.set_stream(true);
        Self {
            connection,
            count: Cell::new(0),
        }
    }

    fn begin(&'a self) -> PendingRequest<'a> {
        self.change(self.count.get() + 1);
        PendingRequest(self)
    }

    fn change(&self, count: u32) {
        self.count.set(count);
        self.connection.set_stream(count == 0);
    }
}

impl Drop for PendingRequest<'_> {
    fn drop(&mut self) {
        self.0.change(self.0.count.get() - 1);
    }
}
