//! How new an answer is: what a client asks for, and what every answer says of it.
//!
//! Every answer carries `X-Resource-Version`, a version that nothing in it is newer than: it is looked up when the answer is
//! there, and may have come a moment later. A client that sends it along, to any
//! replica, is shown nothing older. `Cache-Control: no-cache` asks for what the API server has
//! ([RFC 9111, section 5.2.1.4](https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1.4)), and `Age` says how long
//! ago the API server was last heard ([section 5.1](https://www.rfc-editor.org/rfc/rfc9111#section-5.1)).

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::http::header::{AGE, CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, VARY};
use bookshelf_store::error::Error;
use bookshelf_store::repository::{Repository, Scope, Shown, Versions};
use futures::future::LocalBoxFuture;

use crate::extract::{book_key, book_path, namespace};
use crate::problem::Problem;

/// The header that carries the version of an answer, and the one that a request waits for.
const RESOURCE_VERSION: HeaderName = HeaderName::from_static("x-resource-version");

/// Answers are for one caller, and to be asked for each time: the tag then says whether anything has changed.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");
/// What an answer depends on beside the URL.
const DEPENDS_ON: HeaderValue = HeaderValue::from_static("Accept, Authorization, X-TENANT-ID");

/// The refusal of a request whose version does not come.
const NEWER: &str = "X-Resource-Version is newer than anything that this replica knows. Try again; if that does not help, \
                     leave the header out: after a restore of etcd the version may never come";
/// How long a request waits for the version it asks for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a request waits for all that the API server has of what it asks for.
const LIVE_WITHIN: Duration = Duration::from_secs(10);
/// The time between two looks at when the API server was last heard.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What answers are made of, whatever it keeps of each book.
pub(crate) trait Source: Send + Sync {
    /// The newest versions of which anything is shown, of everything or of one namespace.
    fn versions(&self, namespace: Option<&str>) -> Versions;
    /// Whether one namespace may be newer than another.
    fn watches_namespaces(&self) -> bool;
    /// The time since the API server last confirmed what is shown.
    fn age(&self) -> Duration;
    /// Waits until nothing in this scope is shown that is older.
    fn catch_up<'a>(&'a self, scope: Scope<'a>, versions: Versions) -> LocalBoxFuture<'a, Result<(), Error>>;
    /// The same, for a stream of this scope.
    fn catch_up_streams<'a>(
        &'a self,
        scope: Scope<'a>,
        versions: Versions,
    ) -> LocalBoxFuture<'a, Result<(), Error>>;
    /// Lists what an answer shows of this scope from the API server; returns the version that the cache has from then on.
    fn refresh<'a>(&'a self, scope: Scope<'a>, shown: Shown) -> LocalBoxFuture<'a, Result<Versions, Error>>;
}

impl<V: Send + Sync + 'static> Source for Repository<V> {
    fn versions(&self, namespace: Option<&str>) -> Versions {
        match namespace {
            Some(namespace) => self.versions_in(namespace),
            None => self.versions(),
        }
    }

    fn watches_namespaces(&self) -> bool {
        self.watches_namespaces()
    }

    fn age(&self) -> Duration {
        self.age()
    }

    fn catch_up<'a>(&'a self, scope: Scope<'a>, versions: Versions) -> LocalBoxFuture<'a, Result<(), Error>> {
        Box::pin(self.catch_up(scope, versions, PATIENCE))
    }

    fn catch_up_streams<'a>(
        &'a self,
        scope: Scope<'a>,
        versions: Versions,
    ) -> LocalBoxFuture<'a, Result<(), Error>> {
        Box::pin(self.catch_up_streams(scope, versions, PATIENCE))
    }

    fn refresh<'a>(&'a self, scope: Scope<'a>, shown: Shown) -> LocalBoxFuture<'a, Result<Versions, Error>> {
        Box::pin(self.refresh(scope, shown, LIVE_WITHIN))
    }
}

