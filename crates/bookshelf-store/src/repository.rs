//! Books and loans: the operations of a library on the Kubernetes API, and the rules of the domain.
//!
//! # Where answers come from
//!
//! Reads are served from the cache and send no request to the API server. A write is one request, with the cached state
//! as its precondition: if the book has changed since, the API server refuses the write, and only then does the
//! repository read and check the book again.
//!
//! A *refusal* may come from the cache (a missing book cannot be changed, a book on loan cannot be borrowed) and then
//! costs no request, unless the watches have been silent for too long: then the objects concerned are read first. A
//! *success* comes from the API server: a return reads the loan first if none is cached. Conditions that span two
//! objects are checked in the cache: the book of a new loan exists, and a book to delete has no loan. If the cache was
//! behind, the garbage collector deletes the loan with its book, by the uid in the loan's `ownerReference`.
//!
//! # Preconditions
//!
//! A client may name the version of a book that it has seen ([`Expected`]). Its write then happens at that version or
//! not at all ([`Error::Stale`]). The API server decides: the version is a precondition of the write, and only an
//! answer of the API server, to the write or to a read, makes it stale. The check that the book may be changed applies
//! to the same version as the write. A forced write ([`Repository::force_update_book`],
//! [`Repository::force_delete_book`]) ignores the version but not the owner: a book that another tool manages stays
//! unchanged.
//!
//! # Repeated requests
//!
//! A repeated create or borrow with an [`IdempotencyKey`] returns the object that the first request made, as long as it
//! exists: the object carries the imprint of its request (`idempotency.rs`). Only the API server's state counts, so
//! refusing such a request costs a read.
//!
//! # Read your writes
//!
//! The result of a write is in the cache before the operation returns, so the next read from the same repository serves
//! it. Other replicas serve it once their watch reports it. [`Repository::versions`] returns the versions of the served
//! state, and [`Repository::catch_up`] waits for them on any replica.
//!
//! Streams ([`Stream`]) follow the confirmed state, which is the same on every replica, so any replica can resume a
//! stream.

mod books;
mod changes;
pub mod error;
mod force;
mod found;
mod freshness;
mod history;
mod idempotency;
mod imprint;
mod lists;
mod live_reads;
mod loans;
mod model;
pub mod search;
mod streams;
#[cfg(any(test, feature = "testing"))]
mod testing;
mod version;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bookshelf_crd::{self as crd, labels};
use futures::future::BoxFuture;
use kube::api::Preconditions;

use crate::cache::{Builder, Event, HandlerRegistration, Index, Reader};

use crate::connector::{self, Connector, Deleted, Events, PriorityLevel, Reason, ResourceClient};
use crate::object::ObjectKey;
use crate::{CachedClient, ListWatch};
use kube_informer::Interner;
use kube_informer::endless;

pub use books::CachedBook;
pub use bookshelf_crd::book::limits;
pub use bookshelf_crd::loan_journal::LoanJournalEvent;
pub use bookshelf_crd::time::since_1970;
use error::{Error, Missing};
pub use freshness::{Scope, Served, Versions};
use history::Store;
pub use history::{HistoryFilter, Order, Record, Retention, acting};
pub use idempotency::Made;
use idempotency::UnderWay;
pub use lists::{
    BookList, Contents, Generation, Lending, LendingList, LoanList, NamespaceList, Namespaces, Place,
};
use live_reads::LiveReads;
pub use model::{
    Book, BookContent, BookKey, Borrower, Category, IdempotencyKey, Loan, Namespace, Tenant, Unconvertible,
};
pub use search::{QUERY_MAX, TERMS_MAX, Terms};
pub use streams::{
    BookStream, BookWithLoan, CutOff, EventKind, LoanStream, Stream, StreamEvent, StreamId, Topic,
};
pub use version::{Expected, NotAVersion, Version};

/// The number of retries of a write after the book changed under it.
const CONFLICT_RETRIES: usize = 5;

/// The operations on books and loans. `V` is a value that the caller derives from each book, such as its JSON. It is
/// made once per change of the book.
pub struct Repository<V> {
    books: Collection<crd::Book, CachedBook<V>>,
    loans: Collection<crd::BookLoan, Loan>,
    by_category: Index,
    by_tenant: Index,
    by_request: Index,
    under_way: UnderWay,
    events: Option<Events>,
    history: Option<Arc<Store>>,
    options: Options,
    _handlers: Option<[HandlerRegistration; 2]>,
}

