//! Writes whose clients close the connection before the answer. The handler is dropped, but its request to the API
//! server may have succeeded, so the log and the metrics record the write.

use actix_web::http::StatusCode;

use super::{Exchange, microseconds};
use crate::trace;

/// The status of a request whose client has closed the connection, as proxies log it.
const CLIENT_CLOSED_REQUEST: u16 = 499;

impl Drop for Exchange {
    fn drop(&mut self) {
        self.forget_standing();
        let method = self.request.method();
        // Reads leave nothing behind.
        if self.is_answered || method.is_safe() {
            return;
        }
        let (code, message) = if std::thread::panicking() {
            (500, "the request was not answered: it panicked")
        } else {
            (
                CLIENT_CLOSED_REQUEST,
                "the client closed the connection before the answer",
            )
        };
        let took = self.started.elapsed();
        self.span.in_scope(|| {
            let (path, microseconds) = (self.request.path(), microseconds(took));
            tracing::info!(%method, path, status = code, microseconds, "{message}");
        });
        let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        trace::end(&self.span, status);
        self.count(status, took);
    }
}
