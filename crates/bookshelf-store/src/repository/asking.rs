//! Live reads: requests to the API server on behalf of clients who need something newer than the cache. One request
//! answers all who want to know the same at the same time. They have their own shares of the requests in flight
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

/// How long somebody waits for the API server's word on how far its versions have come.
const ASKED_WITHIN: Duration = Duration::from_secs(3);
/// How long it is remembered up to where a source was listed: by then the watch has told as much, in a bookmark.
const LISTED_IS_KNOWN_FOR: Duration = Duration::from_mins(2);

/// Up to where all that a source of the cache is of was listed.
struct Listed {
    when: Instant,
    version: ResourceVersion,
    /// How far the watch had told by then. Once it tells more, that may be of what came and went before the list, which is
    /// shown until its end is told, too: then the list says nothing any more.
    told: Option<ResourceVersion>,
}

/// The version that the API server has come to, where it answered; or the time after which the question may have a turn.
type HowFar = Result<Option<ResourceVersion>, Duration>;

/// What has been asked of the API server.
#[derive(Default)]
pub(super) struct Asked {
    /// When somebody last began to ask how far its versions have come, and how far that was.
    how_far: tokio::sync::Mutex<Option<(Instant, HowFar)>>,
    /// By the namespace that a source is of, or of everything.
    listed: Mutex<BTreeMap<Option<String>, Listed>>,
}

impl Asked {
    /// Whether nothing of a source that has told so far is shown that is older than this version, as all of it was listed.
    pub(super) fn is_listed(
        &self,
        source: Option<&str>,
        told: Option<ResourceVersion>,
        version: ResourceVersion,
    ) -> bool {
        let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        let listed = listed.get(&source.map(str::to_owned));
        listed.is_some_and(|listed| {
            listed.told == told && listed.version >= version && listed.when.elapsed() < LISTED_IS_KNOWN_FOR
        })
    }

    fn was_listed(&self, source: Option<&str>, now: Listed) {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        let known = listed.get(&source.map(str::to_owned));
        // Of two lists the later one may have come first.
        if known.is_none_or(|known| known.told != now.told || known.version < now.version) {
            listed.insert(source.map(str::to_owned), now);
        }
    }

    /// What was said of how far the API server's versions have come is so no more.
    pub(super) async fn forget_how_far(&self) {
        *self.how_far.lock().await = None;
    }
}

impl<K: kube::Resource + DeserializeOwned, T> Collection<K, T> {
    /// The latest version that the API server has come to, `at_least` if possible; `None` if it cannot be asked, or does
    /// not answer for some seconds. One request answers all who ask at the same time: an answer to a question that was
    /// sent after somebody came is for them, too. An answer that is enough is good for `new_for`.
    ///
    /// Fails where the question has no turn.
    pub(super) async fn current_version(
        &self,
        at_least: ResourceVersion,
        new_for: Duration,
    ) -> Result<Option<ResourceVersion>, Error> {
        let came = Instant::now();
        let ask = async {
            let mut asked = self.asked.how_far.lock().await;
            if let Some((began, answer)) = *asked {
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
                    tracing::debug!(%error, "the API server does not answer which version it has come to");
                    Ok(None)
                }
            };
            *asked = Some((began, answer));
            answer
        };
        let answer = timeout(ASKED_WITHIN, ask).await.unwrap_or(Ok(None));
        answer.map_err(|retry_after| Error::Overloaded { retry_after })
    }

    /// Takes in what the API server has of a part, unless that is older than `at_least`. `source` is what of the cache the
    /// part is in.
    pub(super) async fn list(
        &self,
        client: &CachedClient<K, T>,
        part: Part<'_>,
        source: Option<&str>,
        at_least: Option<ResourceVersion>,
        deadline: Instant,
    ) -> Result<Option<ResourceVersion>, Error> {
        let told = self.reader.load().told(source).version();
        if at_least.is_some_and(|version| self.asked.is_listed(source, told, version)) {
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
        // Of a list that is not as new as it should be, only the first page was asked for.
        if let Some(version) = reached.filter(|reached| is_all_of_source && Some(*reached) >= at_least) {
            self.asked.was_listed(source, Listed { when, version, told });
        }
        Ok(reached)
    }

    /// Takes in what the API server has of a part, unless that is older than `at_least`.
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
    fn a_list_counts_until_the_watch_tells_more_and_an_older_one_takes_nothing_back() {
        let asked = Asked::default();
        let list = |version, told| Listed {
            when: Instant::now(),
            version: rv(version),
            told: Some(rv(told)),
        };
        asked.was_listed(None, list(150, 50));
        asked.was_listed(None, list(120, 50));
        let is_listed = |told, version| asked.is_listed(None, Some(rv(told)), rv(version));
        assert!(is_listed(50, 150));
        assert!(!is_listed(50, 151));
        assert!(!is_listed(90, 140), "what it tells may have gone before the list");
        assert!(!asked.is_listed(Some("other"), Some(rv(50)), rv(1)));
        asked.was_listed(None, list(130, 90));
        assert!(is_listed(90, 130) && !is_listed(90, 140));
    }
}
