//! Streams: what there is, and then what changes, for as long as somebody listens.
//!
//! A stream is a position in what the watch has told ([`cache::Told`]), and what it tells comes from the caches' snapshots: any
//! number of streams cost the API server nothing, and none has a queue. Each event may carry an id: whoever has taken in
//! that event and those before it goes on from there, on any replica, and ends with what a list shows. For that, events
//! are *what is so*, not what was done: to take one in twice changes nothing, `deleted` may be of what was never there,
//! and `created` of what is there already.
//!
//! What there is comes in the order of versions. So everything up to the id of any of it has been told, and what changed
//! since is among the changes.

mod books;
mod id;
mod listing;
mod loans;
mod resume;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use books::Books;
pub use books::Lent;
pub use id::StreamId;
use listing::Listing;
use loans::Loans;
use resume::resume;

use super::Repository;
use super::books::CachedBook;
use super::error::Error;
use super::model::{Borrower, Category, Loan, Namespace};
use crate::cache::{self, Entry, Index, News, Position, Snapshot, Step, TooOld};
use crate::object::ResourceVersion;

/// What a stream tells.
#[derive(Debug)]
pub struct StreamEvent<T> {
    /// What is so from now on.
    pub what: What<T>,
    /// Where whoever has taken this in can go on from; `None` where that takes further events.
    pub id: Option<StreamId>,
}

impl<T> StreamEvent<T> {
    /// Who is cut off after this has nothing any more, and must not go on from where it was.
    fn reset() -> Self {
        Self {
            what: What::Reset,
            id: Some(StreamId::NOTHING),
        }
    }
}

/// What is so from now on.
#[derive(Debug)]
pub enum What<T> {
    /// All that was told before is void, ids too: what there is follows.
    Reset,
    /// It is there.
    Created(T),
    /// It is there, and is another version than before.
    Updated(T),
    /// It is not there any more, or not among what the stream is of; this is the last that is known of it.
    Deleted(T),
    /// What was there when the stream began has been told; what follows has happened since.
    Synced,
}

/// The listener is so far behind that the changes in between are forgotten, or nothing feeds the caches any more: the
/// stream ends. Going on from the last id may begin with [`What::Reset`].
#[derive(Debug, thiserror::Error)]
#[error("the stream cannot go on")]
pub struct CutOff;

/// A stream of books; the loans are told where it is made for tenants.
pub type BookStream<V> = Stream<V, Books>;
/// A stream of loans.
pub type LoanStream<V> = Stream<V, Loans>;

/// A stream: [`wait`](Self::wait), then [`pop`](Self::pop) what there is, and again.
pub struct Stream<V, S: Subject<V>> {
    repository: Arc<Repository<V>>,
    subject: S,
    news: [News; 2],
    /// Where it is when all that waits has been told.
    at: At,
    reached: StreamId,
    /// What there is, until all of it is told.
    listing: Option<Listing>,
    waiting: VecDeque<StreamEvent<S::Item>>,
}

/// Where a stream is in the books, and in the loans if it depends on them.
type At = (Position, Option<Position>);

/// What a stream is about: books or loans, and nothing that anybody else could make.
pub trait Subject<V> {
    /// The objects that it tells of.
    #[doc(hidden)]
    type Object;
    /// What it tells of each.
    type Item;
    /// The resource of what it tells.
    #[doc(hidden)]
    const OF: Kind;
    /// Whether what it tells depends on the loans.
    #[doc(hidden)]
    fn needs_loans(&self) -> bool;
    /// Which namespace it is of; `None`: all.
    #[doc(hidden)]
    fn namespace(&self) -> Option<&str>;
    /// The objects that there are, in any order.
    #[doc(hidden)]
    fn objects<'a>(&self, now: &Now<'a, V>) -> Vec<&'a Arc<Entry<Self::Object>>>;
    /// What is told of an object.
    #[doc(hidden)]
    fn item(&self, now: &Now<'_, V>, object: &Arc<Entry<Self::Object>>) -> Self::Item;
    /// What these changes come to: first those of the one resource, then those of the other.
    #[doc(hidden)]
    fn changes(&self, now: &Now<'_, V>, changes: &Changes<'_, V>) -> Vec<Outcome<Self::Item>>;
}

