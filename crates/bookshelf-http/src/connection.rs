//! Connections: their timeouts and their number.

use std::any::Any;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::rt::net::TcpStream;
use socket2::{SockRef, TcpKeepalive};
use tokio_rustls::server::TlsStream;

use crate::refused::Refusals;

/// The idle time before the kernel probes a client, and the time between probes.
const KEEPALIVE_TIME: Duration = Duration::from_mins(1);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// The longest time from the opening of a connection to the head of its first request.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// The time by which that timeout may fire early: the server's clock has steps of half a second.
const CLOCK_STEP: Duration = Duration::from_millis(600);

/// The open connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connections {
    counts: Arc<Counts>,
    refusals: Refusals,
}

#[derive(Debug, Default)]
struct Counts {
    all: AtomicUsize,
    streams: AtomicUsize,
}

/// An open connection, until it is dropped.
pub(crate) struct Connection {
    of: Connections,
    is_stream: Cell<bool>,
    /// True once a request has arrived.
    is_used: Cell<bool>,
    opened: Instant,
}

impl Connections {
    /// Creates an empty set. Connections that are closed because no request arrived count as `refusals`.
    pub(crate) fn new(refusals: Refusals) -> Self {
        Self {
            counts: Arc::default(),
            refusals,
        }
    }

    /// Counts a new connection to the API, limits its writes, and enables TCP keepalive.
    pub(crate) fn accepted(&self, connection: &dyn Any, write_timeout: Duration) -> Connection {
        limit_writes(connection, write_timeout);
        keep(connection);
        self.opened()
    }

    /// Counts a new connection.
    pub(crate) fn opened(&self) -> Connection {
        self.counts.all.fetch_add(1, Ordering::Relaxed);
        Connection {
            of: self.clone(),
            is_stream: Cell::new(false),
            is_used: Cell::new(false),
            opened: Instant::now(),
        }
    }

    /// Returns the number of open connections.
    pub(crate) fn all(&self) -> usize {
        self.counts.all.load(Ordering::Relaxed)
    }

    /// Returns the number of connections with an event stream, including ended streams: their clients may not have read
    /// the end.
    pub(crate) fn streams(&self) -> usize {
        self.counts.streams.load(Ordering::Relaxed)
    }
}

impl Connection {
    /// Records a request, which has no event stream yet.
    pub(crate) fn note_request(&self) {
        self.is_used.set(true);
        self.set_stream(false);
    }

    /// Records that the connection has an event stream from now on, or none.
    pub(crate) fn set_stream(&self, is_stream: bool) {
        let streams = &self.of.counts.streams;
        match (self.is_stream.replace(is_stream), is_stream) {
            (false, true) => drop(streams.fetch_add(1, Ordering::Relaxed)),
            (true, false) => drop(streams.fetch_sub(1, Ordering::Relaxed)),
            _ => {}
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.set_stream(false);
        self.of.counts.all.fetch_sub(1, Ordering::Relaxed);
        // The server answers 408 itself, and reports it nowhere. Few clients close a connection at exactly that time.
        if !self.is_used.get() && self.opened.elapsed() + CLOCK_STEP >= HEAD_TIMEOUT {
            let refusals = &self.of.refusals;
            refusals.refused(StatusCode::REQUEST_TIMEOUT, "no whole head came in time");
        }
    }
}

/// Returns the socket of a connection, with TLS or without.
fn socket(connection: &dyn Any) -> Option<&TcpStream> {
    let encrypted = || {
        connection
            .downcast_ref::<TlsStream<TcpStream>>()
            .map(|stream| stream.get_ref().0)
    };
    connection.downcast_ref::<TcpStream>().or_else(encrypted)
}

/// Closes a connection whose client reads nothing for `timeout`. Its task does not run while the socket has no room, so
/// this is left to the kernel ([`TCP_USER_TIMEOUT`](https://man7.org/linux/man-pages/man7/tcp.7.html), Linux only,
/// which also counts while the client's window is closed).
pub(crate) fn limit_writes(connection: &dyn Any, timeout: Duration) {
    let Some(stream) = socket(connection) else {
        return;
    };
    #[cfg(target_os = "linux")]
    if let Err(error) = SockRef::from(stream).set_tcp_user_timeout(Some(timeout)) {
        tracing::warn!(%error, "a client that does not read may keep its connection");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (SockRef::from(stream), timeout);
}

/// Enables TCP keepalive, since nothing else closes an idle connection. The kernel detects within two minutes that a
/// client is gone without a last packet, such as behind a load balancer that has forgotten the connection; on Linux
/// after the timeout of [`limit_writes`], if that is longer
/// ([RFC 9293, section 3.8.4](https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4)).
fn keep(connection: &dyn Any) {
    let Some(stream) = socket(connection) else {
        return;
    };
    let probes = TcpKeepalive::new()
        .with_time(KEEPALIVE_TIME)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(3);
    if let Err(error) = SockRef::from(stream).set_tcp_keepalive(&probes) {
        tracing::warn!(%error, "a client that is gone may keep its connection");
    }
}
