//! The freshness of the served state, and the ways to raise it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use futures::future::{join, join_all};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::error::Error;
use super::version::NotAVersion;
use super::{BookKey, Collection, Namespace, Repository};
use crate::cache::{Deletion, NotYet, Part};
use crate::object::{ObjectKey, ResourceVersion};

/// The time that the watch has to report a version before a live read. A change usually takes milliseconds.
const WATCH_REACHES_WITHIN: Duration = Duration::from_millis(200);

/// The time that the watch has to report the version of a deletion, which the API server's answer does not contain.
const DELETION_CONFIRMED_WITHIN: Duration = Duration::from_secs(1);

/// The time by which the end of a watch may be late before the watch counts as failed.
const WATCH_ENDS_WITHIN: Duration = Duration::from_secs(5);

/// A version of the served state: one of each resource, since versions of different resources cannot be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// The version of the books; `None` before their first list.
    pub books: Option<ResourceVersion>,
    /// The version of the loans, likewise.
    pub loans: Option<ResourceVersion>,
}

impl Versions {
    /// Returns the newer version of each resource.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            books: self.books.max(other.books),
            loans: self.loans.max(other.loans),
        }
    }

    /// Returns true if neither version is older than its counterpart in `other`.
    #[must_use]
    pub fn includes(self, other: Self) -> bool {
        self.books >= other.books && self.loans >= other.loans
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.books, self.loans) {
            (Some(books), Some(loans)) => write!(f, "{books}.{loans}"),
            // Before the first lists, nothing is served.
            _ => Ok(()),
        }
    }
}

impl FromStr for Versions {
    type Err = NotAVersion;

    /// Parses the output of [`Display`](fmt::Display). One number, as kubectl shows it, is the version of both
    /// resources.
    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let (books, loans) = text.split_once('.').unwrap_or((text, text));
        let version = |text: &str| text.parse().map(Some).map_err(|_| NotAVersion);
        Ok(Self {
            books: version(books)?,
            loans: version(loans)?,
        })
    }
}

/// The objects that must be fresh for an operation.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// All books and loans.
    All,
    /// The books and loans of a namespace.
    Namespace(Namespace<'a>),
    /// A book and its loan.
    Book(BookKey<'a>),
}

impl<'a> Scope<'a> {
    fn part(self) -> Part<'a> {
        match self {
            Self::All => Part::All,
            Self::Namespace(namespace) => Part::Namespace(namespace.as_str()),
            Self::Book(BookKey { namespace, id }) => Part::Object { namespace, name: id },
        }
    }

    fn namespace(self) -> Option<&'a str> {
        match self {
            Self::All => None,
            Self::Namespace(namespace) => Some(namespace.as_str()),
            Self::Book(BookKey { namespace, .. }) => Some(namespace),
        }
    }
}

/// The resources that an answer serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Served {
    /// Books and their loans, or loans and the books that decide whether the loans count.
    #[default]
    BooksAndLoans,
    /// Books only.
    Books,
}

impl Served {
    /// Returns the versions of only these resources.
    #[must_use]
    pub fn of(self, versions: Versions) -> Versions {
        match self {
            Self::BooksAndLoans => versions,
            Self::Books => Versions {
                loans: None,
                ..versions
            },
        }
    }
}

