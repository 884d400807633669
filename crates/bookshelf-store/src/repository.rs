//! Books and loans: the operations of a library on the Kubernetes API, and every rule of the domain, once.
//!
//! # Where answers come from
//!
//! Reads come from the cache and ask the API server nothing. A write asks it once, with what the cache knows
//! as its precondition: the API server refuses the write if the book has changed since, and only then is the
//! book read and judged again.
//!
//! A *refusal* may come from the cache (a book that does not exist cannot be changed, one that is on loan not
//! be borrowed) and then costs no request. A *success* is the API server's: a return where the cache knows no
//! loan is looked up first. What spans two objects is judged by the cache: that the book of a
//! new loan still exists, and that a book to delete has no loan. Where that was no longer so, the garbage
//! collector deletes the loan with its book, by the uid in its ownerReference.
//!
//! # What the next read shows
//!
//! A write's result is in the cache before the operation returns, so that whoever wrote reads it next, from
//! the same repository; other replicas see it when their watch tells them.

mod books;
mod interner;
mod loans;
mod model;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bookshelf_crd as crd;
use futures::future::BoxFuture;
use kube::api::Preconditions;

use crate::cache::{Builder, Event, HandlerRegistration, Index, ListWatch, Reader, Writer};
use crate::connector::{self, Connector, Deleted, Reason, ResourceClient};
use crate::error::Error;
use crate::object::ObjectKey;

pub use books::{BookList, CachedBook};
use interner::Interner;
pub use model::{Book, BookContent, BookKey, Category, Loan, Namespace, Tenant, Unconvertible, Version};

/// How often a write is tried again after the book changed under it.
const CONFLICT_RETRIES: usize = 5;

/// Books and loans. `V` is what the caller wants to have at hand of each book, made once when the book
/// changes: its JSON, for instance.
pub struct Repository<V> {
    books: Collection<crd::Book, CachedBook<V>>,
    loans: Collection<crd::BookLoan, Loan>,
    by_category: Index,
    _handlers: [HandlerRegistration; 2],
}

/// A resource with its cache.
struct Collection<K: kube::Resource, T> {
    client: ResourceClient<K>,
    reader: Reader<T>,
    writer: Writer<K, T>,
}

impl<V: Send + Sync + 'static> Repository<V> {
    /// A repository, and the work that feeds it: spawn that, and end the process if it ends.
    ///
    /// `view` makes of each book what the caller wants at hand. With `resync`, every cached object is logged
    /// (at debug level) again so often.
    ///
    /// Has to be called within a tokio runtime.
    pub fn new(
        connector: &Connector,
        view: impl Fn(&Book) -> V + Send + Sync + 'static,
        resync: Option<Duration>,
    ) -> (Self, BoxFuture<'static, Infallible>) {
        let categories = Interner::default();
        let mut builder = Builder::new(move |object: crd::Book| {
            let book = Book::try_from(&object)?;
            let category = book
                .category_id
                .as_deref()
                .map(|category| categories.intern(category));
            Ok::<_, Unconvertible>(CachedBook::new(&book, category, view(&book)))
        });
        let by_category = builder.index("category", |book: &CachedBook<V>| {
            book.category.iter().cloned().collect()
        });
        let (books, feed_books) = collection(connector.resource(), builder);
        let builder = Builder::new(|object: crd::BookLoan| Loan::try_from(&object));
        let (loans, feed_loans) = collection(connector.resource(), builder);

        let handlers = [
            books.reader.handle(|event| log("book", &event), resync),
            loans.reader.handle(|event| log("loan", &event), resync),
        ];
        let feed = Box::pin(async { futures::future::join(feed_books, feed_loans).await.0 });
        (
            Self {
                books,
                loans,
                by_category,
                _handlers: handlers,
            },
            feed,
        )
    }

    /// Whether both caches have their first list: before that, nothing can be answered.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.books.reader.is_synced() && self.loans.reader.is_synced()
    }
}

impl<K: kube::Resource + serde::de::DeserializeOwned, T> Collection<K, T> {
    /// Deletes the object that fits these preconditions and was last known at `version`, and makes the next
    /// read show what became of it.
    async fn delete(
        &self,
        key: &ObjectKey,
        version: Version,
        preconditions: Preconditions,
    ) -> Result<(), connector::Error> {
        let deleted = self.client.delete(key, preconditions).await;
        match deleted {
            Ok(Deleted::Terminating(object)) => {
                self.writer.observe(*object);
                return Ok(());
            }
            Err(error) if !matches!(error.reason, Reason::NotFound(_)) => return Err(error),
            _ => self
                .writer
                .observe_deleted(key, version.uid, version.resource_version),
        }
        deleted.map(|_| ())
    }
}

fn collection<K, T>(
    client: ResourceClient<K>,
    builder: Builder<K, T>,
) -> (
    Collection<K, T>,
    impl Future<Output = Infallible> + Send + use<K, T>,
)
where
    K: kube::Resource<DynamicType: Clone + Send + Sync> + serde::de::DeserializeOwned + Send + Sync,
    T: Send + Sync + 'static,
{
    let (reader, writer) = builder.build();
    let feed = Box::pin(ListWatch::new(client.clone()).run(writer.clone()));
    (
        Collection {
            client,
            reader,
            writer,
        },
        feed,
    )
}

fn log<T>(kind: &str, event: &Event<T>) {
    let (change, entry) = match event {
        Event::Created(entry) => ("created", entry),
        Event::Updated { old, new } if Arc::ptr_eq(old, new) => ("resync", new),
        Event::Updated { new, .. } => ("updated", new),
        Event::Deleted(entry) => ("deleted", entry),
    };
    tracing::debug!(kind, change, key = %entry.key, version = %entry.resource_version, "cache event");
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Internal(Box::new(error))
}
