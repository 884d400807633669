//! One version of everything in a cache.

use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;
use kube::core::{Expression, Selector};

use super::contents::{Contents, Entry, Index, IndexProbe, NamespaceState};
use super::journal::Journal;
use super::state::Tombstone;
use crate::object::{ObjectKey, ResourceVersion};

/// An immutable picture of a cache: objects and indexes at one version.
///
/// Look-ups cost the logarithm of the cache's size plus the size of the answer, and answers come ordered by
/// namespace, then name.
pub struct Snapshot<V> {
    pub(super) contents: Contents<V>,
    pub(super) resource_version: Option<ResourceVersion>,
    pub(super) newest: Option<ResourceVersion>,
    /// What each source has told.
    pub(super) journals: Vec<Journal<V>>,
    /// What we have written and no source has told yet.
    pub(super) ahead: OrdMap<ObjectKey, ResourceVersion>,
    /// What we have deleted, some of which the sources may have told.
    pub(super) tombstones: OrdMap<ObjectKey, Tombstone>,
}

/// A label selector asks for a label that the cache does not keep
/// ([`Builder::label`](super::Builder::label), [`Builder::labels`](super::Builder::labels)).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cache does not keep the label {0:?}, and cannot select by it")]
pub struct LabelNotKept(pub String);

impl<V> Snapshot<V> {
    /// The version up to which the watch has told everything; `None` before the first list is complete.
    ///
    /// Objects that this process wrote itself may be newer.
    #[must_use]
    pub fn resource_version(&self) -> Option<ResourceVersion> {
        self.resource_version
    }

    /// The newest version that this snapshot shows something of, our own writes included: another cache of the same
    /// API server that has come to it ([`Reader::wait_for`](super::Reader::wait_for)) shows nothing older than this
    /// one. Unlike [`resource_version`](Self::resource_version), it stays where it is while nothing changes.
    ///
    /// Of our own deletes the API server does not say the version: they count when the watch has told of them.
    #[must_use]
    pub fn newest_version(&self) -> Option<ResourceVersion> {
        self.newest
    }

    /// The object of this namespace (empty for cluster-scoped objects) and name.
    #[must_use]
    pub fn get(&self, namespace: &str, name: &str) -> Option<&Arc<Entry<V>>> {
        self.contents.get(namespace, name)
    }

