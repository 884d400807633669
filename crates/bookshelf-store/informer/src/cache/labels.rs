//! The labels that a cache keeps of its objects.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::core::Expression;

use crate::interner::Interner;

/// The labels of an object that its cache keeps ([`Builder::label`](super::Builder::label),
/// [`Builder::labels`](super::Builder::labels)). Objects with equal labels share one copy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Labels(Option<Arc<Set>>);

/// Keys and values, ordered by key.
type Set = Box<[(Arc<str>, Arc<str>)]>;

impl Labels {
    /// The value of the label with this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.find(key).map(|value| &**value)
    }

    /// The labels, ordered by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let labels = self.0.iter().flat_map(|set| set.iter());
        labels.map(|(key, value)| (&**key, &**value))
    }

    pub(super) fn find(&self, key: &str) -> Option<&Arc<str>> {
        let set = self.0.as_ref()?;
        let place = set
            .binary_search_by(|(candidate, _)| (**candidate).cmp(key))
            .ok()?;
        Some(&set[place].1)
    }

    /// Returns true if the labels match an expression. A missing label is in no set and equals no value.
    pub(super) fn matches(&self, expression: &Expression) -> bool {
        match expression {
            Expression::In(key, values) => self.get(key).is_some_and(|value| values.contains(value)),
            Expression::NotIn(key, values) => !self.get(key).is_some_and(|value| values.contains(value)),
            Expression::Equal(key, value) => self.get(key) == Some(value),
            Expression::NotEqual(key, value) => self.get(key) != Some(value),
            Expression::Exists(key) => self.get(key).is_some(),
            Expression::DoesNotExist(key) => self.get(key).is_none(),
        }
    }
}

/// The labels that a cache keeps.
#[derive(Clone, Debug)]
pub(super) enum Kept {
    These(Arc<[Arc<str>]>),
    All,
}

impl Kept {
    pub(super) fn has(&self, key: &str) -> bool {
        match self {
            Self::These(keys) => keys.iter().any(|kept| **kept == *key),
            Self::All => true,
        }
    }
}

/// Selects the labels of an object to keep. Equal sets of labels in use share one copy.
pub(super) struct Keeper {
    kept: Kept,
    sets: Interner<Set>,
}

impl Keeper {
    pub(super) fn new(kept: Kept) -> Self {
        Self {
            kept,
            sets: Interner::default(),
        }
    }

    pub(super) fn keep(&self, labels: &BTreeMap<String, String>) -> Labels {
        let set: Set = match &self.kept {
            Kept::These(keys) => {
                let mut set: Vec<_> = keys
                    .iter()
                    .filter_map(|key| Some((Arc::clone(key), labels.get(&**key)?.as_str().into())))
                    .collect();
                set.sort();
                set.into()
            }
            Kept::All => labels
                .iter()
                .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
                .collect(),
        };
        Labels((!set.is_empty()).then(|| self.sets.intern(set)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(labels: &[(&str, &str)]) -> BTreeMap<String, String> {
        let labels = labels.iter();
        labels
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn only_the_labels_named_are_kept() {
        let keeper = Keeper::new(Kept::These(["b".into(), "a".into()].into()));
        let kept = keeper.keep(&labels(&[("a", "1"), ("b", "2"), ("c", "3")]));
        assert_eq!(kept.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
        assert_eq!(
            (kept.get("a"), kept.get("b"), kept.get("c")),
            (Some("1"), Some("2"), None)
        );
        assert_eq!(keeper.keep(&labels(&[("c", "3")])), Labels::default());
    }

    #[test]
    fn equal_sets_are_one_and_unused_ones_are_forgotten() {
        let keeper = Keeper::new(Kept::All);
        let kept = keeper.keep(&labels(&[("a", "kept")]));
        for number in 0..10_000 {
            keeper.keep(&labels(&[("a", &number.to_string())]));
        }
        let again = keeper.keep(&labels(&[("a", "kept")]));
        assert!(Arc::ptr_eq(kept.0.as_ref().unwrap(), again.0.as_ref().unwrap()));
        assert!(keeper.sets.len() < 100);
    }
}
