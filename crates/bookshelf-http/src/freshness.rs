//! Freshness: how new a read must be, and the headers that say how new an answer is.
//!
//! Every answer carries `X-Resource-Version`: nothing in the answer is newer than this version. The header is set once
//! the answer is complete, so the version may be slightly newer. A client that sends it back, to any replica, gets
//! nothing older. `Cache-Control: no-cache` requests a live read
//! ([RFC 9111, section 5.2.1.4](https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1.4)). `Age` is the time since the
//! API server last confirmed the cache ([section 5.1](https://www.rfc-editor.org/rfc/rfc9111#section-5.1)).

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::http::header::{AGE, CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, VARY};
use bookshelf_store::error::Error;
use bookshelf_store::repository::{Served, Versions};

use crate::Repository;
use crate::extract::Request;
use crate::problem::Problem;

/// The header with the version of an answer, and with the version that a request requires.
const RESOURCE_VERSION: HeaderName = HeaderName::from_static("x-resource-version");

/// Answers are for one caller, which revalidates each by its entity tag.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");
/// The request headers that an answer depends on.
const DEPENDS_ON: HeaderValue = HeaderValue::from_static("Accept, Authorization, X-TENANT-ID");

/// The refusal of a request for a version that does not arrive.
const TOO_NEW: &str = "X-Resource-Version is newer than the cache of this replica. Try again; if that does not help, leave the \
                       header out: after a restore of etcd the version may never arrive";
/// The longest wait for the version that a request requires.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest wait for the lists of a live read.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(10);
/// The interval at which the last confirmation is checked.
const CHECK_PERIOD: Duration = Duration::from_millis(100);

/// The freshness that a read requires. The cache always satisfies the default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Freshness {
    /// The version that the answer must include.
    min_version: Versions,
    /// True for a live read.
    live: bool,
}

impl Freshness {
    /// Returns true if the cache satisfies it at once.
    pub(crate) fn is_default(self) -> bool {
        !self.live && self.min_version == Versions::default()
    }
}

/// Checks the freshness of requests and answers, on one thread.
pub(crate) struct FreshnessGuard {
    repository: Arc<Repository>,
    watches_namespaces: bool,
    max_staleness: Option<Duration>,
    cached_headers: RefCell<HeaderCache>,
}

/// Header values, kept while they are correct.
struct HeaderCache {
    of: Versions,
    version: Option<HeaderValue>,
    checked: Instant,
    /// The last confirmation by the API server, as of `checked`.
    confirmed: Instant,
    seconds: u64,
    age: HeaderValue,
}

impl FreshnessGuard {
    /// Creates a guard for the answers of a repository. It refuses reads while the age exceeds `max_staleness`.
    pub(crate) fn new(repository: Arc<Repository>, max_staleness: Option<Duration>) -> Self {
        let now = Instant::now();
        Self {
            watches_namespaces: repository.watches_namespaces(),
            repository,
            max_staleness,
            cached_headers: RefCell::new(HeaderCache {
                of: Versions::default(),
                version: None,
                checked: now,
                confirmed: now,
                seconds: 0,
                age: HeaderValue::from(0),
            }),
        }
    }

    /// Returns the freshness that the head of a request requires.
    pub(crate) fn required(
        &self,
        request: &HttpRequest,
        is_stream: bool,
        now: Instant,
    ) -> Result<Freshness, Problem> {
        let min_version = min_version(request.headers())?;
        let is_read = request.method().is_safe();
        // Browsers send the directive with every request for a stream, which begins with confirmed state anyway.
        let live = is_read && requests_live_read(request.headers()) && !is_stream;
        if !live {
            self.check_staleness(is_read, now)?;
        }
        Ok(Freshness {
            min_version: min_version.unwrap_or_default(),
            live,
        })
    }

    /// Waits until the cache has the required freshness, and returns the freshness that was reached.
    pub(crate) async fn ensure(
        &self,
        request: &Request,
        is_stream: bool,
        served: Served,
        mut freshness: Freshness,
    ) -> Result<Freshness, Problem> {
        let scope = request.scope()?;
        let repository = &self.repository;
        let mut reached = Versions::default();
        if freshness.live {
            reached = repository.refresh(scope, served, REFRESH_TIMEOUT).await?;
        }
        // Only the resources that the answer depends on are waited for.
        let min_version = served.of(freshness.min_version);
        if !reached.includes(min_version) {
            let caught_up = if is_stream {
                repository
                    .catch_up_streams(scope, min_version, CATCH_UP_TIMEOUT)
                    .await
            } else {
                repository.catch_up(scope, min_version, CATCH_UP_TIMEOUT).await
            };
            caught_up.map_err(|error| match error {
                Error::NotYet => Problem::unavailable(TOO_NEW),
                error => error.into(),
            })?;
        }
        freshness.min_version = freshness.min_version.max(reached);
        Ok(freshness)
    }