/// The settings of a repository.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Options {
    /// The namespaces that the repository serves; empty: all. Rights in these namespaces suffice.
    pub namespaces: Vec<String>,
    /// Records changes of books as Kubernetes Events.
    pub events: bool,
    /// The time between replays of all cached objects to the debug log; `None`: never.
    pub resync: Option<Duration>,
    /// The time between checks, which list everything, compare it with the caches and repair differences; `None`:
    /// never.
    pub check: Option<Duration>,
    /// The longest silence of a watch. Each watch is requested to end a second sooner. If it has not ended some seconds
    /// later, its connection is considered dead.
    pub watch_timeout: Duration,
    /// Keeps the descriptions of books in the cache. Without them the cache is smaller, lists have no descriptions, and
    /// a whole book takes a request to the API server ([`Repository::live_book`]).
    pub cache_descriptions: bool,
    /// Keeps a text of each book in the cache, for searches by words of author and title.
    pub search: bool,
    /// Records the history of books and loans in loan journals.
    pub history: bool,
    /// The retention that this process applies to the history; `None`: another process applies it.
    pub retention: Option<Retention>,
}

impl Default for Options {
    /// All namespaces, with descriptions and search; no Events, no history, no replays and no checks.
    fn default() -> Self {
        Self {
            namespaces: Vec::new(),
            events: false,
            resync: None,
            check: None,
            watch_timeout: Duration::from_secs(10),
            cache_descriptions: true,
            search: true,
            history: false,
            retention: None,
        }
    }
}

/// A resource with its cache.
struct Collection<K: kube::Resource, T> {
    /// The client for writes, and for reads that are part of a write.
    workload: CachedClient<K, T>,
    /// The client for live reads, which have their own share of the requests.
    live: CachedClient<K, T>,
    /// The client for reads at a version that is not confirmed yet, which have their own share, too.
    version_reads: CachedClient<K, T>,
    reader: Reader<T>,
    live_reads: LiveReads,
}

impl<V: Send + Sync + 'static> Repository<V> {
    /// Creates a repository, and the future that feeds it: spawn the future, and end the process if the future ends.
    ///
    /// `view` makes the caller's value of each book.
    ///
    /// Must be called within a tokio runtime.
    pub fn new(
        connector: &Connector,
        view: impl Fn(&Book) -> V + Send + Sync + 'static,
        options: Options,
    ) -> (Self, BoxFuture<'static, Infallible>) {
        let cache_descriptions = options.cache_descriptions;
        let mut builder = Builder::new(move |mut object: crd::Book| {
            if !cache_descriptions {
                object.spec.description = None;
            }
            let book = Book::try_from(&object)?;
            Ok::<_, Unconvertible>(CachedBook::new(&book, view(&book)))
        });
        if options.search {
            builder = builder.text(search::text);
        }
        let by_category = builder.label(labels::CATEGORY);
        let by_request = builder.index("made by request", |book: &CachedBook<V>| {
            book.made_by_request.as_deref().cloned().into_iter().collect()
        });
        let (books, feed_books) =
            collection(&connector.resource().without_managed_fields(), builder, &options);
        let tenants = Interner::<str>::default();
        let mut builder = Builder::new(move |object: crd::BookLoan| {
            let loan = Loan::try_from(&object)?;
            Ok::<_, Unconvertible>(Loan {
                borrowed_by: tenants.intern(&*loan.borrowed_by),
                imprint: None,
                ..loan
            })
        });
        let by_tenant = builder.index("tenant", |loan: &Loan| vec![Arc::clone(&loan.borrowed_by)]);
        let (loans, feed_loans) =
            collection(&connector.resource().without_managed_fields(), builder, &options);

        // Computing the changes costs a tenth of a write, which is wasted unless they are logged.
        let is_logged = options.resync.is_some() || tracing::enabled!(tracing::Level::DEBUG);
        let handlers = is_logged.then(|| {
            [
                books.reader.handle(|event| log("book", &event), options.resync),
                loans.reader.handle(|event| log("loan", &event), options.resync),
            ]
        });
        let (events, send_events) = connector.events();
        let mut feeds: Vec<BoxFuture<'static, Infallible>> =
            vec![feed_books, feed_loans, Box::pin(send_events)];
        let readers = (loans.reader.clone(), books.reader.clone());
        let history = options
            .history
            .then(|| Store::start(connector, &options, readers, &mut feeds));
        let feed = Box::pin(endless(feeds));
        (
            Self {
                books,
                loans,
                by_category,
                by_tenant,
                by_request,
                under_way: UnderWay::default(),
                events: options.events.then_some(events),
                history,
                options,
                _handlers: handlers,
            },
            feed,
        )
    }

    /// Waits until all Events recorded so far are sent, for at most `within`.
    pub async fn flush_events(&self, within: Duration) {
        if let Some(events) = &self.events {
            events.flush(within).await;
        }
    }

    /// Waits until the acts of this process are stored in the history, for at most `within`.
    pub async fn flush_history(&self, within: Duration) {
        if let Some(history) = &self.history {
            history.flush(within).await;
        }
    }

    /// Returns true if the cache keeps descriptions.
    #[must_use]
    pub fn caches_descriptions(&self) -> bool {
        self.options.cache_descriptions
    }

    /// Checks that the repository serves this namespace.
    fn check_namespace(&self, namespace: &str) -> Result<(), Error> {
        let namespaces = &self.options.namespaces;
        let is_seen = namespaces.is_empty() || namespaces.iter().any(|seen| seen == namespace);
        let missing = || Error::NotFound(Missing::Namespace(namespace.into()));
        is_seen.then_some(()).ok_or_else(missing)
    }

    /// Returns the error for a missing object: the namespace is missing if the repository does not serve it.
    fn missing(&self, key: BookKey<'_>, missing: fn(Box<str>) -> Missing) -> Error {
        match self.check_namespace(key.namespace) {
            Ok(()) => Error::NotFound(missing(key.id.into())),
            Err(unseen) => unseen,
        }
    }

    /// Returns true once both caches have their first list; before that, no operation can answer.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.books.reader.is_synced() && self.loans.reader.is_synced()
    }
}