impl<V: Send + Sync + 'static> Repository<V> {
    /// Returns the newest versions of the served state. After [`catch_up`](Self::catch_up) to them, reads on any
    /// replica are no older.
    #[must_use]
    pub fn versions(&self) -> Versions {
        Versions {
            books: self.books.reader.load().newest_version(),
            loans: self.loans.reader.load().newest_version(),
        }
    }

    /// Returns the newest versions of one namespace. With one watch per namespace, changes in other namespaces do not
    /// raise them. For a namespace that is not served, returns the versions of all.
    #[must_use]
    pub fn versions_in(&self, namespace: &str) -> Versions {
        if self.check_namespace(namespace).is_err() {
            return self.versions();
        }
        Versions {
            books: self.books.reader.load().newest_version_in(namespace),
            loans: self.loans.reader.load().newest_version_in(namespace),
        }
    }

    /// Returns true if namespaces are watched one by one.
    #[must_use]
    pub fn watches_namespaces(&self) -> bool {
        !self.options.namespaces.is_empty()
    }

    /// Returns the time since the last confirmation of both books and loans.
    #[must_use]
    pub fn age(&self) -> Duration {
        let (books, loans) = (self.books.reader.age(), self.loans.reader.age());
        books.max(loans).unwrap_or_default()
    }

    /// Waits until everything served in this scope is at least as new as `versions`.
    ///
    /// If something has changed up to these versions, the watches report it within milliseconds. If nothing has, they
    /// confirm the versions with their next bookmark or later. So if they have not reached them after a moment, a list
    /// is read from the API server: it is no older than anything that the API server has sent to any client.
    ///
    /// Each source is waited for separately: an event in one namespace does not confirm another.
    pub async fn catch_up(
        &self,
        scope: Scope<'_>,
        versions: Versions,
        within: Duration,
    ) -> Result<(), Error> {
        let deadline = Instant::now() + within;
        let parts = self.parts(scope).into_iter().map(async |(part, source)| {
            let (books, loans) = join(
                self.books.catch_up(part, source, versions.books, deadline),
                self.loans.catch_up(part, source, versions.loans, deadline),
            )
            .await;
            books.and(loans)
        });
        join_all(parts).await.into_iter().collect()
    }

    /// Like [`catch_up`](Self::catch_up), for streams of this scope: they begin with the confirmed state, so this also
    /// waits until the served state is confirmed.
    pub async fn catch_up_streams(
        &self,
        scope: Scope<'_>,
        versions: Versions,
        within: Duration,
    ) -> Result<(), Error> {
        let deadline = Instant::now() + within;
        self.catch_up(scope, versions, within).await?;
        let namespace = scope.namespace();
        let remaining = deadline.saturating_duration_since(Instant::now());
        let (books, loans) = join(
            self.books.reader.wait_pending_confirmed(namespace, remaining),
            self.loans.reader.wait_pending_confirmed(namespace, remaining),
        )
        .await;
        books.and(loans).map_err(|NotYet| Error::NotYet)
    }

    /// Lists the served resources of this scope from the API server into the cache, which serves nothing older from
    /// then on. Returns the versions of the lists.
    pub async fn refresh(
        &self,
        scope: Scope<'_>,
        served: Served,
        within: Duration,
    ) -> Result<Versions, Error> {
        let deadline = Instant::now() + within;
        let part = scope.part();
        let source = match scope.namespace() {
            Some(namespace) => self.source(namespace),
            None => None,
        };
        let loans = async {
            match served {
                Served::BooksAndLoans => {
                    self.loans
                        .list(&self.loans.live, part, source, None, deadline)
                        .await
                }
                Served::Books => Ok(None),
            }
        };
        let (books, loans) = join(
            self.books.list(&self.books.live, part, source, None, deadline),
            loans,
        )
        .await;
        Ok(Versions {
            books: books?,
            loans: loans?,
        })
    }

    /// Reads the book of a write from the API server if the watch has confirmed nothing for longer than it takes in
    /// normal operation. Thus no write is refused because of the state before an outage.
    pub(super) async fn confirm_book(&self, key: BookKey<'_>) -> Result<(), Error> {
        self.books.confirm(key, self.options.watch_timeout).await
    }

    /// Does the same as [`confirm_book`](Self::confirm_book) for the loan of a book.
    pub(super) async fn confirm_loan(&self, key: BookKey<'_>) -> Result<(), Error> {
        self.loans.confirm(key, self.options.watch_timeout).await
    }

    /// Returns the parts of a scope, each with its source; empty if nothing of the scope is served.
    fn parts<'a>(&'a self, scope: Scope<'a>) -> Vec<(Part<'a>, Option<&'a str>)> {
        let namespaces = &self.options.namespaces;
        match scope.namespace() {
            None if namespaces.is_empty() => vec![(Part::All, None)],
            None => {
                let parts = namespaces.iter().map(String::as_str);
                parts
                    .map(|namespace| (Part::Namespace(namespace), Some(namespace)))
                    .collect()
            }
            Some(namespace) if self.check_namespace(namespace).is_err() => Vec::new(),
            Some(namespace) => vec![(scope.part(), self.source(namespace))],
        }
    }

    /// Returns the source of a namespace: its own, or `None` for the source of all namespaces.
    fn source<'a>(&self, namespace: &'a str) -> Option<&'a str> {
        self.watches_namespaces().then_some(namespace)
    }
}

