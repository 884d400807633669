//! Keeps one copy of each value that many objects share.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// A set of values in use, each stored once. When the number of values has doubled, those without other owners are
/// dropped. Threads may share it: each call holds a lock for about the time of a look-up.
pub struct Interner<T: ?Sized> {
    values: Mutex<Values<T>>,
}

struct Values<T: ?Sized> {
    known: HashSet<Arc<T>>,
    in_use: usize,
}

impl<T: ?Sized> Default for Interner<T> {
    fn default() -> Self {
        let (known, in_use) = (HashSet::new(), 0);
        Self {
            values: Mutex::new(Values { known, in_use }),
        }
    }
}

impl<T: ?Sized + Eq + Hash> Interner<T> {
    /// Returns the shared copy of a value.
    pub fn intern(&self, value: impl Borrow<T> + Into<Arc<T>>) -> Arc<T> {
        // The set is consistent wherever a panic could leave it.
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = values.known.get(value.borrow()) {
            return Arc::clone(known);
        }
        if values.known.len() > 2 * values.in_use.max(32) {
            values.known.retain(|value| Arc::strong_count(value) > 1);
            values.in_use = values.known.len();
        }
        let value = value.into();
        values.known.insert(Arc::clone(&value));
        value
    }

    /// Returns the number of known values.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.values.lock().unwrap().known.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one_and_unused_ones_are_forgotten() {
        let interner = Interner::<str>::default();
        let kept = interner.intern("kept");
        for number in 0..10_000 {
            interner.intern(number.to_string().as_str());
        }
        assert!(Arc::ptr_eq(&kept, &interner.intern("kept")));
        assert!(interner.len() < 100);
    }
}
