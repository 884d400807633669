//! Streams of loans.

use std::sync::Arc;

use super::super::books::CachedBook;
use super::super::model::{Borrower, Loan, Namespace};
use super::books::book_of;
use super::{Changes, ConfirmedState, Emitted, EventKind, Resource, Topic};
use crate::cache::Entry;

/// The loans of a namespace, of one borrower or of all, without leftovers.
pub struct Loans {
    namespace: String,
    borrower: Option<String>,
}

impl Loans {
    pub(super) fn new(namespace: Namespace<'_>, borrower: Option<Borrower<'_>>) -> Self {
        Self {
            namespace: namespace.as_str().to_owned(),
            borrower: borrower.map(|borrower| borrower.as_str().to_owned()),
        }
    }

    fn has(&self, loan: &Entry<Loan>) -> bool {
        let borrower = self.borrower.as_deref();
        borrower.is_none_or(|borrower| *loan.value.borrowed_by == *borrower)
    }
}

/// Returns true if a loan is a leftover, given the current book of its name.
fn is_left_over<V>(loan: &Entry<Loan>, book: Option<&Arc<Entry<CachedBook<V>>>>) -> bool {
    book.is_some_and(|book| loan.value.is_left_over(&book.uid))
}

impl<V> Topic<V> for Loans {
    type Object = Loan;
    type Item = Arc<Entry<Loan>>;
    const RESOURCE: Resource = Resource::Loans;

    fn needs_loans(&self) -> bool {
        true
    }

    fn namespace(&self) -> Option<&str> {
        Some(&self.namespace)
    }

    fn objects<'a>(&self, confirmed: &ConfirmedState<'a, V>) -> Vec<&'a Arc<Entry<Loan>>> {
        let mut loans: Vec<_> = match &self.borrower {
            Some(borrower) => confirmed.loans.indexed(confirmed.by_tenant, borrower).collect(),
            None => confirmed.loans.iter().collect(),
        };
        loans.retain(|loan| !is_left_over(loan, book_of(confirmed, &loan.key)));
        loans
    }

    fn item(&self, _: &ConfirmedState<'_, V>, loan: &Arc<Entry<Loan>>) -> Arc<Entry<Loan>> {
        Arc::clone(loan)
    }

    fn changes(
        &self,
        confirmed: &ConfirmedState<'_, V>,
        changes: &Changes<'_, V>,
    ) -> Vec<Emitted<Arc<Entry<Loan>>>> {
        let of_loans = changes.loans.iter().filter_map(|step| {
            let event = &step.change.event;
            let book = book_of(confirmed, event.key());
            let old = event.before().filter(|loan| self.has(loan));
            let new = event
                .after()
                .filter(|loan| self.has(loan) && !is_left_over(loan, book));
            let kind = match (old, new) {
                (None, None) => return None,
                (None, Some(new)) => EventKind::Created(Arc::clone(new)),
                (Some(_), Some(new)) => EventKind::Updated(Arc::clone(new)),
                // It may have been a leftover before: a second `deleted` does no harm.
                (Some(old), None) => EventKind::Deleted(Arc::clone(old)),
            };
            Some(Emitted {
                resource: Resource::Loans,
                resume_at: step.resume_at,
                kind,
            })
        });
        // A loan may become a leftover when a book appears, and count again when that book is deleted.
        let of_books = changes.books.iter().filter_map(|step| {
            let event = &step.change.event;
            let key = event.key();
            let loan = confirmed
                .loans
                .get(key.namespace(), key.name())
                .filter(|loan| self.has(loan))?;
            if is_left_over(loan, event.before()) == is_left_over(loan, event.after()) {
                return None;
            }
            let loan = Arc::clone(loan);
            let kind = if is_left_over(&loan, book_of(confirmed, key)) {
                EventKind::Deleted(loan)
            } else {
                EventKind::Created(loan)
            };
            Some(Emitted {
                resource: Resource::Books,
                resume_at: step.resume_at,
                kind,
            })
        });
        of_loans.chain(of_books).collect()
    }
}
