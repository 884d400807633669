//! Streams: the existing objects, and then their changes, for as long as a client listens.
//!
//! A stream is a position in the confirmed state ([`cache::Confirmed`]), and its events come from snapshots of the
//! caches: any number of streams cost the API server nothing, and none has a queue of changes. An event may carry an
//! id. A client that has applied the event and all earlier ones resumes from there, on any replica, and ends with the
//! state of a list. Events are therefore *state*, not actions: applying one twice changes nothing, `deleted` may be of
//! an object that never existed, and `created` of one that exists already.
//!
//! The existing objects are sent in the order of versions. After each of them, a client has everything up to its id,
//! and later changes follow.

mod books;
mod id;
mod initial_list;
mod loans;
mod resume;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

pub use books::BookWithLoan;
use books::Books;
pub use id::StreamId;
use initial_list::InitialList;
use loans::Loans;
use resume::resume;

use super::Repository;
use super::books::CachedBook;
use super::error::Error;
use super::model::{Borrower, Category, Loan, Namespace};
use crate::cache::{self, Entry, Index, Position, Snapshot, SnapshotSignal, Step, TooOld};
use crate::object::ResourceVersion;

/// An event of a stream.
#[derive(Debug)]
pub struct StreamEvent<T> {
    /// The new state.
    pub kind: EventKind<T>,
    /// The position from which a client that has applied this event resumes; `None` if it needs further events first.
    pub id: Option<StreamId>,
}

impl<T> StreamEvent<T> {
    /// Returns a reset. A client that is cut off after it has nothing to resume from.
    fn reset() -> Self {
        Self {
            kind: EventKind::Reset,
            id: Some(StreamId::NOTHING),
        }
    }
}

/// The new state.
#[derive(Debug)]
pub enum EventKind<T> {
    /// All earlier events and their ids are void. The existing objects follow.
    Reset,
    /// The object exists.
    Created(T),
    /// The object exists, in another version than before.
    Updated(T),
    /// The object no longer exists, or has left the selection of the stream. This is its last known state.
    Deleted(T),
    /// All objects that existed at the start have been sent. Later events are changes.
    Synced,
}

/// The error that ends a stream: its client is so far behind that the journal has dropped the changes in between, or
/// the caches are no longer fed. A resumed stream may begin with [`EventKind::Reset`].
#[derive(Debug, thiserror::Error)]
#[error("the stream cannot continue")]
pub struct CutOff;

/// A stream of books, with or without their loans.
pub type BookStream<V> = Stream<V, Books>;
/// A stream of loans.
pub type LoanStream<V> = Stream<V, Loans>;

/// A stream. Call [`wait`](Self::wait), then [`pop`](Self::pop) until nothing is left, and repeat.
pub struct Stream<V, S: Topic<V>> {
    repository: Arc<Repository<V>>,
    topic: S,
    signals: [SnapshotSignal; 2],
    /// The position once all pending events are sent.
    at: Cursor,
    reached: StreamId,
    /// The objects that existed at the start and are not sent yet.
    initial_list: Option<InitialList>,
    waiting: VecDeque<StreamEvent<S::Item>>,
}

/// The position of a stream in the books, and in the loans if it depends on them.
type Cursor = (Position, Option<Position>);

/// The topic of a stream: books or loans. No other crate can implement it.
pub trait Topic<V> {
    /// The objects of the stream.
    #[doc(hidden)]
    type Object;
    /// The value of each event.
    type Item;
    /// The resource of the objects.
    #[doc(hidden)]
    const RESOURCE: Resource;
    /// Returns true if the events depend on the loans.
    #[doc(hidden)]
    fn needs_loans(&self) -> bool;
    /// Returns the namespace of the stream; `None`: all.
    #[doc(hidden)]
    fn namespace(&self) -> Option<&str>;
    /// Returns the objects that exist, in any order.
    #[doc(hidden)]
    fn objects<'a>(&self, confirmed: &ConfirmedState<'a, V>) -> Vec<&'a Arc<Entry<Self::Object>>>;
    /// Returns the value of an object's event.
    #[doc(hidden)]
    fn item(&self, confirmed: &ConfirmedState<'_, V>, object: &Arc<Entry<Self::Object>>) -> Self::Item;
    /// Returns the events of these changes: first those of [`RESOURCE`](Self::RESOURCE), then those of the other
    /// resource.
    #[doc(hidden)]
    fn changes(
        &self,
        confirmed: &ConfirmedState<'_, V>,
        changes: &Changes<'_, V>,
    ) -> Vec<Emitted<Self::Item>>;
}

