//! Events of the history that the watches of loans and books report.

use std::collections::HashMap;
use std::time::Duration;

use bookshelf_crd::loan_journal::{Line, LoanJournalEvent};
use tokio::time::Instant;

use super::super::books::CachedBook;
use super::super::model::Loan;
use super::lines::{beginning_of, end_of, mark_of, mark_of_change, now, of_book};
use super::pending::{Pending, Proof, after_others};
use crate::cache::{Entry, Event, Position, Reader};
use crate::object::{ResourceVersion, Uid};

/// The time for which a deleted book is remembered, for the word of its loan's end.
const GONE_FOR: Duration = Duration::from_mins(2);

/// Follows loans and books, and queues their events.
pub(super) struct Follower<V> {
    loans: Reader<Loan>,
    books: Reader<CachedBook<V>>,
    positions: Option<(Position, Position)>,
    /// Deleted books by uid: the version of the deletion, and when it was reported.
    gone: HashMap<Uid, (ResourceVersion, Instant)>,
}

impl<V> Follower<V> {
    pub(super) fn new(loans: Reader<Loan>, books: Reader<CachedBook<V>>) -> Self {
        Self {
            loans,
            books,
            positions: None,
            gone: HashMap::new(),
        }
    }

    /// Queues the events of all new changes. Returns false if some changes are unknown: then loans and journals must be
    /// compared.
    pub(super) fn follow(&mut self, pending: &Pending) -> bool {
        let (loans, books) = (self.loans.snapshot(), self.books.snapshot());
        let (of_loans, of_books) = (loans.confirmed(None), books.confirmed(None));
        let mut is_known = self.positions.is_some();
        // Objects that were created and deleted since the first list leave no other trace.
        let oldest = || (of_loans.oldest_position(), of_books.oldest_position());
        let (at_loans, at_books) = self.positions.get_or_insert_with(oldest);
        match of_books.follow(at_books) {
            Ok(steps) => {
                for step in steps {
                    if let Event::Deleted(book) = &step.change.event {
                        // A foreground deletion deletes the loan before the book, so the version before the final
                        // deletion counts.
                        let version = if book.value.is_being_deleted {
                            book.resource_version
                        } else {
                            step.change.version
                        };
                        self.gone.insert(book.uid.clone(), (version, Instant::now()));
                    }
                    if let Some((namespace, line)) = book_event(&step.change.event) {
                        pending.add_seen(namespace, line, after_others(), Proof::Certain);
                    }
                }
            }
            Err(_) => *at_books = of_books.position(),
        }
        if let Ok(steps) = of_loans.follow(at_loans) {
            for step in steps {
                loan_event(&step.change.event, step.change.version, pending);
            }
        } else {
            *at_loans = of_loans.position();
            is_known = false;
        }
        self.gone.retain(|_, (_, when)| when.elapsed() < GONE_FOR);
        is_known
    }

    /// Skips all new changes.
    pub(super) fn skip(&mut self) {
        let (loans, books) = (self.loans.snapshot(), self.books.snapshot());
        self.positions = Some((loans.confirmed(None).position(), books.confirmed(None).position()));
    }

    /// Returns the word of an event. The end of a loan is `BookGone` if its book was deleted first.
    pub(super) fn word_for(&self, namespace: &str, line: &Line, proof: &Proof) -> LoanJournalEvent {
        let snapshot = self.books.load();
        let book = snapshot.confirmed(Some(namespace)).get(namespace, &line.book_id);
        let is_book_gone = match proof {
            Proof::Certain | Proof::Requested => return line.event,
            Proof::Ended(None, _) => false,
            Proof::Ended(Some(uid), ended) => match book.filter(|book| book.uid == *uid) {
                Some(book) => book.value.is_being_deleted && book.resource_version < *ended,
                None => self.gone.get(uid).is_none_or(|(gone, _)| gone <= ended),
            },
            Proof::Missing => book.is_none(),
        };
        if is_book_gone {
            LoanJournalEvent::BookGone
        } else {
            line.event
        }
    }
}

fn loan_event(event: &Event<Loan>, version: ResourceVersion, pending: &Pending) {
    let add = |loan: &Loan, line, proof| pending.add_seen(&loan.namespace_id, line, after_others(), proof);
    match event {
        Event::Created(loan) => add(&loan.value, beginning_of(&loan.value, None), Proof::Certain),
        Event::Updated { .. } => {}
        Event::Deleted(loan) => {
            let loan = &loan.value;
            add(loan, beginning_of(loan, None), Proof::Certain);
            if let Some((event, by)) = pending.take_unanswered(mark_of(&loan.version.uid)) {
                add(loan, end_of(loan, event, now(), by), Proof::Requested);
            } else {
                let line = end_of(loan, LoanJournalEvent::Ended, now(), None);
                add(loan, line, Proof::Ended(loan.book_uid.clone(), version));
            }
        }
    }
}

fn book_event<V>(event: &Event<CachedBook<V>>) -> Option<(&str, Line)> {
    let line = |book: &Entry<CachedBook<V>>, event, mark| of_book(book.key.name(), event, mark, now());
    let line = match event {
        Event::Created(book) => line(book, LoanJournalEvent::Created, mark_of(&book.uid)),
        Event::Deleted(book) => line(book, LoanJournalEvent::Deleted, mark_of(&book.uid)),
        Event::Updated { old, new } => {
            if old.value.content == new.value.content {
                return None;
            }
            let mark = mark_of_change(&new.uid, new.resource_version);
            line(new, LoanJournalEvent::Updated, mark)
        }
    };
    Some((event.key().namespace(), line))
}

#[cfg(test)]
mod tests {
    use bookshelf_crd::BookLoan;

    use super::super::testing::{loan_object, repository};
    use super::*;
    use crate::cache::SourceEvent;

    fn loan(version: u32) -> BookLoan {
        loan_object("3b241101-a2bc-42f1-9a54-09d2b9b1ffee", version)
    }

    #[tokio::test]
    async fn a_loan_that_ended_between_the_first_list_and_the_first_look_is_reported() {
        let repository = repository();
        let listed = || "1".parse().unwrap();
        repository.feed_loans([SourceEvent::ListStarted, SourceEvent::ListDone(listed())]);
        repository.feed_books([SourceEvent::ListStarted, SourceEvent::ListDone(listed())]);
        repository.feed_loans([SourceEvent::Applied(loan(2)), SourceEvent::Deleted(loan(3))]);
        let (loans, books) = (
            repository.loans.workload.reader(),
            repository.books.workload.reader(),
        );
        let mut follower = Follower::new(loans.clone(), books.clone());
        let pending = Pending::default();
        assert!(!follower.follow(&pending), "what was before is not known");
        let words = || {
            let mut words: Vec<_> = pending.lines("ns", |_| true);
            words.sort_by_key(|line| line.event);
            words.into_iter().map(|line| line.event).collect::<Vec<_>>()
        };
        let both = words();
        assert!(
            both.contains(&LoanJournalEvent::Borrowed)
                && both.contains(&LoanJournalEvent::Ended)
                && both.len() == 2,
            "{both:?}"
        );
        assert!(follower.follow(&pending));
        assert_eq!(words(), both);
        follower.skip();
        repository.feed_loans([SourceEvent::Applied(loan(4))]);
        follower.skip();
        assert!(follower.follow(&pending));
        assert_eq!(words(), both);
    }
}
