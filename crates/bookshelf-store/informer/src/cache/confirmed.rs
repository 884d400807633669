//! The confirmed state, for followers that resume from a position.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::contents::{Entry, Index};
use super::journal::{Change, Journal};
use super::snapshot::Snapshot;
use super::{NotYet, Reader};
use crate::object::ResourceVersion;

/// The confirmed state of a cache, or of one of its namespaces, without local writes: the same on every replica that is
/// confirmed up to the same version.
///
/// A follower has a [`Position`], and needs neither a queue nor a lock: any later snapshot has the changes after that
/// position, unless the follower is thousands of changes behind.
///
/// ```
/// use kube_informer::cache::{Builder, Event, SourceEvent};
/// use k8s_openapi::api::core::v1::ConfigMap;
/// # use std::convert::Infallible;
/// # fn map(version: u32) -> ConfigMap {
/// #     serde_json::from_value(serde_json::json!({
/// #         "metadata": {"name": "a", "namespace": "ns", "uid": "1", "resourceVersion": version.to_string()},
/// #     })).unwrap()
/// # }
///
/// let (reader, writer) = Builder::new(|_: ConfigMap| Ok::<_, Infallible>(())).build();
/// writer.apply([SourceEvent::ListStarted, SourceEvent::Listed(map(5)), SourceEvent::ListDone("7".parse()?)]);
///
/// // The confirmed objects, and the position from which to follow the changes.
/// let snapshot = reader.snapshot();
/// let confirmed = snapshot.confirmed(None);
/// assert_eq!(confirmed.iter().count(), 1);
/// let mut position = confirmed.position();
///
/// writer.apply([SourceEvent::Applied(map(8))]);
/// let snapshot = reader.snapshot();
/// let changes = snapshot.confirmed(None).follow(&mut position)?;
/// assert!(matches!(changes[0].change.event, Event::Updated { .. }));
///
/// // Later, on any replica: everything up to version 8 has been seen.
/// let version = changes[0].resume_at.unwrap();
/// let mut position = snapshot.confirmed(None).position_at(version)?;
/// assert!(snapshot.confirmed(None).follow(&mut position)?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Confirmed<'a, V> {
    snapshot: &'a Snapshot<V>,
    namespace: Option<&'a str>,
}

/// The position of a follower in the confirmed state of a cache, or of one of its namespaces. It is valid for this
/// cache only, and for the life of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The position in each source.
    at: Vec<At>,
    /// True for a position made from a version of any replica: the follower may have later changes, too.
    is_from_elsewhere: bool,
}

/// The position of a follower in one source.
#[derive(Clone, Debug, PartialEq, Eq)]
struct At {
    restarts: u64,
    version: ResourceVersion,
}

/// A change, and the version to resume at after it.
#[derive(Debug)]
pub struct Step<'a, V> {
    /// The change.
    pub change: &'a Change<V>,
    /// The version from which a follower can resume on any replica ([`Confirmed::position_at`]) once it has this change
    /// and those before it. `None` if it needs further changes to have everything up to a version.
    pub resume_at: Option<ResourceVersion>,
}

/// The error for a position whose later changes are not, or no longer, known: read the state again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the changes after this position are not, or no longer, known")]
pub struct TooOld;

impl<V> Snapshot<V> {
    /// Returns the confirmed state of a namespace, or of all namespaces.
    #[must_use]
    pub fn confirmed<'a>(&'a self, namespace: Option<&'a str>) -> Confirmed<'a, V> {
        Confirmed {
            snapshot: self,
            namespace,
        }
    }
}

impl<'a, V> Confirmed<'a, V> {
    /// The version up to which the state is complete; `None` before the first list is complete.
    #[must_use]
    pub fn version(&self) -> Option<ResourceVersion> {
        self.journals().map(|journal| journal.version).min().flatten()
    }

