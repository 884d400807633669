//! From where a stream goes on, and what it waits for before it begins.

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::super::{Collection, Repository};
use super::{At, Kind, StreamId, Subject, now, reached, snapshots};
use crate::cache::{Position, TooOld};
use crate::object::ResourceVersion;

/// How long the watch has to tell what this process wrote or deleted itself before a stream begins without it.
const SHOWN_IS_TOLD_WITHIN: Duration = Duration::from_secs(1);
/// How long the watch has to come to the version that somebody goes on from.
const WATCH_TELLS_WITHIN: Duration = Duration::from_millis(200);
/// How long the API server's word on how far its versions have come is taken for new.
const ASKED_IS_NEW_FOR: Duration = Duration::from_secs(1);

/// Where whoever has taken in everything up to this id goes on.
///
/// It may have been told by a replica that was told more than this one. A stream of one resource waits for the watch to
/// come to it. One that depends on both goes on from where the watch is: what is told of the one resource until then could
/// not be judged by what the other will be, so that what follows is told again.
pub(super) async fn resume<V: Send + Sync + 'static>(
    repository: &Repository<V>,
    subject: &impl Subject<V>,
    last_event_id: &str,
) -> Result<(At, StreamId), TooOld> {
    let needs_loans = subject.needs_loans();
    let id = StreamId::parse(last_event_id, needs_loans).ok_or(TooOld)?;
    let namespace = subject.namespace();
    let (books, loans) = tokio::join!(
        repository.books.position_at(namespace, id.of(Kind::Books)),
        repository.loans.position_at(namespace, id.of(Kind::Loans)),
    );
    let at = (books?.ok_or(TooOld)?, loans?);
    if !needs_loans {
        return Ok((at, id));
    }
    let snapshots = snapshots(repository);
    let now = now(&snapshots, namespace);
    let id = id.min(reached(&now, subject));
    let (Some(books), Some(loans)) = (id.of(Kind::Books), id.of(Kind::Loans)) else {
        return Err(TooOld);
    };
    let at = (now.books.position_at(books)?, Some(now.loans.position_at(loans)?));
    Ok((at, id))
}

impl<K: kube::Resource + DeserializeOwned, T> Collection<K, T> {
    /// Waits, but not for long, until what is shown has been told by the watch: whoever wrote or deleted here finds that
    /// in the list that a stream begins with.
    pub(super) async fn shown_is_told(&self, namespace: Option<&str>) {
        // Otherwise it comes when it is told.
        let _ = self.reader.wait_shown_told(namespace, SHOWN_IS_TOLD_WITHIN).await;
    }

    /// The position after this version, which somebody says to have been told on some replica. The watch here may be
    /// behind that one; whether it may, the API server says.
    pub(super) async fn position_at(
        &self,
        namespace: Option<&str>,
        version: Option<ResourceVersion>,
    ) -> Result<Option<Position>, TooOld> {
        let Some(version) = version else { return Ok(None) };
        let told = self.reader.wait_told(namespace, version, WATCH_TELLS_WITHIN);
        if told.await.is_err()
            && self
                .current_version(version, ASKED_IS_NEW_FOR)
                .await
                .is_ok_and(|current| current.is_some_and(|current| current < version))
        {
            return Err(TooOld);
        }
        let position = self.reader.load().told(namespace).position_at(version);
        position.map(Some)
    }
}
