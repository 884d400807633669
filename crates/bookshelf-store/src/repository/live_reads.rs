//! Live reads: requests to the API server for clients that need newer state than the cache has. One request serves all
//! clients that wait for the same state at the same time. Live reads have their own shares of the requests in flight
//! ([`PriorityLevel`](crate::connector::PriorityLevel)).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout, timeout_at};

use super::error::Error;
use super::{Collection, internal};
use crate::cache::Part;
use crate::object::ResourceVersion;
use crate::{CachedClient, Failure};

/// The longest wait for the API server's latest version.
const LATEST_VERSION_TIMEOUT: Duration = Duration::from_secs(3);
/// The time for which the list of a source counts: by then, a bookmark of the watch has confirmed as much.
const LIST_COUNTS_FOR: Duration = Duration::from_mins(2);

/// A list of a source in addition to its watch.
struct Listed {
    when: Instant,
    version: ResourceVersion,
    /// The confirmed version at the time of the list. The list counts only while that stays the same: a later event may
    /// be of an object that was deleted before the list, and the object is served until the watch reports its deletion.
    confirmed: Option<ResourceVersion>,
}

/// The API server's latest version, if it answered; or the time after which a request may get a turn.
type LatestVersion = Result<Option<ResourceVersion>, Duration>;

/// The results of live reads.
#[derive(Default)]
pub(super) struct LiveReads {
    /// The start of the last request for the latest version, and its result.
    latest_version: tokio::sync::Mutex<Option<(Instant, LatestVersion)>>,
    /// The last list of each source, by its namespace; `None`: all namespaces.
    listed: Mutex<BTreeMap<Option<String>, Listed>>,
}

impl LiveReads {
    /// Returns true if a list ensures that everything served from a source, confirmed up to `confirmed`, is no older
    /// than this version.
    pub(super) fn is_listed(
        &self,
        source: Option<&str>,
        confirmed: Option<ResourceVersion>,
        version: ResourceVersion,
    ) -> bool {
        let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        let listed = listed.get(&source.map(str::to_owned));
        listed.is_some_and(|listed| {
            listed.confirmed == confirmed
                && listed.version >= version
                && listed.when.elapsed() < LIST_COUNTS_FOR
        })
    }

    fn note_listed(&self, source: Option<&str>, now: Listed) {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        let known = listed.get(&source.map(str::to_owned));
        // The newer of two lists may have arrived first.
        if known.is_none_or(|known| known.confirmed != now.confirmed || known.version < now.version) {
            listed.insert(source.map(str::to_owned), now);
        }
    }

    /// Forgets the API server's latest version.
    pub(super) async fn forget_latest_version(&self) {
        *self.latest_version.lock().await = None;
    }
}

impl<K: kube::Resource + DeserializeOwned, T> Collection<K, T> {
    /// Returns the API server's latest version; `None` if it does not answer within some seconds. One request serves
    /// all concurrent callers: an answer counts for every caller that arrived before its request was sent, and an
    /// answer of `at_least` or newer for `new_for`.
    ///
    /// Fails if the request gets no turn.
    pub(super) async fn current_version(
        &self,
        at_least: ResourceVersion,
        new_for: Duration,
    ) -> Result<Option<ResourceVersion>, Error> {
        let came = Instant::now();
        let request = async {
            let mut latest = self.live_reads.latest_version.lock().await;
            if let Some((began, answer)) = *latest {
                let is_enough =
                    answer.is_ok_and(|current| current >= Some(at_least)) && began.elapsed() < new_for;
                if is_enough || began >= came {
                    return answer;
                }
            }
            let began = Instant::now();
            let client = &self.version_reads;
            let current = client.writer().current_version(client.resource()).await;
            let answer = match current.map_err(of_failure) {
                Ok(current) => Ok(Some(current)),
                Err(Error::Overloaded { retry_after }) => Err(retry_after),
                Err(error) => {
                    tracing::debug!(%error, "cannot get the latest version of the API server");
                    Ok(None)
                }
            };
            *latest = Some((began, answer));
            answer
        };
        let answer = timeout(LATEST_VERSION_TIMEOUT, request).await.unwrap_or(Ok(None));
        answer.map_err(|retry_after| Error::Overloaded { retry_after })
    }

    /// Lists a part from the API server into the cache, unless the list is older than `at_least`. `source` is the
    /// source of the part.
    pub(super) async fn list(
        &self,
        client: &CachedClient<K, T>,
        part: Part<'_>,
        source: Option<&str>,
        at_least: Option<ResourceVersion>,
        deadline: Instant,
    ) -> Result<Option<ResourceVersion>, Error> {
        let confirmed = self.reader.load().confirmed(source).version();
        if at_least.is_some_and(|version| self.live_reads.is_listed(source, confirmed, version)) {
            return Ok(at_least);
        }
        let when = Instant::now();
        let reached = timeout_at(deadline, self.refresh(client, part, at_least)).await;
        let reached = reached.map_err(|_| Error::NotYet)??;
        let is_all_of_source = match part {
            Part::All => source.is_none(),
            Part::Namespace(namespace) => source == Some(namespace),
            Part::Object { .. } => false,
        };
        // A list that is too old ends after its first page.
        if let Some(version) = reached.filter(|reached| is_all_of_source && Some(*reached) >= at_least) {
            self.live_reads.note_listed(
                source,
                Listed {
                    when,
                    version,
                    confirmed,
                },
            );
        }
        Ok(reached)
    }

    /// Lists a part from the API server into the cache, unless the list is older than `at_least`.
    pub(super) async fn refresh(
        &self,
        client: &CachedClient<K, T>,
        part: Part<'_>,
        at_least: Option<ResourceVersion>,
    ) -> Result<Option<ResourceVersion>, Error> {
        let is_enough = |version| Some(version) >= at_least;
        let refreshed = client.writer().refresh(client.resource(), part, is_enough).await;
        refreshed.map_err(of_failure)
    }
}

fn of_failure(failure: Failure) -> Error {
    match failure {
        Failure::Request(error) => Error::of_read(error),
        failure => internal(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rv(version: u32) -> ResourceVersion {
        version.to_string().parse().unwrap()
    }

    #[test]
    fn a_list_counts_until_the_watch_confirms_more_and_an_older_one_changes_nothing() {
        let reads = LiveReads::default();
        let list = |version, confirmed| Listed {
            when: Instant::now(),
            version: rv(version),
            confirmed: Some(rv(confirmed)),
        };
        reads.note_listed(None, list(150, 50));
        reads.note_listed(None, list(120, 50));
        let is_listed = |confirmed, version| reads.is_listed(None, Some(rv(confirmed)), rv(version));
        assert!(is_listed(50, 150));
        assert!(!is_listed(50, 151));
        assert!(
            !is_listed(90, 140),
            "an object of that event may have gone before the list"
        );
        assert!(!reads.is_listed(Some("other"), Some(rv(50)), rv(1)));
        reads.note_listed(None, list(130, 90));
        assert!(is_listed(90, 130) && !is_listed(90, 140));
    }
}
