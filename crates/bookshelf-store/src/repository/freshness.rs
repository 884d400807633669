//! How new what is shown is, and how it becomes as new as somebody needs it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use futures::future::{join, join_all};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout};

use super::error::Error;
use super::version::NotAVersion;
use super::{BookKey, Collection, Namespace, Repository};
use crate::cache::{Deletion, NotYet, Part};
use crate::object::{ObjectKey, ResourceVersion};

/// How long the watch has to bring what somebody waits for. It takes milliseconds, if there is anything to bring.
const WATCH_TELLS_WITHIN: Duration = Duration::from_millis(200);

/// How long a deletion waits for the watch to tell its version, which the API server does not answer.
const DELETION_TOLD_WITHIN: Duration = Duration::from_secs(1);

/// A version of everything that is shown. Versions of different resources cannot be compared, so that it is one of
/// each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// Of the books; `None` before there are any.
    pub books: Option<ResourceVersion>,
    /// Of the loans, likewise.
    pub loans: Option<ResourceVersion>,
}

impl Versions {
    /// What is no older than either.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            books: self.books.max(other.books),
            loans: self.loans.max(other.loans),
        }
    }

    /// Whether this is no older than the other, in every part.
    #[must_use]
    pub fn includes(self, other: Self) -> bool {
        self.books >= other.books && self.loans >= other.loans
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.books, self.loans) {
            (Some(books), Some(loans)) => write!(f, "{books}.{loans}"),
            // Before everything is there, nothing is shown.
            _ => Ok(()),
        }
    }
}

impl FromStr for Versions {
    type Err = NotAVersion;

    /// Reads what [`Display`](fmt::Display) writes; one number, as kubectl shows them, is that version of both.
    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let (books, loans) = text.split_once('.').unwrap_or((text, text));
        let version = |text: &str| text.parse().map(Some).map_err(|_| NotAVersion);
        Ok(Self {
            books: version(books)?,
            loans: version(loans)?,
        })
    }
}

/// What an operation is about, and so has to be new for it.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// All books and loans.
    All,
    /// Those of a namespace.
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

/// The resources that an answer shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// Books, and which of them are on loan; or loans, whose books say whether they count.
    #[default]
    BooksAndLoans,
    /// Books alone.
    Books,
}

impl Shown {
    /// The versions of these resources, out of those of all.
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
    /// The newest versions of which anything is shown: whoever waits for them, on any replica, is shown nothing older
    /// ([`catch_up`](Self::catch_up)).
    #[must_use]
    pub fn versions(&self) -> Versions {
        Versions {
            books: self.books.reader.load().newest_version(),
            loans: self.loans.reader.load().newest_version(),
        }
    }

    /// The same of one namespace. Where namespaces are watched one by one, what happens in another makes it no newer:
    /// who asked for that would wait for news that this one does not have. Of one that is not seen it is that of everything.
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

    /// Whether namespaces are watched one by one.
    #[must_use]
    pub fn watches_namespaces(&self) -> bool {
        !self.options.namespaces.is_empty()
    }

    /// The time since the API server last confirmed what is shown: both books and loans.
    #[must_use]
    pub fn age(&self) -> Duration {
        let (books, loans) = (self.books.reader.age(), self.loans.reader.age());
        books.max(loans).unwrap_or_default()
    }

    /// Returns when nothing of this scope is shown that is older than `versions`.
    ///
    /// The watches bring that within milliseconds, if anything happened up to there. If nothing did, they say so no
    /// sooner than with their next bookmark, and if one is late, nobody knows when. So when they have not come that
    /// far after a moment, the API server is asked, whose answer is no older than anything that it told anybody.
    ///
    /// What is watched by itself is waited for by itself: what happens in one namespace is no news of another.
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

