//! Single books: their cached form and their reads.

use std::sync::Arc;

use bookshelf_crd as crd;

use super::error::{Error, Missing};
use super::model::{Book, BookKey, Loan, Management};
use super::{Repository, internal};
use crate::CachedClient;
use crate::cache::Entry;

/// A book as the cache keeps it.
#[derive(Debug)]
pub struct CachedBook<V> {
    /// The caller's value.
    pub view: V,
    pub(super) is_being_deleted: bool,
    pub(super) management: Management,
    /// The [hash](Book::content_hash) of the content.
    pub(super) content: u32,
    /// The request hash of its imprint, if it has one. Boxed to take a single word, because most books have none.
    pub(super) made_by_request: Option<Box<Arc<str>>>,
}

impl<V> CachedBook<V> {
    pub(super) fn new(book: &Book, view: V) -> Self {
        Self {
            view,
            is_being_deleted: book.is_being_deleted,
            management: book.management,
            content: book.content_hash(),
            made_by_request: book
                .imprint
                .as_ref()
                .map(|imprint| Box::new(imprint.request.as_str().into())),
        }
    }
}

impl<V: Send + Sync + 'static> Repository<V> {
    /// Returns the result of `show` for a cached book.
    ///
    /// `namespace` and `id` come from a request and are checked only if they name no cached book. Nothing is copied and
    /// no reference is counted, so a read costs no more than the look-up.
    pub fn show_book<R>(
        &self,
        namespace: &str,
        id: &str,
        show: impl FnOnce(&Entry<CachedBook<V>>) -> R,
    ) -> Result<R, Error> {
        let books = self.books.reader.load();
        let Some(book) = books.get(namespace, id) else {
            let key = BookKey::parse(namespace, id)?;
            return Err(self.missing(key, Missing::Book));
        };
        Ok(show(book))
    }

    /// Returns the result of `show` for a cached book and its loan, if it is on loan. Leftovers do not count.
    pub fn show_lent_book<R>(
        &self,
        namespace: &str,
        id: &str,
        show: impl FnOnce(&Entry<CachedBook<V>>, Option<&Entry<Loan>>) -> R,
    ) -> Result<R, Error> {
        self.show_book(namespace, id, |book| {
            let loans = self.loans.reader.load();
            let loan = loans.get(namespace, id);
            let loan = loan.filter(|loan| !loan.value.is_left_over(&book.uid));
            show(book, loan.map(|loan| &**loan))
        })
    }

    /// Returns a cached book.
    pub(super) fn book(&self, key: BookKey<'_>) -> Result<Arc<Entry<CachedBook<V>>>, Error> {
        let books = self.books.reader.load();
        let book = books.get(key.namespace, key.id).cloned();
        book.ok_or_else(|| self.missing(key, Missing::Book))
    }

    /// Returns the cached loan of a book; `None` if it is not on loan. Leftovers do not count.
    pub fn loan_of(&self, book: &Book) -> Option<Arc<Entry<Loan>>> {
        let loans = self.loans.reader.load();
        let loan = loans.get(&book.namespace_id, &book.id)?;
        (!loan.value.is_left_over(&book.version.uid)).then(|| Arc::clone(loan))
    }

    /// Reads a book from the API server into the cache, for a client that needs more than the cache has.
    pub async fn live_book(&self, key: BookKey<'_>) -> Result<Book, Error> {
        self.get_book(key, &self.books.live).await
    }

    /// Reads a book from the API server into the cache, as part of a write.
    pub(super) async fn reread_book(&self, key: BookKey<'_>) -> Result<Book, Error> {
        self.get_book(key, &self.books.workload).await
    }

    async fn get_book(
        &self,
        key: BookKey<'_>,
        client: &CachedClient<crd::Book, CachedBook<V>>,
    ) -> Result<Book, Error> {
        self.check_namespace(key.namespace)?;
        let read = client.get(&key.to_object_key()).await;
        Book::try_from(&read.map_err(Error::of_read)?).map_err(internal)
    }
}
