//! One copy of each value that many objects have.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// A set of values in use, each once. Values without other owners are dropped when their number has doubled. Threads may share
/// it; each call takes a lock for as long as a look-up takes.
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
    /// Returns the one copy of a value.
    pub fn intern(&self, value: impl Borrow<T> + Into<Arc<T>>) -> Arc<T> {
        // The set is whole at every point where a panic could leave it.
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
