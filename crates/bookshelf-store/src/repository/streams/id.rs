//! The ids of a stream's events.

use std::fmt;

use super::Resource;
use crate::object::ResourceVersion;

/// The position of a client in a stream: a version of the books, and of the loans if the stream depends on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamId {
    books: Option<ResourceVersion>,
    loans: Option<ResourceVersion>,
}

impl StreamId {
    /// The position of a client that has nothing. It does not parse as an id, so a stream resumed from it starts over.
    pub(super) const NOTHING: Self = Self {
        books: None,
        loans: None,
    };

    pub(super) fn new(books: Option<ResourceVersion>, loans: Option<ResourceVersion>) -> Self {
        Self { books, loans }
    }

    /// Parses the output of [`Display`](fmt::Display), or the version of an answer. A stream that does not depend on
    /// the loans uses only the books' part.
    pub(super) fn parse(text: &str, needs_loans: bool) -> Option<Self> {
        let (books, loans) = match text.split_once('.') {
            Some((books, loans)) => (books, Some(loans.parse().ok()?)),
            None if needs_loans => return None,
            None => (text, None),
        };
        Some(Self::new(
            Some(books.parse().ok()?),
            loans.filter(|_| needs_loans),
        ))
    }

    pub(super) fn of(self, resource: Resource) -> Option<ResourceVersion> {
        match resource {
            Resource::Books => self.books,
            Resource::Loans => self.loans,
        }
    }

    /// Advances one resource to this version, if it is later.
    pub(super) fn advance(&mut self, resource: Resource, version: Option<ResourceVersion>) {
        let reached = self.part(resource);
        *reached = version.max(*reached);
    }

    /// Returns the id with one resource lowered to at most this version.
    pub(super) fn no_later_than(mut self, resource: Resource, version: ResourceVersion) -> Self {
        let part = self.part(resource);
        *part = part.map(|reached| reached.min(version));
        self
    }

    /// Returns the position that both have reached.
    pub(super) fn min(self, other: Self) -> Self {
        Self {
            books: self.books.min(other.books),
            loans: self.loans.min(other.loans),
        }
    }

    fn part(&mut self, resource: Resource) -> &mut Option<ResourceVersion> {
        match resource {
            Resource::Books => &mut self.books,
            Resource::Loans => &mut self.loans,
        }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NOTHING {
            return f.write_str("0");
        }
        let parts = [self.books, self.loans].into_iter().flatten();
        parts.enumerate().try_for_each(|(number, version)| {
            let dot = if number > 0 { "." } else { "" };
            write!(f, "{dot}{version}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_without_any_event_cannot_resume() {
        let nothing = StreamId::NOTHING.to_string();
        assert_eq!(nothing, "0");
        for needs_loans in [false, true] {
            assert_eq!(StreamId::parse(&nothing, needs_loans), None);
        }
    }

    #[test]
    fn an_id_is_read_as_it_is_written_by_a_stream_of_its_kind_and_nothing_else_is() {
        for (text, needs_loans) in [("7", false), ("1010.995", true)] {
            assert_eq!(StreamId::parse(text, needs_loans).unwrap().to_string(), text);
        }
        assert_eq!(StreamId::parse("7", true), None);
        for bad in [
            "", ".", "7.", ".7", "1.2.3", "a", "-1", "0", "07", " 7", "1e3", "7\n",
        ] {
            for needs_loans in [false, true] {
                assert_eq!(StreamId::parse(bad, needs_loans), None, "{bad}");
            }
        }
    }

    #[test]
    fn a_stream_of_books_goes_on_from_the_version_of_an_answer() {
        assert_eq!(StreamId::parse("1010.995", false).unwrap().to_string(), "1010");
        assert_eq!(StreamId::parse("1010.", false), None);
        assert_eq!(StreamId::parse("1010.x", false), None);
    }
}
