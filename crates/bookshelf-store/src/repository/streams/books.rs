//! Streams of books.

use std::sync::Arc;

use bookshelf_crd::labels;

use super::super::books::CachedBook;
use super::super::model::{Category, Loan, Namespace};
use super::{Changes, ConfirmedState, Emitted, EventKind, Resource, Topic};
use crate::cache::Entry;
use crate::object::ObjectKey;

/// The books of one namespace or all, and of one category or all, with or without their loans.
pub struct Books {
    namespace: Option<String>,
    category: Option<String>,
    with_loans: bool,
}

/// A book, and its loan, if it is on loan and the stream includes loans. Leftovers do not count.
pub struct BookWithLoan<V> {
    /// The book.
    pub book: Arc<Entry<CachedBook<V>>>,
    /// The loan.
    pub loan: Option<Arc<Entry<Loan>>>,
}

impl Books {
    pub(super) fn new(
        namespace: Option<Namespace<'_>>,
        category: Option<Category<'_>>,
        with_loans: bool,
    ) -> Self {
        Self {
            namespace: namespace.map(|namespace| namespace.as_str().to_owned()),
            category: category.map(|category| category.as_str().to_owned()),
            with_loans,
        }
    }

    fn has<T>(&self, book: &Entry<T>) -> bool {
        let category = self.category.as_deref();
        category.is_none() || book.labels.get(labels::CATEGORY) == category
    }

    fn with_loan<V>(
        &self,
        confirmed: &ConfirmedState<'_, V>,
        book: &Arc<Entry<CachedBook<V>>>,
    ) -> BookWithLoan<V> {
        let loan = confirmed.loans.get(book.key.namespace(), book.key.name());
        let loan = loan.filter(|loan| self.with_loans && !loan.value.is_left_over(&book.uid));
        BookWithLoan {
            book: Arc::clone(book),
            loan: loan.cloned(),
        }
    }
}

impl<V> Topic<V> for Books {
    type Object = CachedBook<V>;
    type Item = BookWithLoan<V>;
    const RESOURCE: Resource = Resource::Books;

    fn needs_loans(&self) -> bool {
        self.with_loans
    }

    fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    fn objects<'a>(&self, confirmed: &ConfirmedState<'a, V>) -> Vec<&'a Arc<Entry<CachedBook<V>>>> {
        match &self.category {
            Some(category) => confirmed.books.indexed(confirmed.by_category, category).collect(),
            None => confirmed.books.iter().collect(),
        }
    }

    fn item(&self, confirmed: &ConfirmedState<'_, V>, book: &Arc<Entry<CachedBook<V>>>) -> BookWithLoan<V> {
        self.with_loan(confirmed, book)
    }

    fn changes(
        &self,
        confirmed: &ConfirmedState<'_, V>,
        changes: &Changes<'_, V>,
    ) -> Vec<Emitted<BookWithLoan<V>>> {
        let of_books = changes.books.iter().filter_map(|step| {
            let event = &step.change.event;
            let old = event.before().filter(|book| self.has(book));
            let new = event.after().filter(|book| self.has(book));
            let kind = match (old, new) {
                (None, None) => return None,
                (None, Some(new)) => EventKind::Created(self.with_loan(confirmed, new)),
                (Some(_), Some(new)) => EventKind::Updated(self.with_loan(confirmed, new)),
                (Some(old), None) => EventKind::Deleted(self.with_loan(confirmed, old)),
            };
            Some(Emitted {
                resource: Resource::Books,
                resume_at: step.resume_at,
                kind,
            })
        });
        let of_loans = changes.loans.iter().filter_map(|step| {
            let event = &step.change.event;
            let book = book_of(confirmed, event.key()).filter(|book| self.has(book))?;
            let mut loans = [event.before(), event.after()].into_iter().flatten();
            loans
                .any(|loan| !loan.value.is_left_over(&book.uid))
                .then(|| Emitted {
                    resource: Resource::Loans,
                    resume_at: step.resume_at,
                    kind: EventKind::Updated(self.with_loan(confirmed, book)),
                })
        });
        of_books.chain(of_loans).collect()
    }
}

/// Returns the book with the key of a loan.
pub(super) fn book_of<'a, V>(
    confirmed: &ConfirmedState<'a, V>,
    key: &ObjectKey,
) -> Option<&'a Arc<Entry<CachedBook<V>>>> {
    confirmed.books.get(key.namespace(), key.name())
}
