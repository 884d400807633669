//! Journal lines in the form that the cache keeps.

use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use bookshelf_crd::loan_journal::{Identity, Line, LoanJournalEvent};
use bookshelf_crd::{self as crd, LoanJournal};
use kube_informer::Interner;
use siphasher::sip::SipHasher13;

/// The interned names of records.
#[derive(Default)]
pub(super) struct Names(Interner<String>);

impl Names {
    fn intern(&self, name: String) -> Arc<String> {
        self.0.intern(name)
    }
}

/// An event of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    book_id: Arc<String>,
    tenant: Option<Arc<String>>,
    by: Option<Arc<String>>,
    mark: u64,
    at: Seconds,
    since: Seconds,
    event: LoanJournalEvent,
    is_forced: bool,
}

/// Seconds since 1970, of the years 0 to 9999: 40 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seconds([u8; 5]);

impl From<i64> for Seconds {
    fn from(seconds: i64) -> Self {
        let [_, _, _, low @ ..] = crd::time::nearest_of(seconds).as_second().to_be_bytes();
        Self(low)
    }
}

impl From<Seconds> for i64 {
    fn from(Seconds([high, low @ ..]): Seconds) -> Self {
        Self::from(high.cast_signed()) << u32::BITS | Self::from(u32::from_be_bytes(low))
    }
}

/// The sort key of an event in a history: time, kind and mark. Within a second, the end of a loan sorts above its
/// beginning.
pub type Order = (i64, LoanJournalEvent, u64);

impl Record {
    pub(super) fn new(line: Line, names: &Names) -> Self {
        Self {
            book_id: names.intern(line.book_id),
            tenant: line.tenant.map(|name| names.intern(name)),
            by: line.by.map(|name| names.intern(name)),
            mark: line.mark,
            at: line.at.into(),
            since: line.since.unwrap_or(line.at).into(),
            event: line.event,
            is_forced: line.is_forced,
        }
    }

    /// Returns the time, in seconds since 1970.
    #[must_use]
    pub fn at(&self) -> i64 {
        self.at.into()
    }

    /// Returns the kind of event.
    #[must_use]
    pub fn event(&self) -> LoanJournalEvent {
        self.event
    }

    /// Returns the book's id.
    #[must_use]
    pub fn book_id(&self) -> &str {
        &self.book_id
    }

    /// Returns the tenant of a loan, unless the name is blanked.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref().map(String::as_str)
    }

    /// Returns the time at which the loan began; `None` for events of books.
    #[must_use]
    pub fn borrowed_at(&self) -> Option<i64> {
        self.event.is_loan_event().then(|| self.since.into())
    }

    /// Returns the user, if known.
    #[must_use]
    pub fn by(&self) -> Option<&str> {
        self.by.as_deref().map(String::as_str)
    }

    /// Returns true for a forced change.
    #[must_use]
    pub fn is_forced(&self) -> bool {
        self.is_forced
    }

    /// Returns the same event without the user.
    pub(super) fn without_by(self) -> Self {
        Self { by: None, ..self }
    }

    /// Returns the sort key of the event in a history.
    #[must_use]
    pub fn order(&self) -> Order {
        (self.at(), self.event, self.mark)
    }

    pub(super) fn identity(&self) -> Identity {
        Identity::new(self.event, self.mark)
    }

    /// Returns the mark of the loan, or of the change of the book.
    pub(super) fn mark(&self) -> u64 {
        self.mark
    }

    /// Returns how much the record tells about its event. The tenant's name does not count: otherwise an erased name
    /// would come back.
    pub(super) fn worth(&self) -> Worth {
        Worth::new(self.event, self.by.is_some(), self.is_forced)
    }

    /// Returns true if this record tells more about an event than `other`, or has an earlier time and tells as much.
    pub(super) fn is_better_than(&self, other: &Self) -> bool {
        let rank = |record: &Self| (record.worth(), record.tenant.is_some());
        (rank(self), other.at(), self.event) > (rank(other), self.at(), other.event)
    }
}

/// The worth of a line compared with other lines of the same event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Worth {
    /// `ended` tells less than the other ends of a loan.
    is_precise: bool,
    /// The process whose act it was knows the user, or that a change was forced.
    knows_actor: bool,
}

impl Worth {
    fn new(event: LoanJournalEvent, has_user: bool, is_forced: bool) -> Self {
        Self {
            is_precise: event != LoanJournalEvent::Ended,
            knows_actor: has_user || is_forced,
        }
    }

    /// Returns true unless the word is `ended`.
    pub(super) fn is_precise(self) -> bool {
        self.is_precise
    }

