//! Label selectors, answered from indexes if that costs less.

use std::sync::Arc;

use kube::core::{Expression, Selector};

use super::contents::{Entry, Index, Part};
use super::snapshot::Snapshot;

/// The error for a label selector with a label that the cache does not keep ([`Builder::label`](super::Builder::label),
/// [`Builder::labels`](super::Builder::labels)).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot select by label {0:?}: the cache does not keep it")]
pub struct LabelNotKept(pub String);

impl<V> Snapshot<V> {
    /// The objects that a label selector selects, in a namespace or in all.
    ///
    /// If the selector requires an indexed label ([`Builder::label`](super::Builder::label)), or certain values of it,
    /// only the objects that the index files under them are examined; of several such indexes, the one with about the
    /// fewest is used. If no index has fewer objects than the namespace, all objects of the namespace are examined.
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
            expressions.all(|expression| entry.labels.matches(expression))
        };
        let mut selected: Vec<_> = self
            .candidates_for(&expressions, namespace)
            .filter(is_selected)
            .collect();
        selected.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(selected)
    }

    /// The objects to examine for the expressions: at least all that match them.
    pub(super) fn candidates_for<'s, 'n>(
        &'s self,
        expressions: &'n [Expression],
        namespace: Option<&'n str>,
    ) -> impl Iterator<Item = &'s Arc<Entry<V>>> + use<'s, 'n, V> {
        let candidate = self.best_candidate(expressions, namespace);
        let all = candidate
            .is_none()
            .then(|| self.contents.part(namespace.map_or(Part::All, Part::Namespace)));
        let filed = candidate.map(|candidate| self.filed(candidate, namespace));
        all.into_iter().flatten().chain(filed.into_iter().flatten())
    }

    /// The candidate with about the fewest objects to examine, if they are fewer than all of the namespace. Finding it
    /// costs about as much as examining them.
    fn best_candidate<'a>(
        &self,
        expressions: &'a [Expression],
        namespace: Option<&str>,
    ) -> Option<Candidate<'a>> {
        let all = match namespace {
            Some(namespace) => self.namespace(namespace).map_or(0, |state| state.objects),
            None => self.len(),
        };
        let candidates = || {
            expressions
                .iter()
                .filter_map(|expression| self.candidate(expression))
        };
        let mut most = 8;
        loop {
            let beats_all = most.min(all.checked_sub(1)?);
            let best = candidates().find(|candidate| self.has_at_most(candidate, namespace, beats_all));
            if best.is_some() || most >= all {
                return best;
            }
            most *= 8;
        }
    }

    fn candidate<'a>(&self, expression: &'a Expression) -> Option<Candidate<'a>> {
        let (key, values) = match expression {
            Expression::Equal(key, value) => (key, Some(vec![value.as_str()])),
            Expression::In(key, values) => (key, Some(values.iter().map(String::as_str).collect())),
            Expression::Exists(key) => (key, None),
            _ => return None,
        };
        let index = self.contents.label_index(key)?;
        Some(Candidate { index, values })
    }

    /// Returns true if examining a candidate's objects takes at most this many steps.
    fn has_at_most(&self, candidate: &Candidate<'_>, namespace: Option<&str>, most: usize) -> bool {
        match &candidate.values {
            Some(values) => {
                values.len() <= most && self.filed(candidate.clone(), namespace).nth(most).is_none()
            }
            None => self.contents.all_of(candidate.index).len() <= most,
        }
    }

    fn filed<'s, 'n>(
        &'s self,
        candidate: Candidate<'n>,
        namespace: Option<&'n str>,
    ) -> impl Iterator<Item = &'s Arc<Entry<V>>> + use<'s, 'n, V> {
        let Candidate { index, values } = candidate;
        let all = values.is_none().then(|| self.contents.all_of(index).iter());
        let all = all.into_iter().flatten().map(|slot| &slot.entry);
        let all =
            all.filter(move |entry| namespace.is_none_or(|namespace| entry.key.namespace() == namespace));
        let values = values.into_iter().flatten();
        all.chain(values.flat_map(move |value| self.contents.indexed(index, value, namespace)))
    }
}

/// An index and its values under which all objects that an expression selects are filed.
#[derive(Clone)]
struct Candidate<'a> {
    index: Index,
    /// The values to look up; `None` for all.
    values: Option<Vec<&'a str>>,
}

/// The label key of an expression.
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