/// What an answer was made of beside the cache as it was.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Met {
    /// What the client had been shown, or the API server said.
    at_least: Versions,
    /// Whether the API server was asked.
    is_live: bool,
}

impl Met {
    /// Whether what is there is enough for the request, whatever it is.
    pub(crate) fn asks_for_nothing(self) -> bool {
        !self.is_live && self.at_least == Versions::default()
    }
}

/// How new answers are, on one thread.
pub(crate) struct Consistency {
    source: Arc<dyn Source>,
    watches_namespaces: bool,
    max_staleness: Option<Duration>,
    at_hand: RefCell<AtHand>,
}

/// Header values, kept for as long as they are true.
struct AtHand {
    of: Versions,
    version: Option<HeaderValue>,
    looked: Instant,
    /// The time at which the API server last confirmed what is shown, as far as that was known when last looked.
    confirmed: Instant,
    seconds: u64,
    age: HeaderValue,
}

impl Consistency {
    /// Of what this source shows; past `max_staleness` reads are refused.
    pub(crate) fn new(source: Arc<dyn Source>, max_staleness: Option<Duration>) -> Self {
        let now = Instant::now();
        Self {
            watches_namespaces: source.watches_namespaces(),
            source,
            max_staleness,
            at_hand: RefCell::new(AtHand {
                of: Versions::default(),
                version: None,
                looked: now,
                confirmed: now,
                seconds: 0,
                age: age(0),
            }),
        }
    }

    /// What the request asks for, judged by its head alone.
    pub(crate) fn asked(&self, request: &HttpRequest, is_stream: bool, now: Instant) -> Result<Met, Problem> {
        let at_least = asked_version(request.headers())?;
        let is_read = request.method().is_safe();
        // Browsers send it with every request for a stream, which begins with what the watch has told in any case.
        let is_live = is_read && asks_for_live(request.headers()) && !is_stream;
        if !is_live {
            self.check_staleness(is_read, now)?;
        }
        Ok(Met {
            at_least: at_least.unwrap_or_default(),
            is_live,
        })
    }

    /// Returns when what is shown is as new as the request asks for.
    pub(crate) async fn meet(
        &self,
        request: &HttpRequest,
        is_stream: bool,
        shown: Shown,
        mut met: Met,
    ) -> Result<Met, Problem> {
        let scope = scope(request)?;
        let mut reached = Versions::default();
        if met.is_live {
            reached = self.source.refresh(scope, shown).await?;
        }
        if !reached.includes(met.at_least) {
            let caught_up = if is_stream {
                self.source.catch_up_streams(scope, met.at_least).await
            } else {
                self.source.catch_up(scope, met.at_least).await
            };
            caught_up.map_err(|error| match error {
                Error::NotYet => Problem::unavailable(NEWER),
                error => error.into(),
            })?;
        }
        met.at_least = met.at_least.max(reached);
        Ok(met)
    }

    /// Puts into the headers of the answer to a request how new it is.
    pub(crate) fn tell(&self, request: &HttpRequest, headers: &mut HeaderMap, met: Met, now: Instant) {
        let namespace = if self.watches_namespaces {
            Some(book_path(request).0).filter(|namespace| !namespace.is_empty())
        } else {
            None
        };
        let current = self.source.versions(namespace);
        let at_hand = &mut *self.at_hand.borrow_mut();
        if at_hand.of != current || at_hand.version.is_none() {
            at_hand.of = current;
            at_hand.version = value(current);
        }
        let versions = current.max(met.at_least);
        let version = if versions == current {
            at_hand.version.clone()
        } else {
            value(versions)
        };
        if let Some(version) = version {
            headers.insert(RESOURCE_VERSION, version);
        }
        at_hand.look(&*self.source, now);
        let age = if met.is_live {
            HeaderValue::from_static("0")
        } else {
            at_hand.age.clone()
        };
        headers.insert(AGE, age);
        headers.insert(CACHE_CONTROL, PRIVATE);
        headers.insert(VARY, DEPENDS_ON);
    }