    /// The same for streams of this scope, which do not begin with what is shown but with what the watches have told:
    /// returns when these have told all that is shown, too.
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
            self.books.reader.wait_shown_told(namespace, remaining),
            self.loans.reader.wait_shown_told(namespace, remaining),
        )
        .await;
        books.and(loans).map_err(|NotYet| Error::NotYet)
    }

    /// Lists everything in this scope that an answer shows from the API server: the cache shows nothing older from then
    /// on. Returns the versions of the lists.
    pub async fn refresh(&self, scope: Scope<'_>, shown: Shown, within: Duration) -> Result<Versions, Error> {
        let deadline = Instant::now() + within;
        let part = scope.part();
        let source = match scope.namespace() {
            Some(namespace) => self.source(namespace),
            None => None,
        };
        let loans = async {
            match shown {
                Shown::BooksAndLoans => {
                    self.loans
                        .list(&self.loans.live, part, source, None, deadline)
                        .await
                }
                Shown::Books => Ok(None),
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

    /// The parts of a scope that are told by one source of the caches each, with that source; none where nothing of it is
    /// seen.
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

    /// What tells the caches of a namespace: a source of its own, or the one that tells of all.
    fn source<'a>(&self, namespace: &'a str) -> Option<&'a str> {
        self.watches_namespaces().then_some(namespace)
    }
}

impl<K: kube::Resource + DeserializeOwned, T> Collection<K, T> {
    async fn catch_up(
        &self,
        part: Part<'_>,
        source: Option<&str>,
        version: Option<ResourceVersion>,
        deadline: Instant,
    ) -> Result<(), Error> {
        let Some(version) = version else { return Ok(()) };
        let told = self.reader.load().told(source).version();
        if told >= Some(version) || self.asked.is_listed(source, told, version) {
            return Ok(());
        }
        let remaining = || deadline.saturating_duration_since(Instant::now());
        let moment = WATCH_TELLS_WITHIN.min(remaining());
        if self.reader.wait_told(source, version, moment).await.is_ok() {
            return Ok(());
        }
        let told = self.reader.wait_told(source, version, remaining());
        let asked = async {
            // Versions do not go back. One that is not there yet, and may never be, costs no list, however many ask for it.
            let current = self.current_version(version, Duration::MAX).await?;
            if current < Some(version) {
                tracing::debug!(%version, ?current, "the API server is not known to have come to the version");
            } else {
                match self
                    .list(&self.version_reads, part, source, Some(version), deadline)
                    .await
                {
                    Ok(reached) if reached.is_none_or(|reached| reached >= version) => return Ok(()),
                    Err(error @ Error::Overloaded { .. }) => return Err(error),
                    // Known to be further a moment ago: what it says now is no answer.
                    Ok(reached) => {
                        tracing::debug!(%version, ?reached, "the API server has gone back");
                        self.asked.forget_how_far().await;
                    }
                    Err(error) => tracing::debug!(%error, "the API server cannot be asked"),
                }
            }
            std::future::pending().await
        };
        tokio::select! {
            told = told => told.map_err(|NotYet| Error::NotYet),
            asked = asked => asked,
        }
    }

    /// Returns when what is shown has the version of a deletion that the API server has confirmed, so that others
    /// can wait for it.
    ///
    /// The watch tells it, which costs no request. Where it is late, the API server is asked how far it is, and that
    /// is after the deletion. Where that cannot be told either, the deletion has happened all the same.
    pub(super) async fn await_version_of(&self, deletion: Deletion, key: &ObjectKey) {
        if deletion.told(DELETION_TOLD_WITHIN).await.is_ok() {
            return;
        }
        let part = Part::Object {
            namespace: key.namespace(),
            name: key.name(),
        };
        if let Ok(Ok(Some(version))) =
            timeout(DELETION_TOLD_WITHIN, self.refresh(&self.cached, part, None)).await
        {
            self.cached.writer().observe_version(key.namespace(), version);
        } else {
            tracing::warn!(%key, "the version of a deletion is not known: other replicas may show the object longer");
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