impl<K: kube::Resource + Clone + serde::de::DeserializeOwned, T> Collection<K, T> {
    /// Deletes an object under these preconditions. `version` is its last known version.
    ///
    /// Returns a future that ends when the served state has reached the version of the deletion. Only the answer to the
    /// client needs it: the object is deleted whether or not the future is awaited.
    async fn delete(
        &self,
        key: ObjectKey,
        version: Version,
        preconditions: Preconditions,
    ) -> Result<impl Future<Output = ()>, connector::Error> {
        let cached = self
            .reader
            .load()
            .get(key.namespace(), key.name())
            .map(|entry| entry.uid.clone());
        let deletion = self.workload.writer().deletion_of(version.uid.clone());
        let is_gone = match self.workload.delete(&key, preconditions).await {
            Ok(Deleted::Terminating(_)) => false,
            Ok(_) => true,
            Err(error) => {
                // Another delete was faster. If the cache no longer had the object, the watch has reported that already,
                // and does not report it again.
                let was_cached = cached.as_ref() == Some(&version.uid);
                if was_cached && matches!(error.reason, Reason::NotFound(_)) {
                    self.await_version_of(deletion, &key).await;
                }
                return Err(error);
            }
        };
        Ok(async move {
            if is_gone {
                self.await_version_of(deletion, &key).await;
            }
        })
    }
}

fn collection<K, T>(
    client: &ResourceClient<K>,
    builder: Builder<K, T>,
    options: &Options,
) -> (Collection<K, T>, BoxFuture<'static, Infallible>)
where
    K: kube::Resource<DynamicType: Clone + Send + Sync> + serde::de::DeserializeOwned + Send + Sync + 'static,
    T: Send + Sync + 'static,
{
    let namespaces = options.namespaces.iter().map(String::as_str);
    let (reader, writer) = builder.namespaces(namespaces).build();
    let mut list_watch = ListWatch::new(client.clone()).watch_timeout(options.watch_timeout);
    if let Some(period) = options.check {
        list_watch = list_watch.check_every(period);
    }
    let feed = Box::pin(list_watch.run(writer.clone()));
    let at_level = |level| CachedClient::new(client.clone().with_priority_level(level), writer.clone());
    (
        Collection {
            live: at_level(PriorityLevel::LiveReads),
            version_reads: at_level(PriorityLevel::VersionReads),
            workload: at_level(PriorityLevel::Workload),
            reader,
            live_reads: LiveReads::default(),
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
