//! What every connection gets.

use std::any::Any;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use socket2::{SockRef, TcpKeepalive};

/// How long a connection is idle before the kernel asks whether its client is still there, and how often it asks then.
const ASK_AFTER: Duration = Duration::from_mins(1);
const ASK_EVERY: Duration = Duration::from_secs(15);

/// The connections that are open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connections(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    all: AtomicUsize,
    streams: AtomicUsize,
}

/// One of them, until it is dropped.
pub(crate) struct Connection {
    of: Connections,
    is_stream: Cell<bool>,
}

impl Connections {
    /// Counts one more.
    pub(crate) fn opened(&self) -> Connection {
        self.0.all.fetch_add(1, Ordering::Relaxed);
        Connection {
            of: self.clone(),
            is_stream: Cell::new(false),
        }
    }

    /// How many there are.
    pub(crate) fn all(&self) -> usize {
        self.0.all.load(Ordering::Relaxed)
    }

    /// How many of them are about an event stream, whether that has ended or not: what it told last may not have been
    /// taken yet.
    pub(crate) fn streams(&self) -> usize {
        self.0.streams.load(Ordering::Relaxed)
    }
}

impl Connection {
    /// Whether it is about an event stream from now on.
    pub(crate) fn is_about(&self, is_stream: bool) {
        let streams = &self.of.0.streams;
        match (self.is_stream.replace(is_stream), is_stream) {
            (false, true) => drop(streams.fetch_add(1, Ordering::Relaxed)),
            (true, false) => drop(streams.fetch_sub(1, Ordering::Relaxed)),
            _ => {}
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.is_about(false);
        self.of.0.all.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Ends a connection whose client takes nothing of what it is sent for so long. Its task is not run while there is no
/// room to write, so that it is the kernel that has to notice
/// ([`TCP_USER_TIMEOUT`](https://man7.org/linux/man-pages/man7/tcp.7.html), which counts from when the client's window
/// was closed, too; elsewhere than on Linux there is no such thing).
pub(crate) fn limit_writes(connection: &dyn Any, timeout: Duration) {
    let Some(stream) = connection.downcast_ref::<TcpStream>() else {
        return;
    };
    #[cfg(target_os = "linux")]
    if let Err(error) = SockRef::from(stream).set_tcp_user_timeout(Some(timeout)) {
        tracing::warn!(%error, "a client that does not read may keep its connection");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (SockRef::from(stream), timeout);
}

/// Keeps a connection for as long as its client is there: nobody else closes it. Of a client that is gone without a word,
/// as behind a load balancer that has forgotten the connection, the kernel notices within two minutes; on Linux, when it has
/// not answered for as long as [`limit_writes`] allows, where that is longer
/// ([RFC 9293, section 3.8.4](https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4)).
pub(crate) fn keep(connection: &dyn Any) {
    let Some(stream) = connection.downcast_ref::<TcpStream>() else {
        return;
    };
    let probes = TcpKeepalive::new()
        .with_time(ASK_AFTER)
        .with_interval(ASK_EVERY)
        .with_retries(3);
    if let Err(error) = SockRef::from(stream).set_tcp_keepalive(&probes) {
        tracing::warn!(%error, "a client that is gone may keep its connection");
    }
}
