//! The position from which a stream resumes, and the waits before it begins.

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::super::{Collection, Repository};
use super::{Cursor, Resource, StreamId, Topic, confirmed, reached, snapshots};
use crate::cache::{Position, TooOld};
use crate::object::ResourceVersion;

/// The time that the watch has to confirm local writes before a stream begins without them.
const PENDING_CONFIRMED_WITHIN: Duration = Duration::from_secs(1);
/// The time that the watch has to reach the version from which a stream resumes.
const WATCH_REACHES_WITHIN: Duration = Duration::from_millis(200);
/// The time for which the API server's latest version counts as new.
const LIVE_VERSION_IS_NEW_FOR: Duration = Duration::from_secs(1);

/// Returns the position from which a client that has everything up to this id resumes.
///
/// The id may come from a replica that is ahead of this one. A stream of one resource waits for the watch to reach it.
/// A stream of both resources resumes from the confirmed position if that is earlier, because events of one resource
/// cannot be judged without the matching state of the other. Some events are then repeated.
pub(super) async fn resume<V: Send + Sync + 'static>(
    repository: &Repository<V>,
    topic: &impl Topic<V>,
    last_event_id: &str,
) -> Result<(Cursor, StreamId), TooOld> {
    let needs_loans = topic.needs_loans();
    let id = StreamId::parse(last_event_id, needs_loans).ok_or(TooOld)?;
    let namespace = topic.namespace();
    let (books, loans) = tokio::join!(
        repository.books.position_at(namespace, id.of(Resource::Books)),
        repository.loans.position_at(namespace, id.of(Resource::Loans)),
    );
    let at = (books?.ok_or(TooOld)?, loans?);
    if !needs_loans {
        return Ok((at, id));
    }
    let snapshots = snapshots(repository);
    let confirmed = confirmed(&snapshots, namespace);
    let id = id.min(reached(&confirmed, topic));
    let (Some(books), Some(loans)) = (id.of(Resource::Books), id.of(Resource::Loans)) else {
        return Err(TooOld);
    };
    let at = (
        confirmed.books.position_at(books)?,
        Some(confirmed.loans.position_at(loans)?),
    );
    Ok((at, id))
}

impl<K: kube::Resource + DeserializeOwned, T> Collection<K, T> {
    /// Waits for a short time until the served state is confirmed, so that a client that wrote here finds its writes in
    /// the list with which its stream begins.
    pub(super) async fn wait_pending_confirmed(&self, namespace: Option<&str>) {
        // A write that is confirmed later follows as a change.
        let _ = self
            .reader
            .wait_pending_confirmed(namespace, PENDING_CONFIRMED_WITHIN)
            .await;
    }

    /// Returns the position after this version, which a client claims to have from some replica. If the watch here has
    /// not reached it, the API server's latest version decides whether it can exist.
    pub(super) async fn position_at(
        &self,
        namespace: Option<&str>,
        version: Option<ResourceVersion>,
    ) -> Result<Option<Position>, TooOld> {
        let Some(version) = version else { return Ok(None) };
        let confirmed = self
            .reader
            .wait_confirmed(namespace, version, WATCH_REACHES_WITHIN);
        if confirmed.await.is_err()
            && self
                .current_version(version, LIVE_VERSION_IS_NEW_FOR)
                .await
                .is_ok_and(|current| current.is_some_and(|current| current < version))
        {
            return Err(TooOld);
        }
        let position = self.reader.load().confirmed(namespace).position_at(version);
        position.map(Some)
    }
}
