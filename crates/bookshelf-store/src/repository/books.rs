//! Books, one at a time: what the cache keeps of them, and how they are read.

use std::sync::Arc;

use bookshelf_crd as crd;

use super::model::{Book, BookKey, Loan, ManagedBy};
use super::{Repository, internal};
use crate::cache::Entry;
use crate::error::Error;
use crate::object::Uid;

/// What the cache keeps of a book.
#[derive(Debug)]
pub struct CachedBook<V> {
    /// What the caller wants at hand.
    pub view: V,
    pub(super) is_being_deleted: bool,
    pub(super) label: ManagedBy,
    /// The request part of its imprint, if it has one.
    pub(super) made_by_request: Option<Arc<str>>,
}

impl<V> CachedBook<V> {
    pub(super) fn new(book: &Book, view: V) -> Self {
        Self {
            view,
            is_being_deleted: book.is_being_deleted,
            label: book.label,
            made_by_request: book
                .imprint
                .as_ref()
                .map(|imprint| imprint.request.as_str().into()),
        }
    }
}

impl<V: Send + Sync + 'static> Repository<V> {
    /// A book, from the cache.
    pub fn book(&self, key: BookKey<'_>) -> Result<Arc<Entry<CachedBook<V>>>, Error> {
        self.books
            .reader
            .load()
            .get(key.namespace, key.id)
            .cloned()
            .ok_or(Error::NotFound)
    }

    /// The loan that counts for a book, from the cache; `None` where nobody has it.
    pub fn loan_of(&self, book: &Entry<CachedBook<V>>) -> Option<Arc<Entry<Loan>>> {
        self.counting_loan(book.key.namespace(), book.key.name(), &book.uid)
    }

    /// The same for a book as the API server has it, which may be a later one than the cache's.
    pub fn loan_of_live(&self, book: &Book) -> Option<Arc<Entry<Loan>>> {
        self.counting_loan(&book.namespace_id, &book.id, &book.version.uid)
    }

    fn counting_loan(&self, namespace: &str, id: &str, book: &Uid) -> Option<Arc<Entry<Loan>>> {
        let loans = self.loans.reader.load();
        let loan = loans.get(namespace, id)?;
        (!loan.value.is_left_over(book)).then(|| Arc::clone(loan))
    }

    /// Reads a book from the API server, for the cache too.
    pub async fn live_book(&self, key: BookKey<'_>) -> Result<Book, Error> {
        self.check_namespace(key.namespace)?;
        let read = self.books.client.get(&key.to_object_key()).await;
        self.take_in(read.map_err(Error::of_read)?)
    }

    /// Makes the next read show what the API server answered.
    pub(super) fn take_in(&self, object: crd::Book) -> Result<Book, Error> {
        let book = Book::try_from(&object).map_err(internal)?;
        self.books.writer.observe(object);
        Ok(book)
    }
}