    /// Adds the headers that say how new the answer to a request is.
    pub(crate) fn add_headers(
        &self,
        request: &Request,
        headers: &mut HeaderMap,
        freshness: Freshness,
        started: Instant,
        now: Instant,
    ) {
        let namespace = if self.watches_namespaces {
            request.raw_namespace()
        } else {
            None
        };
        let current = match namespace {
            Some(namespace) => self.repository.versions_in(namespace),
            None => self.repository.versions(),
        };
        let cached_headers = &mut *self.cached_headers.borrow_mut();
        if cached_headers.of != current || cached_headers.version.is_none() {
            cached_headers.of = current;
            cached_headers.version = header_value(current);
        }
        let versions = current.max(freshness.min_version);
        let version = if versions == current {
            cached_headers.version.clone()
        } else {
            header_value(versions)
        };
        if let Some(version) = version {
            headers.insert(RESOURCE_VERSION, version);
        }
        cached_headers.refresh(&self.repository, now);
        let age = if freshness.live {
            // The lists of a live read were requested after the request arrived.
            HeaderValue::from(now.saturating_duration_since(started).as_secs())
        } else {
            cached_headers.age.clone()
        };
        headers.insert(AGE, age);
        add_private(headers);
    }

    fn check_staleness(&self, is_read: bool, now: Instant) -> Result<(), Problem> {
        let Some(max_staleness) = self.max_staleness.filter(|_| is_read) else {
            return Ok(());
        };
        let mut cached_headers = self.cached_headers.borrow_mut();
        cached_headers.refresh(&self.repository, now);
        if now.saturating_duration_since(cached_headers.confirmed) <= max_staleness {
            return Ok(());
        }
        Err(Problem::unavailable(
            "the Kubernetes API has not confirmed the cache for too long, it may be out of date",
        ))
    }
}

impl HeaderCache {
    fn refresh(&mut self, repository: &Repository, now: Instant) {
        if now.saturating_duration_since(self.checked) >= CHECK_PERIOD {
            self.checked = now;
            self.confirmed = now.checked_sub(repository.age()).unwrap_or(self.confirmed);
        }
        // Counted from the last known confirmation, so that the age is never understated. The next check finds later
        // ones.
        let seconds = now.saturating_duration_since(self.confirmed).as_secs();
        if self.seconds != seconds {
            self.seconds = seconds;
            self.age = HeaderValue::from(seconds);
        }
    }
}

/// Adds the headers that keep caches from giving an answer to other callers.
pub(crate) fn add_private(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, PRIVATE);
    headers.insert(VARY, DEPENDS_ON);
}

fn header_value(versions: Versions) -> Option<HeaderValue> {
    HeaderValue::try_from(versions.to_string())
        .ok()
        .filter(|value| !value.is_empty())
}

fn min_version(headers: &HeaderMap) -> Result<Option<Versions>, Problem> {
    let Some(first) = headers.get(RESOURCE_VERSION) else {
        return Ok(None);
    };
    let is_once = headers.get_all(RESOURCE_VERSION).nth(1).is_none();
    let versions = first.to_str().ok().and_then(|text| text.trim().parse().ok());
    match versions.filter(|_| is_once) {
        Some(versions) => Ok(Some(versions)),
        None => Err(Problem::invalid(
            "X-Resource-Version",
            "must be given once, and be the X-Resource-Version of an answer",
        )),
    }
}

fn requests_live_read(headers: &HeaderMap) -> bool {
    if !headers.contains_key(CACHE_CONTROL) {
        return false;
    }
    let values = headers.get_all(CACHE_CONTROL);
    let mut directives = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    directives.any(|directive| directive.trim_ascii().eq_ignore_ascii_case(b"no-cache"))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_no_cache_asks_the_api_server() {
        let asks = |value: &'static str| {
            let request = TestRequest::default().insert_header((CACHE_CONTROL, value));
            requests_live_read(request.to_http_request().headers())
        };
        for live in ["no-cache", "No-Cache", "max-age=0, no-cache", "no-cache,no-store"] {
            assert!(asks(live), "{live}");
        }
        for cached in ["", "max-age=0", "no-store", "no-cache=x", "only-if-cached"] {
            assert!(!asks(cached), "{cached}");
        }
        assert!(!requests_live_read(
            TestRequest::default().to_http_request().headers()
        ));
    }
}
