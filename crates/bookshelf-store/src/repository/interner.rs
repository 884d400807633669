//! One copy of each text that many objects have.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Texts in use. Those that nobody has any more are forgotten when the set has doubled.
#[derive(Default)]
pub(super) struct Interner {
    texts: Mutex<Texts>,
}

#[derive(Default)]
struct Texts {
    known: HashSet<Arc<str>>,
    in_use: usize,
}

impl Interner {
    /// The one copy of a text.
    pub(super) fn intern(&self, text: &str) -> Arc<str> {
        // The set is whole at every point where a panic could leave it.
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = texts.known.get(text) {
            return Arc::clone(known);
        }
        if texts.known.len() > 2 * texts.in_use.max(32) {
            texts.known.retain(|text| Arc::strong_count(text) > 1);
            texts.in_use = texts.known.len();
        }
        let text: Arc<str> = text.into();
        texts.known.insert(Arc::clone(&text));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one_and_unused_ones_are_forgotten() {
        let interner = Interner::default();
        let kept = interner.intern("kept");
        for number in 0..10_000 {
            interner.intern(&number.to_string());
        }
        assert!(Arc::ptr_eq(&kept, &interner.intern("kept")));
        assert!(interner.texts.lock().unwrap().known.len() < 100);
    }
}