/// A resource that streams depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// The books.
    Books,
    /// The loans.
    Loans,
}

/// The confirmed state of books and loans.
pub struct ConfirmedState<'a, V> {
    books: cache::Confirmed<'a, CachedBook<V>>,
    loans: cache::Confirmed<'a, Loan>,
    by_category: Index,
    by_tenant: Index,
}

impl<V> ConfirmedState<'_, V> {
    fn is_void(&self, (books_at, loans_at): &Cursor) -> bool {
        let mut loans_at = loans_at.iter();
        self.books.is_void(books_at) || loans_at.any(|loans_at| self.loans.is_void(loans_at))
    }

    fn knows_after(&self, (books_at, loans_at): &Cursor) -> bool {
        let mut loans_at = loans_at.iter();
        self.books.knows_after(books_at) && loans_at.all(|loans_at| self.loans.knows_after(loans_at))
    }
}

/// The changes after a stream's position.
pub struct Changes<'a, V> {
    books: Vec<Step<'a, CachedBook<V>>>,
    loans: Vec<Step<'a, Loan>>,
}

/// The event of a change, and the version to resume at after it.
pub struct Emitted<T> {
    resource: Resource,
    resume_at: Option<ResourceVersion>,
    kind: EventKind<T>,
}

impl<V: Send + Sync + 'static> Repository<V> {
    /// Opens a stream of books, of one namespace or all, and of one category or all, with or without their loans.
    ///
    /// `last_event_id` is the id of the last event that the client has applied, as text: the stream resumes after it.
    /// If that is impossible, its first event is [`EventKind::Reset`], and the existing objects follow.
    ///
    /// Returns within seconds, even while the API server is unavailable.
    pub async fn book_stream(
        self: &Arc<Self>,
        namespace: Option<Namespace<'_>>,
        category: Option<Category<'_>>,
        with_loans: bool,
        last_event_id: Option<&str>,
    ) -> Result<BookStream<V>, Error> {
        if let Some(namespace) = namespace {
            self.check_namespace(namespace.as_str())?;
        }
        let topic = Books::new(namespace, category, with_loans);
        Ok(Stream::begin(Arc::clone(self), topic, last_event_id).await)
    }

    /// Opens a stream of the loans of a namespace, of one tenant or all. Otherwise like
    /// [`book_stream`](Self::book_stream).
    pub async fn loan_stream(
        self: &Arc<Self>,
        namespace: Namespace<'_>,
        borrower: Option<Borrower<'_>>,
        last_event_id: Option<&str>,
    ) -> Result<LoanStream<V>, Error> {
        self.check_namespace(namespace.as_str())?;
        let topic = Loans::new(namespace, borrower);
        Ok(Stream::begin(Arc::clone(self), topic, last_event_id).await)
    }
}

