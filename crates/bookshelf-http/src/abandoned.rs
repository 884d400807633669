//! Writes whose clients go away before they are answered. The handler ends where it stands then, and what it has asked for
//! may have been carried out: the log and the metrics say that somebody asked.

use std::rc::Rc;
use std::time::Instant;

use actix_web::HttpRequest;
use actix_web::http::{Method, StatusCode};
use tracing::Span;

use crate::metrics::HttpMetrics;
use crate::route::Route;
use crate::trace;

/// What no client is told: nobody is there to be told. Proxies log it so.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// A write that is not answered yet. Dropped before it is, it tells of that.
pub(crate) struct Unanswered {
    method: Method,
    path: String,
    span: Span,
    started: Instant,
    route: Option<Rc<Route>>,
    all: HttpMetrics,
    is_answered: bool,
}

impl Unanswered {
    /// Of a request in this span, to this route, if there is one; nothing for reads, which leave nothing behind.
    pub(crate) fn write(
        request: &HttpRequest,
        span: &Span,
        started: Instant,
        route: Option<&Rc<Route>>,
        all: &HttpMetrics,
    ) -> Option<Self> {
        let method = request.method();
        (!method.is_safe()).then(|| Self {
            method: method.clone(),
            path: request.path().to_owned(),
            span: span.clone(),
            started,
            route: route.cloned(),
            all: all.clone(),
            is_answered: false,
        })
    }

    /// There is an answer, which is logged and counted as any.
    pub(crate) fn answered(mut self) {
        self.is_answered = true;
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if self.is_answered {
            return;
        }
        let (code, message) = if std::thread::panicking() {
            (500, "the request was not answered: it panicked")
        } else {
            (CLIENT_CLOSED_REQUEST, "the client went away before its answer")
        };
        let took = self.started.elapsed();
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let Self { method, path, .. } = self;
        self.span.in_scope(|| {
            tracing::info!(%method, path, status = code, microseconds, "{message}");
        });
        let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        trace::end(&self.span, status);
        match &self.route {
            Some(route) => route.metrics.answered(status, took),
            None => self.all.unrouted(&self.method, status, took),
        }
    }
}