impl<K: kube::Resource + DeserializeOwned, T> Collection<K, T> {
    async fn confirm(&self, key: BookKey<'_>, watch_timeout: Duration) -> Result<(), Error> {
        let age = self.reader.age_in(key.namespace).unwrap_or_default();
        if age > watch_timeout + WATCH_ENDS_WITHIN {
            let part = Scope::Book(key).part();
            self.refresh(&self.workload, part, None).await?;
        }
        Ok(())
    }

    async fn catch_up(
        &self,
        part: Part<'_>,
        source: Option<&str>,
        version: Option<ResourceVersion>,
        deadline: Instant,
    ) -> Result<(), Error> {
        let Some(version) = version else { return Ok(()) };
        let confirmed = self.reader.load().confirmed(source).version();
        if confirmed >= Some(version) || self.live_reads.is_listed(source, confirmed, version) {
            return Ok(());
        }
        let remaining = || deadline.saturating_duration_since(Instant::now());
        let moment = WATCH_REACHES_WITHIN.min(remaining());
        if self.reader.wait_confirmed(source, version, moment).await.is_ok() {
            return Ok(());
        }
        let confirmed = self.reader.wait_confirmed(source, version, remaining());
        let read = async {
            // Versions do not go back, so an answer stays valid. A version that does not exist yet, and may never
            // exist, costs no list, however many requests require it.
            let current = self.current_version(version, Duration::MAX).await?;
            if current < Some(version) {
                tracing::debug!(%version, ?current, "the required version is not known to exist on the API server");
            } else {
                match self
                    .list(&self.version_reads, part, source, Some(version), deadline)
                    .await
                {
                    Ok(reached) if reached.is_none_or(|reached| reached >= version) => return Ok(()),
                    Err(error @ Error::Overloaded { .. }) => return Err(error),
                    // The API server had a newer version a moment ago, so this list does not answer the request.
                    Ok(reached) => {
                        tracing::debug!(%version, ?reached, "the API server returned an older version than before");
                        self.live_reads.forget_latest_version().await;
                    }
                    Err(error) => tracing::debug!(%error, "the API server does not answer"),
                }
            }
            std::future::pending().await
        };
        tokio::select! {
            confirmed = confirmed => confirmed.map_err(|NotYet| Error::NotYet),
            read = read => read,
        }
    }

    /// Waits until the served state has reached the version of a completed deletion, so that other reads can require
    /// it.
    ///
    /// The watch reports it, which costs no request. If the watch is late, a list returns a version after the deletion,
    /// within the timeout of any request to the API server. If the list fails, too, the deletion has still happened.
    pub(super) async fn await_version_of(&self, deletion: Deletion, key: &ObjectKey) {
        if deletion.confirmed(DELETION_CONFIRMED_WITHIN).await.is_ok() {
            return;
        }
        let part = Part::Object {
            namespace: key.namespace(),
            name: key.name(),
        };
        if let Ok(Some(version)) = self.refresh(&self.workload, part, None).await {
            self.workload.writer().observe_version(key.namespace(), version);
        } else {
            tracing::warn!(%key, "the version of a deletion is unknown: other replicas may serve the object for longer");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_they_are_written_or_as_one_number() {
        let versions = |text: &str| text.parse::<Versions>();
        assert_eq!(versions("1010.995").unwrap().to_string(), "1010.995");
        assert_eq!(versions("7"), versions("7.7"));
        for bad in [
            "", ".", "1.", ".1", "1.2.3", "a", "1.a", "-1", "01", "0", " 1", "1e3",
        ] {
            assert_eq!(versions(bad), Err(NotAVersion), "{bad}");
        }
    }

    #[test]
    fn versions_are_compared_part_by_part() {
        let versions = |text: &str| text.parse::<Versions>().unwrap();
        let (a, b) = (versions("1.9"), versions("2.8"));
        assert!(!a.includes(b) && !b.includes(a));
        assert_eq!(a.max(b), versions("2.9"));
        assert!(a.max(b).includes(a) && a.max(b).includes(b));
        assert!(a.includes(Versions::default()));
    }
}