    /// All objects.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Entry<V>>> {
        self.contents.objects.iter().map(|slot| &slot.0)
    }

    /// The objects that come after this place, whether there is one or not.
    pub fn iter_after(&self, namespace: &str, name: &str) -> impl Iterator<Item = &Arc<Entry<V>>> {
        self.contents.after(namespace, name)
    }

    /// The objects of a namespace.
    pub fn namespaced(&self, namespace: &str) -> impl Iterator<Item = &Arc<Entry<V>>> {
        self.namespaced_after(namespace, "")
    }

    /// The objects of a namespace that come after this name, whether there is one or not.
    pub fn namespaced_after(&self, namespace: &str, name: &str) -> impl Iterator<Item = &Arc<Entry<V>>> {
        self.contents
            .after(namespace, name)
            .take_while(move |entry| entry.key.namespace() == namespace)
    }

    /// The index that was declared with this name.
    #[must_use]
    pub fn index(&self, name: &str) -> Option<Index> {
        self.contents.index(name)
    }

    /// The objects that an index files under a value, in all namespaces.
    pub fn indexed(&self, index: Index, value: &str) -> impl Iterator<Item = &Arc<Entry<V>>> {
        self.indexed_after(index, value, "", "")
    }

    /// Those of them that come after this place, whether there is one or not.
    pub fn indexed_after(
        &self,
        index: Index,
        value: &str,
        namespace: &str,
        name: &str,
    ) -> impl Iterator<Item = &Arc<Entry<V>>> {
        let place = IndexProbe {
            value,
            namespace,
            name,
        };
        let range = (Bound::Excluded(&place), Bound::Unbounded);
        self.contents.indexes[index.0]
            .range::<_, IndexProbe<'_>>(range)
            .take_while(move |slot| &*slot.value == value)
            .map(|slot| &slot.entry)
    }

    /// The objects of a namespace that an index files under a value.
    pub fn indexed_in(
        &self,
        index: Index,
        value: &str,
        namespace: &str,
    ) -> impl Iterator<Item = &Arc<Entry<V>>> {
        self.indexed_in_after(index, value, namespace, "")
    }

    /// Those of them that come after this name, whether there is one or not.
    pub fn indexed_in_after(
        &self,
        index: Index,
        value: &str,
        namespace: &str,
        name: &str,
    ) -> impl Iterator<Item = &Arc<Entry<V>>> {
        self.indexed_after(index, value, namespace, name)
            .take_while(move |entry| entry.key.namespace() == namespace)
    }

    /// The objects that a label selector selects, in a namespace or in all.
    ///
    /// Where the selector asks for a label that has an index ([`Builder::label`](super::Builder::label)), or for one
    /// of certain values of it, only those that the index files under them are looked at; where several do, the
    /// fewest. Otherwise all of the namespace are.
    pub fn select(
        &self,
        selector: &Selector,
        namespace: Option<&str>,
    ) -> Result<Vec<&Arc<Entry<V>>>, LabelNotKept> {
        let expressions: Vec<_> = selector.clone().into_iter().collect();
        for key in expressions.iter().map(key) {
            if !self.contents.kept.has(key) {
                return Err(LabelNotKept(key.to_owned()));
            }
        }
        let is_selected = |entry: &&Arc<Entry<V>>| {
            let mut expressions = expressions.iter();
            expressions.all(|expression| entry.labels.fulfil(expression))
        };
        let Some(candidate) = self.best_candidate(&expressions) else {
            return Ok(match namespace {
                Some(namespace) => self.namespaced(namespace).filter(is_selected).collect(),
                None => self.iter().filter(is_selected).collect(),
            });
        };
        let mut selected: Vec<_> = self
            .candidates(&candidate, namespace)
            .filter(is_selected)
            .collect();
        selected.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(selected)
    }

    /// The candidate that leaves the fewest objects to look at; finding it takes about as long as looking at these.
    fn best_candidate<'a>(&self, expressions: &'a [Expression]) -> Option<Candidate<'a>> {
        let mut candidates: Vec<_> = expressions
            .iter()
            .filter_map(|expression| {
                let (key, values) = match expression {
                    Expression::Equal(key, value) => (key, Some(vec![value.as_str()])),
                    Expression::In(key, values) => (key, Some(values.iter().map(String::as_str).collect())),
                    Expression::Exists(key) => (key, None),
                    _ => return None,
                };
                let index = self.contents.label_index(key)?;
                Some(Candidate { index, values })
            })
            .collect();
        let mut most = 64;
        while candidates.len() > 1 {
            let has_few = |candidate: &Candidate<'_>| self.candidates(candidate, None).nth(most).is_none();
            match candidates.iter().position(has_few) {
                Some(place) => return Some(candidates.swap_remove(place)),
                None => most *= 8,
            }
        }
        candidates.pop()
    }

    fn candidates<'s, 'n>(
        &'s self,
        candidate: &'n Candidate<'n>,
        namespace: Option<&'n str>,
    ) -> impl Iterator<Item = &'s Arc<Entry<V>>> + use<'s, 'n, V> {
        let is_in = move |entry: &&'s Arc<Entry<V>>| {
            namespace.is_none_or(|namespace| entry.key.namespace() == namespace)
        };
        let index = candidate.index;
        let all = candidate
            .values
            .is_none()
            .then(|| self.contents.indexes[index.0].iter());
        let all = all.into_iter().flatten().map(|slot| &slot.entry).filter(is_in);
        let filed = candidate.values.iter().flatten().flat_map(move |value| {
            self.indexed_after(index, value, namespace.unwrap_or_default(), "")
                .take_while(is_in)
        });
        all.chain(filed)
    }

    /// The namespaces that have objects, and what is known of each as a whole.
    pub fn namespaces(&self) -> impl Iterator<Item = (&str, NamespaceState)> {
        self.namespaces_after("")
    }

    /// Those of them that come after this one, whether it is there or not.
    pub fn namespaces_after(&self, namespace: &str) -> impl Iterator<Item = (&str, NamespaceState)> {
        let range = (Bound::Excluded(namespace), Bound::Unbounded);
        self.contents
            .namespaces
            .range::<_, str>(range)
            .map(|(namespace, state)| (&**namespace, *state))
    }

    /// What is known of a namespace as a whole; `None` where it has no objects.
    #[must_use]
    pub fn namespace(&self, namespace: &str) -> Option<NamespaceState> {
        self.contents.namespaces.get(namespace).copied()
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.contents.objects.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.contents.objects.is_empty()
    }
}

/// Where an index leads to all that an expression selects.
struct Candidate<'a> {
    index: Index,
    /// The values to look under; `None`: all.
    values: Option<Vec<&'a str>>,
}

/// The key of the label that an expression is about.
fn key(expression: &Expression) -> &str {
    match expression {
        Expression::In(key, _)
        | Expression::NotIn(key, _)
        | Expression::Equal(key, _)
        | Expression::NotEqual(key, _)
        | Expression::Exists(key)
        | Expression::DoesNotExist(key) => key,
    }
}

impl<V> fmt::Debug for Snapshot<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("len", &self.len())
            .field("resource_version", &self.resource_version)
            .finish_non_exhaustive()
    }
}
