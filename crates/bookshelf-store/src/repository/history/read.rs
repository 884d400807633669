//! Reads of the history.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use bookshelf_crd::loan_journal::Line;

use super::super::Repository;
use super::super::error::Error;
use super::super::model::{BookKey, Namespace, Tenant};
use super::due::unstored;
use super::pending::Proof;
use super::record::Record;
use super::store::{State, Store, records_in, records_of_book};

/// The events to read.
#[derive(Clone, Copy, Debug, Default)]
pub struct HistoryFilter<'a> {
    /// The id of the book.
    pub book_id: Option<&'a str>,
    /// The tenant of the loans.
    pub borrowed_by: Option<&'a str>,
    /// The earliest time, in seconds since 1970.
    pub since: Option<i64>,
    /// The time before which the events happened, in seconds since 1970.
    pub until: Option<i64>,
}

impl<'a> HistoryFilter<'a> {
    /// Creates a filter for the events of a book id.
    #[must_use]
    pub fn of_book(key: BookKey<'a>) -> Self {
        Self {
            book_id: Some(key.id),
            ..Self::default()
        }
    }

    /// Returns true if an event of this book and tenant passes. Its time is checked later, because duplicates may
    /// differ in it.
    fn passes(&self, book_id: &str, tenant: Option<&str>) -> bool {
        self.book_id.is_none_or(|id| book_id == id)
            && self.borrowed_by.is_none_or(|borrower| tenant == Some(borrower))
    }

    fn passes_time(&self, record: &Record) -> bool {
        self.since.is_none_or(|since| record.at() >= since)
            && self.until.is_none_or(|until| record.at() < until)
    }
}

impl<V: Send + Sync + 'static> Repository<V> {
    /// Returns the history of a namespace, newest first.
    pub fn history(
        &self,
        namespace: Namespace<'_>,
        filter: &HistoryFilter<'_>,
    ) -> Result<Vec<Record>, Error> {
        self.read_history(namespace.as_str(), filter)
    }

    /// Returns the history of a tenant's loans in a namespace, of one book or of all, newest first. It names no other
    /// user.
    pub fn history_of(
        &self,
        namespace: Namespace<'_>,
        tenant: Tenant<'_>,
        filter: &HistoryFilter<'_>,
    ) -> Result<Vec<Record>, Error> {
        let borrowed_by = Some(tenant.as_str());
        let filter = HistoryFilter {
            borrowed_by,
            ..*filter
        };
        let records = self.read_history(namespace.as_str(), &filter)?;
        let is_other = |record: &Record| record.by().is_some_and(|by| by != tenant.as_str());
        let records = records.into_iter();
        Ok(records
            .map(|record| {
                if is_other(&record) {
                    record.without_by()
                } else {
                    record
                }
            })
            .collect())
    }

    fn read_history(&self, namespace: &str, filter: &HistoryFilter<'_>) -> Result<Vec<Record>, Error> {
        self.check_namespace(namespace)?;
        Ok(self.history_store()?.read(namespace, filter))
    }

    /// Returns the store, once it is loaded.
    pub(in super::super) fn history_store(&self) -> Result<&Store, Error> {
        let history = self.history.as_deref().ok_or(Error::NoHistory)?;
        match history.state() {
            State::Ready => Ok(history),
            State::Loading => Err(Error::HistoryNotLoaded),
            State::Missing => Err(Error::NoHistory),
        }
    }
}

impl Store {
    fn read(&self, namespace: &str, filter: &HistoryFilter<'_>) -> Vec<Record> {
        let journals = self.journals.snapshot();
        let waiting = self.pending.lines(namespace, |waiting| {
            let Line { book_id, tenant, .. } = &waiting.line;
            waiting.proof == Proof::Certain && filter.passes(book_id, tenant.as_deref())
        });
        match filter.book_id {
            Some(id) => self.merge(waiting, || records_of_book(&journals, namespace, id), filter),
            None => self.merge(waiting, || records_in(&journals, namespace), filter),
        }
    }

    /// Returns the events of journals, and the pending events that journals do not have.
    fn merge<'a, R: Iterator<Item = &'a Record>>(
        &self,
        waiting: Vec<Line>,
        records: impl Fn() -> R,
        filter: &HistoryFilter<'_>,
    ) -> Vec<Record> {
        let waiting = unstored(waiting, records()).into_iter();
        let waiting: Vec<Record> = waiting.map(|line| Record::new(line, &self.names)).collect();
        #[expect(
            clippy::borrow_deref_ref,
            reason = "the reborrow lives as long as those that wait"
        )]
        let stored = records().map(|record| &*record);
        events(stored.chain(&waiting), filter)
    }
}

