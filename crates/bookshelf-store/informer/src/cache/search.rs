//! A search of the texts that a cache keeps.

use memchr::memmem::Finder;

/// Strings that a text must contain, all of them, anywhere and in any order
/// ([`Snapshot::search`](super::Snapshot::search)).
#[derive(Clone, Debug)]
pub struct Search {
    /// Longest first, since the longest is probably the rarest. No needle is part of another.
    needles: Vec<Finder<'static>>,
}

impl Search {
    /// A search for these strings, compared bytewise. Every text contains the empty string.
    pub fn new<S: AsRef<str>>(needles: impl IntoIterator<Item = S>) -> Self {
        let mut given: Vec<_> = needles.into_iter().collect();
        given.sort_by_key(|needle| std::cmp::Reverse(needle.as_ref().len()));
        let mut needles: Vec<Finder<'static>> = Vec::new();
        for needle in &given {
            let needle = needle.as_ref().as_bytes();
            let finder = Finder::new(needle);
            let is_implied = needle.is_empty()
                || needles
                    .iter()
                    .any(|longer| finder.find(longer.needle()).is_some());
            if !is_implied {
                needles.push(finder.into_owned());
            }
        }
        Self { needles }
    }

    pub(super) fn needles(&self) -> Vec<&Finder<'static>> {
        self.needles.iter().collect()
    }
}