    fn check_staleness(&self, is_read: bool, now: Instant) -> Result<(), Problem> {
        let Some(max_staleness) = self.max_staleness.filter(|_| is_read) else {
            return Ok(());
        };
        let mut at_hand = self.at_hand.borrow_mut();
        at_hand.look(&*self.source, now);
        if now.saturating_duration_since(at_hand.confirmed) <= max_staleness {
            return Ok(());
        }
        Err(Problem::unavailable(
            "the Kubernetes API has not been heard for too long, what is known may be out of date",
        ))
    }
}

impl AtHand {
    fn look(&mut self, source: &dyn Source, now: Instant) {
        if now.saturating_duration_since(self.looked) >= LOOK_EVERY {
            self.looked = now;
            self.confirmed = now.checked_sub(source.age()).unwrap_or(self.confirmed);
        }
        // Counted from there on, so that it is never understated; what was confirmed since is known at the next look.
        let seconds = now.saturating_duration_since(self.confirmed).as_secs();
        if self.seconds != seconds {
            self.seconds = seconds;
            self.age = age(seconds);
        }
    }
}

fn age(seconds: u64) -> HeaderValue {
    // With the default watch timeout all ages are among these, and a copy of what is static counts no references.
    const USUAL: [&str; 12] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"];
    let usual = usize::try_from(seconds)
        .ok()
        .and_then(|seconds| USUAL.get(seconds));
    usual.map_or_else(
        || HeaderValue::from(seconds),
        |text| HeaderValue::from_static(text),
    )
}

fn value(versions: Versions) -> Option<HeaderValue> {
    HeaderValue::try_from(versions.to_string())
        .ok()
        .filter(|value| !value.is_empty())
}

/// What the request's path names. What breaks the rules of names is nothing to ask the API server for.
fn scope(request: &HttpRequest) -> Result<Scope<'_>, Problem> {
    Ok(match book_path(request) {
        ("", _) => Scope::All,
        (_, "") => Scope::Namespace(namespace(request)?),
        _ => Scope::Book(book_key(request)?),
    })
}

fn asked_version(headers: &HeaderMap) -> Result<Option<Versions>, Problem> {
    let Some(first) = headers.get(RESOURCE_VERSION) else {
        return Ok(None);
    };
    let is_once = headers.get_all(RESOURCE_VERSION).nth(1).is_none();
    let versions = first.to_str().ok().and_then(|text| text.trim().parse().ok());
    match versions.filter(|_| is_once) {
        Some(versions) => Ok(Some(versions)),
        None => Err(Problem::invalid(
            "X-Resource-Version",
            "must be, once, the version that an answer carried",
        )),
    }
}

fn asks_for_live(headers: &HeaderMap) -> bool {
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
            asks_for_live(request.to_http_request().headers())
        };
        for live in ["no-cache", "No-Cache", "max-age=0, no-cache", "no-cache,no-store"] {
            assert!(asks(live), "{live}");
        }
        for cached in ["", "max-age=0", "no-store", "no-cache=x", "only-if-cached"] {
            assert!(!asks(cached), "{cached}");
        }
        assert!(!asks_for_live(TestRequest::default().to_http_request().headers()));
    }

    #[test]
    fn a_scope_is_what_the_path_names_and_nothing_where_that_is_no_name() {
        let scope_of = |path: &str| match scope(&TestRequest::with_uri(path).to_http_request()) {
            Ok(scope) => format!("{scope:?}"),
            Err(problem) => problem.to_string(),
        };
        for (path, expected) in [
            ("/book", "All"),
            ("/namespace", "All"),
            ("/book/ns", "Namespace"),
            ("/book/ns/id", "Book"),
            ("/loan/ns/id", "Book"),
            ("/book/ns/id/borrow", "Book"),
            ("/book/BAD", "namespace_id "),
            ("/book/BAD/id", "namespace_id "),
            ("/book/ns/BAD", "id "),
            ("/book/ns/BAD/borrow", "id "),
        ] {
            assert!(scope_of(path).starts_with(expected), "{path}: {}", scope_of(path));
        }
    }
}