    /// The objects, ordered by namespace, then name.
    pub fn iter(&self) -> impl Iterator<Item = &'a Arc<Entry<V>>> {
        let namespace = self.namespace;
        self.journals().flat_map(move |journal| journal.part(namespace))
    }

    /// The objects that an index files under a value, ordered by namespace, then name. An object whose pending write is
    /// filed elsewhere is omitted: its change follows once the watch confirms the write.
    pub fn indexed(&self, index: Index, value: &str) -> impl Iterator<Item = &'a Arc<Entry<V>>> {
        let contents = &self.snapshot.contents;
        let served = contents.indexed(index, value, self.namespace);
        served.filter_map(move |served| {
            let confirmed = self.get(served.key.namespace(), served.key.name())?;
            let is_filed = Arc::ptr_eq(confirmed, served) || contents.files(index, value, confirmed);
            is_filed.then_some(confirmed)
        })
    }

    /// The object of this namespace and name.
    #[must_use]
    pub fn get(&self, namespace: &str, name: &str) -> Option<&'a Arc<Entry<V>>> {
        let mut journals = self.journals().filter(|journal| journal.has(namespace));
        journals.find_map(|journal| journal.get(namespace, name))
    }

    /// Returns the position of this state: later changes come after it.
    #[must_use]
    pub fn position(&self) -> Position {
        let at = |journal: &Journal<V>| {
            journal.version.map(|version| At {
                restarts: journal.restarts,
                version,
            })
        };
        Position {
            at: self.journals().filter_map(at).collect(),
            is_from_elsewhere: false,
        }
    }

    /// Returns the position of the oldest state whose later changes are all known. Soon after the first list, it is the
    /// position of that list, so that a follower that starts a moment later misses nothing.
    #[must_use]
    pub fn oldest_position(&self) -> Position {
        let at = |journal: &Journal<V>| {
            journal.oldest().map(|version| At {
                restarts: journal.restarts,
                version,
            })
        };
        Position {
            at: self.journals().filter_map(at).collect(),
            is_from_elsewhere: false,
        }
    }

    /// Returns the position of a follower that has everything up to this version, from any replica, and perhaps some
    /// later changes. The version may be ahead of the confirmed version; the cache then cannot tell whether it exists.
    ///
    /// The position is valid until a list replaces the watch, and [`TooOld`] from then on: a list does not report
    /// objects that were created and deleted in between.
    pub fn position_at(&self, version: ResourceVersion) -> Result<Position, TooOld> {
        let at = |journal: &Journal<V>| {
            let restarts = journal.restarts;
            journal
                .continues(version)
                .then_some(At { restarts, version })
                .ok_or(TooOld)
        };
        Ok(Position {
            at: self.journals().map(at).collect::<Result<_, _>>()?,
            is_from_elsewhere: true,
        })
    }

    /// Returns true if the changes after this position are known.
    #[must_use]
    pub fn knows_after(&self, position: &Position) -> bool {
        let is_known = |journal: &Journal<V>, at: &At| {
            let is_known = if position.is_from_elsewhere {
                journal.knows_each_after(at.version)
            } else {
                journal.knows_after(at.version)
            };
            is_known && journal.restarts == at.restarts
        };
        let mut journals = self.journals();
        let mut at = position.at.iter();
        at.all(|at| journals.next().is_some_and(|journal| is_known(journal, at))) && journals.next().is_none()
    }

    /// Returns true if the state up to this position is or may be void: history restarted since, or a list replaced the
    /// watch, which does not report the fate of objects known from another replica.
    #[must_use]
    pub fn is_void(&self, position: &Position) -> bool {
        let mut journals = self.journals().zip(&position.at);
        journals.any(|(journal, at)| {
            journal.restarts != at.restarts
                || position.is_from_elsewhere && !journal.has_no_list_after(at.version)
        })
    }

    /// Returns the changes after a position, in the order of versions, and advances the position past them.
    pub fn follow(&self, position: &mut Position) -> Result<Vec<Step<'a, V>>, TooOld> {
        if !self.knows_after(position) {
            return Err(TooOld);
        }
        let mut changes: Vec<&Change<V>> = Vec::new();
        for (journal, at) in self.journals().zip(&mut position.at) {
            changes.extend(journal.after(at.version));
            at.version = journal
                .version
                .map_or(at.version, |confirmed| confirmed.max(at.version));
        }
        changes.reverse();
        // Each journal is in order, and the sort is stable. The changes of a list share one version, and stay in the
        // order of their keys.
        changes.sort_by_key(|change| change.version);
        let confirmed = self.version();
        let next = changes
            .iter()
            .skip(1)
            .map(|change| Some(change.version))
            .chain([None]);
        let is_meant = |change: &Change<V>| {
            self.namespace
                .is_none_or(|namespace| change.event.key().namespace() == namespace)
        };
        let steps = changes.iter().zip(next).filter(|(change, _)| is_meant(change));
        let steps = steps.map(|(change, next)| Step {
            change,
            resume_at: confirmed
                .filter(|_| next != Some(change.version))
                // Another source may be behind.
                .map(|confirmed| confirmed.min(change.version)),
        });
        Ok(steps.collect())
    }

    fn journals(&self) -> impl Iterator<Item = &'a Journal<V>> + use<'a, V> {
        let namespace = self.namespace;
        let has = move |journal: &&Journal<V>| namespace.is_none_or(|namespace| journal.has(namespace));
        self.snapshot.journals.iter().filter(has)
    }
}

/// A notification of each new snapshot of a cache.
pub struct SnapshotSignal(watch::Receiver<()>);

impl<V> Reader<V> {
    /// Waits until a namespace, or all of them, is confirmed up to this version.
    pub async fn wait_confirmed(
        &self,
        namespace: Option<&str>,
        version: ResourceVersion,
        deadline: Duration,
    ) -> Result<(), NotYet> {
        let is_confirmed = |snapshot: &Snapshot<V>| snapshot.confirmed(namespace).version() >= Some(version);
        self.wait_until(deadline, is_confirmed).await
    }

    /// Waits until the watch has confirmed the current served state of a namespace, or of all namespaces: pending
    /// writes and deletions, and the objects of a [`refresh`](super::Writer::refresh).
    pub async fn wait_pending_confirmed(
        &self,
        namespace: Option<&str>,
        deadline: Duration,
    ) -> Result<(), NotYet> {
        let pending = self.load().pending(namespace);
        let is_confirmed = |snapshot: &Snapshot<V>| pending.is_confirmed(&snapshot.confirmed(namespace));
        self.wait_until(deadline, is_confirmed).await
    }

    /// Returns a notification of each later snapshot.
    #[must_use]
    pub fn snapshot_signal(&self) -> SnapshotSignal {
        let mut published = self.shared.published.clone();
        published.mark_unchanged();
        SnapshotSignal(published)
    }
}

impl SnapshotSignal {
    /// Waits for a newer snapshot than at the last call. Cancel safe.
    pub async fn wait(&mut self) -> Result<(), NotYet> {
        self.0.changed().await.map_err(|_| NotYet)
    }
}