impl<V: Send + Sync + 'static, S: Topic<V>> Stream<V, S> {
    async fn begin(repository: Arc<Repository<V>>, topic: S, last_event_id: Option<&str>) -> Self {
        // First, so that no change is missed.
        let signals = [
            repository.books.reader.snapshot_signal(),
            repository.loans.reader.snapshot_signal(),
        ];
        let mut waiting = VecDeque::new();
        let mut initial_list = None;
        let resumed = match last_event_id {
            Some(id) => Some(resume(&repository, &topic, id).await),
            None => None,
        };
        if let Some(Err(TooOld)) = resumed {
            waiting.push_back(StreamEvent::reset());
        }
        let (at, reached) = if let Some(Ok(resumed)) = resumed {
            resumed
        } else {
            let namespace = topic.namespace();
            tokio::join!(
                repository.books.wait_pending_confirmed(namespace),
                repository.loans.wait_pending_confirmed(namespace)
            );
            let (begun, start) = list(&repository, &topic);
            initial_list = Some(begun);
            start
        };
        Self {
            repository,
            topic,
            signals,
            at,
            reached,
            initial_list,
            waiting,
        }
    }

    /// Waits for an event. If all earlier events have become void, it is [`EventKind::Reset`], and the existing objects
    /// follow. Cancel safe.
    pub async fn wait(&mut self) -> Result<(), CutOff> {
        loop {
            self.look()?;
            if !self.waiting.is_empty() {
                return Ok(());
            }
            let [books, loans] = &mut self.signals;
            let signal = tokio::select! {
                signal = books.wait() => signal,
                signal = loans.wait(), if self.at.1.is_some() => signal,
            };
            signal.map_err(|_| CutOff)?;
        }
    }

    /// Returns the next event, if one is ready.
    pub fn pop(&mut self) -> Option<StreamEvent<S::Item>> {
        self.waiting.pop_front()
    }

    /// Returns the position from which a client that has applied all events resumes; `None` while events are pending.
    /// It advances even if nothing happens, so that it does not become too old.
    pub fn id(&self) -> Option<StreamId> {
        let is_all_sent = self.waiting.is_empty() && self.initial_list.is_none();
        is_all_sent.then_some(self.reached)
    }

    /// Reads new changes, or starts over with a reset if all earlier events are void.
    fn look(&mut self) -> Result<(), CutOff> {
        let Err(TooOld) = self.follow() else { return Ok(()) };
        let snapshots = snapshots(&self.repository);
        if !confirmed(&snapshots, self.topic.namespace()).is_void(&self.at) {
            return Err(CutOff);
        }
        self.waiting.clear();
        self.waiting.push_back(StreamEvent::reset());
        let (initial_list, (at, reached)) = list(&self.repository, &self.topic);
        self.initial_list = Some(initial_list);
        self.at = at;
        self.reached = reached;
        Ok(())
    }

    /// Reads new changes once all earlier events are sent. Until then, only checks that the journal still has the new
    /// changes.
    fn follow(&mut self) -> Result<(), TooOld> {
        let snapshots = snapshots(&self.repository);
        let confirmed = confirmed(&snapshots, self.topic.namespace());
        if !self.waiting.is_empty() {
            return if confirmed.knows_after(&self.at) {
                Ok(())
            } else {
                Err(TooOld)
            };
        }
        if let Some(initial_list) = &mut self.initial_list {
            let is_known = confirmed.knows_after(&self.at);
            self.waiting
                .extend(initial_list.next(&confirmed, &self.topic, self.reached));
            if self.waiting.is_empty() {
                self.initial_list = None;
                self.waiting.push_back(StreamEvent {
                    kind: EventKind::Synced,
                    id: Some(self.reached),
                });
            }
            return if is_known { Ok(()) } else { Err(TooOld) };
        }
        let (books_at, loans_at) = &mut self.at;
        let changes = Changes {
            books: confirmed.books.follow(books_at)?,
            loans: match loans_at {
                Some(loans_at) => confirmed.loans.follow(loans_at)?,
                None => Vec::new(),
            },
        };
        let latest = reached(&confirmed, &self.topic);
        let mut phase = S::RESOURCE;
        for Emitted {
            resource,
            resume_at,
            kind,
        } in self.topic.changes(&confirmed, &changes)
        {
            if resource != phase {
                self.reached.advance(phase, latest.of(phase));
                phase = resource;
            }
            self.reached.advance(resource, resume_at);
            let id = resume_at.map(|_| self.reached);
            self.waiting.push_back(StreamEvent { kind, id });
        }
        for resource in [Resource::Books, Resource::Loans] {
            self.reached.advance(resource, latest.of(resource));
        }
        Ok(())
    }
}

/// Returns the list of the existing objects, and the position at its end.
fn list<V, S: Topic<V>>(repository: &Repository<V>, topic: &S) -> (InitialList, (Cursor, StreamId)) {
    let snapshots = snapshots(repository);
    let confirmed = confirmed(&snapshots, topic.namespace());
    let loans_at = topic.needs_loans().then(|| confirmed.loans.position());
    let at = (confirmed.books.position(), loans_at);
    (
        InitialList::of(&topic.objects(&confirmed)),
        (at, reached(&confirmed, topic)),
    )
}

/// The snapshots of both caches, and their indexes.
struct Snapshots<V> {
    books: Arc<Snapshot<CachedBook<V>>>,
    loans: Arc<Snapshot<Loan>>,
    by_category: Index,
    by_tenant: Index,
}

fn snapshots<V>(repository: &Repository<V>) -> Snapshots<V> {
    Snapshots {
        books: repository.books.reader.snapshot(),
        loans: repository.loans.reader.snapshot(),
        by_category: repository.by_category,
        by_tenant: repository.by_tenant,
    }
}

fn confirmed<'a, V>(snapshots: &'a Snapshots<V>, namespace: Option<&'a str>) -> ConfirmedState<'a, V> {
    ConfirmedState {
        books: snapshots.books.confirmed(namespace),
        loans: snapshots.loans.confirmed(namespace),
        by_category: snapshots.by_category,
        by_tenant: snapshots.by_tenant,
    }
}

/// Returns the id of a client that has the whole list.
fn reached<V>(confirmed: &ConfirmedState<'_, V>, topic: &impl Topic<V>) -> StreamId {
    let loans = topic.needs_loans().then(|| confirmed.loans.version()).flatten();
    StreamId::new(confirmed.books.version(), loans)
}