    pub(super) fn of(line: &Line) -> Self {
        Self::new(line.event, line.by.is_some(), line.is_forced)
    }
}

/// The records of a journal.
#[derive(Debug, Default)]
pub(in super::super) struct Records {
    pub(super) readable: Box<[Record]>,
    /// The hash of each record's book, in the same order. A search for a book reads only these.
    books: Box<[u32]>,
    /// The number of lines, including unreadable ones.
    pub(super) lines: usize,
}

impl Records {
    /// Parses the lines of a journal. Unreadable lines, such as those of later versions, are left out.
    pub(super) fn of(journal: &LoanJournal, names: &Names) -> Self {
        let lines = journal.spec.lines.iter();
        let lines = lines.filter_map(|line| Line::parse(line).ok());
        let records: Box<[Record]> = lines.map(|line| Record::new(line, names)).collect();
        Self {
            books: records
                .iter()
                .map(|record| hash_of_book(record.book_id()))
                .collect(),
            readable: records,
            lines: journal.spec.lines.len(),
        }
    }

    /// Returns the records of a book. `hash` is the hash of `id`.
    pub(super) fn of_book(&self, id: &str, hash: u32) -> impl Iterator<Item = &Record> {
        let hashes = self.books.iter().zip(&self.readable);
        let records = hashes.filter_map(move |(of, record)| (*of == hash).then_some(record));
        records.filter(move |record| record.book_id() == id)
    }
}

/// Returns the hash of a text, the same in every process.
pub(super) fn hash(text: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    text.hash(&mut hasher);
    hasher.finish()
}

pub(super) fn hash_of_book(book_id: &str) -> u32 {
    // Half of the bits suffice: the id is compared as well.
    u32::try_from(hash(book_id) >> 32).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(line: &str, names: &Names) -> Record {
        Record::new(Line::parse(line).unwrap(), names)
    }

    #[test]
    fn a_record_has_the_times_of_its_line() {
        for time in [
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-11-22T11:11:09Z",
            "9999-01-01T00:00:00Z",
        ] {
            let line = format!("{time} ended a 3b241101a2bc42f1 {time} bob");
            let (line, record) = (Line::parse(&line).unwrap(), record(&line, &Names::default()));
            assert_eq!(
                (record.at(), record.borrowed_at()),
                (line.at, line.since),
                "{time}"
            );
        }
    }

    #[test]
    fn a_record_takes_at_most_48_bytes_and_shares_its_names() {
        assert!(size_of::<Record>() <= 48, "{}", size_of::<Record>());
        let names = Names::default();
        let line = "2026-11-22T11:11:09Z borrowed a 3b241101a2bc42f1 bob";
        let (one, other) = (record(line, &names), record(line, &names));
        assert!(Arc::ptr_eq(&one.book_id, &other.book_id));
        assert_eq!(one, other);
    }

    #[test]
    fn a_book_is_found_among_the_records_of_a_journal() {
        let lines =
            ["a", "b", "a"].map(|id| format!("2026-11-22T11:11:09Z borrowed {id} 3b241101a2bc42f1 bob"));
        let spec = bookshelf_crd::LoanJournalSpec {
            lines: [&lines[..], &["a line of a later version".to_owned()]].concat(),
            ..Default::default()
        };
        let records = Records::of(&LoanJournal::new("000001", spec), &Names::default());
        assert_eq!((records.readable.len(), records.lines), (3, 4));
        for (id, count) in [("a", 2), ("b", 1), ("c", 0)] {
            let of_book = records.of_book(id, hash_of_book(id));
            assert_eq!(
                of_book.filter(|record| record.book_id() == id).count(),
                count,
                "{id}"
            );
        }
        // A record of another book with the same hash does not match.
        assert_eq!(records.of_book("c", hash_of_book("a")).count(), 0);
    }

    #[test]
    fn of_two_records_of_an_end_the_one_that_tells_more_is_better() {
        let names = Names::default();
        let of = |time: &str, word: &str, rest: &str| {
            let since = "2026-11-22T11:11:09Z";
            let line = format!("2026-11-22T12:00:{time}Z {word} a 3b241101a2bc42f1 {since} {rest}");
            record(&line, &names)
        };
        let ended = of("01", "ended", "bob");
        for better in [
            of("05", "returned", "bob"),
            of("05", "book_gone", "-"),
            of("05", "ended", "bob by=ann"),
            of("00", "ended", "bob"),
        ] {
            assert!(better.is_better_than(&ended), "{better:?}");
            assert!(!ended.is_better_than(&better), "{better:?}");
        }
        assert!(!ended.is_better_than(&ended.clone()));
    }
}
