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
//! # Which version a write is meant for
//!
//! A client may say which version of a book it has seen ([`Expected`]), and its write happens at that version or
//! not at all ([`Error::Stale`]). The API server has the last word: the version goes along with the write as its
//! precondition, and that it is another one is what the API server has answered, to the write or to a read.
//! Whether the book may be changed is judged of the very version that is written on. To
//! write whatever the version is ([`Repository::force_update_book`], [`Repository::force_delete_book`]) is not to
//! write whatever the owner is: what another tool manages stays as it is.
//!
//! # Which requests may be repeated
//!
//! A create or borrow with an [`IdempotencyKey`] answers again what it has made, as long as that exists: the object
//! says which request made it (`idempotency.rs`). Only what the API server says counts for that, so that a
//! refusal costs such a request a read.
//!
//! # What the next read shows
//!
//! A write's result is in the cache before the operation returns, so that whoever wrote reads it next, from
//! the same repository; other replicas see it when their watch tells them. [`Repository::versions`] says how new
//! what is shown is, and [`Repository::catch_up`] waits on any replica until that has come to it.
//!
//! Streams ([`Stream`]) are of what the watch has told, the same on every replica, so that any of them can go on with one.

mod asking;
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
mod loans;
mod model;
mod streams;
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

use asking::Asked;
pub use books::CachedBook;
pub use bookshelf_crd::book::{AUTHOR_MAX, DESCRIPTION_MAX, TITLE_MAX};
use error::{Error, Missing};
pub use freshness::{Scope, Shown, Versions};
pub use idempotency::Made;
use idempotency::UnderWay;
pub use lists::{BookList, Contents, Generation, Lending, LendingList, LoanList, NamespaceList, Place};
pub use model::{
    Book, BookContent, BookKey, Borrower, Category, IdempotencyKey, Loan, Namespace, Tenant, Unconvertible,
};
pub use streams::{BookStream, CutOff, Lent, LoanStream, Stream, StreamEvent, StreamId, Subject, What};
pub use version::{Expected, NotAVersion, Version};

/// How often a write is tried again after the book changed under it.
const CONFLICT_RETRIES: usize = 5;

/// Books and loans. `V` is what the caller wants to have at hand of each book, made once when the book
/// changes: its JSON, for instance.
pub struct Repository<V> {
    books: Collection<crd::Book, CachedBook<V>>,
    loans: Collection<crd::BookLoan, Loan>,
    by_category: Index,
    by_tenant: Index,
    by_request: Index,
    under_way: UnderWay,
    events: Option<Events>,
    options: Options,
    _handlers: Option<[HandlerRegistration; 2]>,
}

/// What a repository keeps at hand, and how it tells of it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The namespaces there are, as far as the repository is concerned; empty: all. Rights in these are enough.
    pub namespaces: Vec<String>,
    /// Whether what happens to books is told as Kubernetes Events.
    pub events: bool,
    /// How often every cached object is logged (at debug level) again; `None`: never.
    pub resync: Option<Duration>,
    /// How often everything is listed and compared with the caches, and what differs is repaired; `None`: never.
    pub check: Option<Duration>,
    /// The longest that a watch says nothing: the API server is asked to end each a second sooner. A connection whose watch
    /// has not ended some seconds later is dead.
    pub watch_timeout: Duration,
    /// Whether the cache keeps the descriptions of books. Without them it is smaller, lists have none, and to
    /// read a book whole asks the API server: [`Repository::live_book`].
    pub cache_descriptions: bool,
}

/// A resource with its cache.
struct Collection<K: kube::Resource, T> {
    /// For writes, and the reads that are part of one: what the next read has to show.
    cached: CachedClient<K, T>,
    /// For clients who need something newer than the cache, with a share of their own of the requests.
    live: CachedClient<K, T>,
    /// For reads at a version that the watch has not reported, with a share of their own, too.
    version_reads: CachedClient<K, T>,
    reader: Reader<T>,
    asked: Asked,
}

impl<V: Send + Sync + 'static> Repository<V> {
    /// A repository, and the work that feeds it: spawn that, and end the process if it ends.
    ///
    /// `view` makes of each book what the caller wants at hand.
    ///
    /// Has to be called within a tokio runtime.
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

        // To find out what has changed costs a tenth of a write, and is for nothing where nobody reads it.
        let is_logged = options.resync.is_some() || tracing::enabled!(tracing::Level::DEBUG);
        let handlers = is_logged.then(|| {
            [
                books.reader.handle(|event| log("book", &event), options.resync),
                loans.reader.handle(|event| log("loan", &event), options.resync),
            ]
        });
        let (events, send_events) = connector.events();
        let feed = Box::pin(endless([feed_books, feed_loans, Box::pin(send_events)]));
        (
            Self {
                books,
                loans,
                by_category,
                by_tenant,
                by_request,
                under_way: UnderWay::default(),
                events: options.events.then_some(events),
                options,
                _handlers: handlers,
            },
            feed,
        )
    }

    /// Waits until Kubernetes has been told what has happened so far, or this time has passed.
    pub async fn flush_events(&self, within: Duration) {
        if let Some(events) = &self.events {
            events.flush(within).await;
        }
    }

    /// Whether the cache has of each book its description, too.
    #[must_use]
    pub fn caches_descriptions(&self) -> bool {
        self.options.cache_descriptions
    }

    /// Whether there is this namespace, as far as the repository is concerned.
    fn check_namespace(&self, namespace: &str) -> Result<(), Error> {
        let namespaces = &self.options.namespaces;
        let is_seen = namespaces.is_empty() || namespaces.iter().any(|seen| seen == namespace);
        let missing = || Error::NotFound(Missing::Namespace(namespace.into()));
        is_seen.then_some(()).ok_or_else(missing)
    }

    /// The error of a request for an object that is not there: the namespace is missing where the repository does not see
    /// that.
    fn missing(&self, key: BookKey<'_>, missing: fn(Box<str>) -> Missing) -> Error {
        match self.check_namespace(key.namespace) {
            Ok(()) => Error::NotFound(missing(key.id.into())),
            Err(unseen) => unseen,
        }
    }

    /// Whether both caches have their first list: before that, nothing can be answered.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.books.reader.is_synced() && self.loans.reader.is_synced()
    }
}

impl<K: kube::Resource + Clone + serde::de::DeserializeOwned, T> Collection<K, T> {
    /// Deletes the object that fits these preconditions and was last known at `version`, and returns when what is shown
    /// has the version of the deletion.
    async fn delete(
        &self,
        key: &ObjectKey,
        version: Version,
        preconditions: Preconditions,
    ) -> Result<(), connector::Error> {
        let cached = self
            .reader
            .load()
            .get(key.namespace(), key.name())
            .map(|entry| entry.uid.clone());
        let deletion = self.cached.writer().deletion_of(version.uid.clone());
        let deleted = self.cached.delete(key, preconditions).await;
        let is_told = match &deleted {
            Ok(_) => true,
            // Somebody was faster: what the watch has told already it does not tell again.
            Err(_) => cached.as_ref() == Some(&version.uid),
        };
        match &deleted {
            Ok(Deleted::Terminating(_)) => return Ok(()),
            Err(error) if !matches!(error.reason, Reason::NotFound(_)) => return deleted.map(|_| ()),
            _ => {}
        }
        if is_told {
            self.await_version_of(deletion, key).await;
        }
        deleted.map(|_| ())
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
            cached: at_level(PriorityLevel::Workload),
            reader,
            asked: Asked::default(),
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