/// The two kinds of objects that streams are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The books.
    Books,
    /// The loans.
    Loans,
}

/// What the watches have told of both.
pub struct Now<'a, V> {
    books: cache::Told<'a, CachedBook<V>>,
    loans: cache::Told<'a, Loan>,
    by_category: Index,
    by_tenant: Index,
}

impl<V> Now<'_, V> {
    fn is_void(&self, (books_at, loans_at): &At) -> bool {
        let mut loans_at = loans_at.iter();
        self.books.is_void(books_at) || loans_at.any(|loans_at| self.loans.is_void(loans_at))
    }

    fn knows_after(&self, (books_at, loans_at): &At) -> bool {
        let mut loans_at = loans_at.iter();
        self.books.knows_after(books_at) && loans_at.all(|loans_at| self.loans.knows_after(loans_at))
    }
}

/// What has changed since a stream looked last.
pub struct Changes<'a, V> {
    books: Vec<Step<'a, CachedBook<V>>>,
    loans: Vec<Step<'a, Loan>>,
}

/// What a change comes to, and where in its resource that leads.
pub struct Outcome<T> {
    of: Kind,
    resume_at: Option<ResourceVersion>,
    what: What<T>,
}

impl<V: Send + Sync + 'static> Repository<V> {
    /// A stream of the books of a namespace, or of all, and of a category, or of all; with their loans, or without.
    ///
    /// `last_event_id` is the id of an event, as text, that was the last to be taken in: the stream goes on after it.
    /// Where it cannot, that is the first thing it tells ([`What::Reset`]), and what there is follows.
    ///
    /// Returns within seconds, whatever the API server does.
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
        let subject = Books::new(namespace, category, with_loans);
        Ok(Stream::begin(Arc::clone(self), subject, last_event_id).await)
    }

    /// A stream of the loans of a namespace, of one tenant or of all; otherwise as
    /// [`book_stream`](Self::book_stream).
    pub async fn loan_stream(
        self: &Arc<Self>,
        namespace: Namespace<'_>,
        borrower: Option<Borrower<'_>>,
        last_event_id: Option<&str>,
    ) -> Result<LoanStream<V>, Error> {
        self.check_namespace(namespace.as_str())?;
        let subject = Loans::new(namespace, borrower);
        Ok(Stream::begin(Arc::clone(self), subject, last_event_id).await)
    }
}