/// Returns the events of these records, each once, newest first.
fn events<'a>(records: impl Iterator<Item = &'a Record>, filter: &HistoryFilter<'_>) -> Vec<Record> {
    let mut events = HashMap::new();
    for record in records.filter(|record| filter.passes(record.book_id(), record.tenant())) {
        match events.entry(record.identity()) {
            Entry::Vacant(vacant) => {
                vacant.insert(record);
            }
            Entry::Occupied(mut existing) => {
                if record.is_better_than(existing.get()) {
                    existing.insert(record);
                }
            }
        }
    }
    let mut events: Vec<&Record> = events
        .into_values()
        .filter(|record| filter.passes_time(record))
        .collect();
    events.sort_unstable_by_key(|record| Reverse(record.order()));
    events.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use bookshelf_crd::loan_journal::LoanJournalEvent::{Borrowed, Created, Returned, TakenBack};
    use proptest::prelude::*;

    use super::super::record::Names;
    use super::*;

    fn records(lines: &[&str]) -> Vec<Record> {
        let names = Names::default();
        let lines = lines.iter().map(|line| Line::parse(line).unwrap());
        lines.map(|line| Record::new(line, &names)).collect()
    }

    const LINES: [&str; 7] = [
        "2026-11-22T11:11:08Z created a 0000000000000009",
        "2026-11-22T11:11:09Z borrowed a 0000000000000001 bob",
        "2026-11-22T11:11:09Z returned a 0000000000000001 2026-11-22T11:11:09Z bob by=bob",
        "2026-11-22T11:11:12Z ended a 0000000000000001 2026-11-22T11:11:09Z bob",
        "2026-11-22T11:11:10Z borrowed a 0000000000000002 ann",
        "2026-11-22T11:11:11Z borrowed b 0000000000000003 bob",
        "2026-11-22T11:11:13Z taken_back b 0000000000000003 2026-11-22T11:11:11Z bob by=librarian",
    ];

    proptest! {
        #[test]
        fn order_and_doubles_of_lines_make_no_difference(
            order in Just((0..LINES.len()).chain(0..LINES.len()).collect::<Vec<_>>()).prop_shuffle(),
            more in 0..LINES.len(),
        ) {
            let once = records(&LINES);
            let expected = events(once.iter(), &HistoryFilter::default());
            let mut shuffled: Vec<&str> = order.iter().map(|line| LINES[*line]).collect();
            shuffled.push(LINES[more]);
            let shuffled = records(&shuffled);
            prop_assert_eq!(events(shuffled.iter(), &HistoryFilter::default()), expected);
        }
    }

    #[test]
    fn an_event_is_there_once_with_its_better_word_and_an_end_above_its_beginning() {
        let records = records(&LINES);
        let words = |filter: HistoryFilter<'_>| {
            let events = events(records.iter(), &filter);
            let words = events
                .iter()
                .map(|event| (event.event(), event.book_id().to_owned()));
            words.collect::<Vec<_>>()
        };
        let of = |event, book: &str| (event, book.to_owned());
        assert_eq!(
            words(HistoryFilter::default()),
            [
                of(TakenBack, "b"),
                of(Borrowed, "b"),
                of(Borrowed, "a"),
                of(Returned, "a"),
                of(Borrowed, "a"),
                of(Created, "a")
            ]
        );
        let of_ann = HistoryFilter {
            borrowed_by: Some("ann"),
            ..HistoryFilter::default()
        };
        assert_eq!(words(of_ann), [of(Borrowed, "a")]);
        let of_b = HistoryFilter {
            book_id: Some("b"),
            ..HistoryFilter::default()
        };
        assert_eq!(words(of_b), [of(TakenBack, "b"), of(Borrowed, "b")]);
        // 11:11:09 or later, before 11:11:10.
        let since = records[1].at();
        let second = HistoryFilter {
            since: Some(since),
            until: Some(since + 1),
            ..HistoryFilter::default()
        };
        assert_eq!(words(second), [of(Returned, "a"), of(Borrowed, "a")]);
        let crossed = HistoryFilter {
            until: Some(since),
            ..second
        };
        assert_eq!(words(crossed), []);
    }
}