impl<V: Send + Sync + 'static, S: Subject<V>> Stream<V, S> {
    async fn begin(repository: Arc<Repository<V>>, subject: S, last_event_id: Option<&str>) -> Self {
        // Before anything is looked at, so that nothing is missed.
        let news = [repository.books.reader.news(), repository.loans.reader.news()];
        let mut waiting = VecDeque::new();
        let mut listing = None;
        let resumed = match last_event_id {
            Some(id) => Some(resume(&repository, &subject, id).await),
            None => None,
        };
        if let Some(Err(TooOld)) = resumed {
            waiting.push_back(StreamEvent::reset());
        }
        let (at, reached) = if let Some(Ok(resumed)) = resumed {
            resumed
        } else {
            let namespace = subject.namespace();
            tokio::join!(
                repository.books.shown_is_told(namespace),
                repository.loans.shown_is_told(namespace)
            );
            let (begun, start) = list(&repository, &subject);
            listing = Some(begun);
            start
        };
        Self {
            repository,
            subject,
            news,
            at,
            reached,
            listing,
            waiting,
        }
    }

    /// Returns when there is something to tell. Where all that was told has become void, that is [`What::Reset`], and what
    /// there is. Cancel safe.
    pub async fn wait(&mut self) -> Result<(), CutOff> {
        loop {
            self.look()?;
            if !self.waiting.is_empty() {
                return Ok(());
            }
            let [books, loans] = &mut self.news;
            let told = tokio::select! {
                told = books.wait() => told,
                told = loans.wait(), if self.at.1.is_some() => told,
            };
            told.map_err(|_| CutOff)?;
        }
    }

    /// What is to be told next, if it is there already.
    pub fn pop(&mut self) -> Option<StreamEvent<S::Item>> {
        self.waiting.pop_front()
    }

    /// Where whoever has taken in all that was told goes on from; `None` while there is something to tell. It advances
    /// although nothing happens, and does not grow too old.
    pub fn id(&self) -> Option<StreamId> {
        let is_told = self.waiting.is_empty() && self.listing.is_none();
        is_told.then_some(self.reached)
    }

    /// Takes in what has changed, or that all that was told is void: then what there is comes again.
    fn look(&mut self) -> Result<(), CutOff> {
        let Err(TooOld) = self.follow() else { return Ok(()) };
        let snapshots = snapshots(&self.repository);
        if !now(&snapshots, self.subject.namespace()).is_void(&self.at) {
            return Err(CutOff);
        }
        self.waiting.clear();
        self.waiting.push_back(StreamEvent::reset());
        let (listing, (at, reached)) = list(&self.repository, &self.subject);
        self.listing = Some(listing);
        self.at = at;
        self.reached = reached;
        Ok(())
    }

    /// Takes in what has changed, once all before that is told; meanwhile, sees to it that it is not forgotten.
    fn follow(&mut self) -> Result<(), TooOld> {
        let snapshots = snapshots(&self.repository);
        let now = now(&snapshots, self.subject.namespace());
        if !self.waiting.is_empty() {
            return if now.knows_after(&self.at) {
                Ok(())
            } else {
                Err(TooOld)
            };
        }
        if let Some(listing) = &mut self.listing {
            let is_known = now.knows_after(&self.at);
            self.waiting
                .extend(listing.next(&now, &self.subject, self.reached));
            if self.waiting.is_empty() {
                self.listing = None;
                self.waiting.push_back(StreamEvent {
                    what: What::Synced,
                    id: Some(self.reached),
                });
            }
            return if is_known { Ok(()) } else { Err(TooOld) };
        }
        let (books_at, loans_at) = &mut self.at;
        let changes = Changes {
            books: now.books.follow(books_at)?,
            loans: match loans_at {
                Some(loans_at) => now.loans.follow(loans_at)?,
                None => Vec::new(),
            },
        };
        let told = reached(&now, &self.subject);
        let mut phase = S::OF;
        for Outcome { of, resume_at, what } in self.subject.changes(&now, &changes) {
            if of != phase {
                self.reached.advance(phase, told.of(phase));
                phase = of;
            }
            self.reached.advance(of, resume_at);
            let id = resume_at.map(|_| self.reached);
            self.waiting.push_back(StreamEvent { what, id });
        }
        for of in [Kind::Books, Kind::Loans] {
            self.reached.advance(of, told.of(of));
        }
        Ok(())
    }
}

/// The list of what there is, and where that ends.
fn list<V, S: Subject<V>>(repository: &Repository<V>, subject: &S) -> (Listing, (At, StreamId)) {
    let snapshots = snapshots(repository);
    let now = now(&snapshots, subject.namespace());
    let loans_at = subject.needs_loans().then(|| now.loans.position());
    let at = (now.books.position(), loans_at);
    (Listing::of(&subject.objects(&now)), (at, reached(&now, subject)))
}

/// Both caches as they are, and their indexes.
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

fn now<'a, V>(snapshots: &'a Snapshots<V>, namespace: Option<&'a str>) -> Now<'a, V> {
    Now {
        books: snapshots.books.told(namespace),
        loans: snapshots.loans.told(namespace),
        by_category: snapshots.by_category,
        by_tenant: snapshots.by_tenant,
    }
}

/// The id of who has been told all that there is.
fn reached<V>(now: &Now<'_, V>, subject: &impl Subject<V>) -> StreamId {
    let loans = subject.needs_loans().then(|| now.loans.version()).flatten();
    StreamId::new(now.books.version(), loans)
}
