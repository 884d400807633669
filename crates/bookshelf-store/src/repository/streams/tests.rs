//! Streams of two replicas that are fed the same history, each in its own way: a client that is cut off anywhere and
//! resumes on the other one ends with the state of a fresh list. There is no garbage collector here, so loans of
//! earlier books stay.

mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use futures::FutureExt as _;
use proptest::prelude::*;
use tokio::time::Instant;

use super::super::Repository;
use super::{Arc, BookStream, BookWithLoan, Books, EventKind, Loan, Loans, Stream, StreamEvent, Topic};
use crate::cache::{Entry, SourceEvent};
use crate::repository::{Borrower, Category, Namespace, Namespaces};
use world::{CATEGORIES, History, Replica, Step, World, book, step};

type Has = BTreeMap<String, String>;

/// A client of one kind of stream.
struct Client<S: Topic<String>> {
    begin: fn() -> S,
    show: fn(&S::Item) -> (String, String),
    live: Option<(usize, Stream<String, S>)>,
    has: Has,
    last_id: Option<String>,
}

impl<S: Topic<String>> Client<S> {
    fn new(begin: fn() -> S, show: fn(&S::Item) -> (String, String)) -> Self {
        Self {
            begin,
            show,
            live: None,
            has: Has::new(),
            last_id: None,
        }
    }

    /// Receives at most `most` events, then breaks the connection; `usize::MAX` keeps it.
    async fn listen(&mut self, replica: usize, repository: &Arc<Repository<String>>, most: usize) {
        let live = self.live.take().filter(|(at, _)| *at == replica);
        let mut stream = if let Some((_, stream)) = live {
            stream
        } else {
            if self.last_id.is_none() {
                self.has.clear();
            }
            Stream::begin(Arc::clone(repository), (self.begin)(), self.last_id.as_deref()).await
        };
        for _ in 0..most {
            if stream.waiting.is_empty() && stream.look().is_err() {
                return;
            }
            let Some(StreamEvent { kind, id }) = stream.pop() else {
                self.live = Some((replica, stream));
                return;
            };
            match kind {
                EventKind::Reset => self.has.clear(),
                EventKind::Created(item) | EventKind::Updated(item) => {
                    self.has.extend([(self.show)(&item)]);
                }
                EventKind::Deleted(item) => drop(self.has.remove(&(self.show)(&item).0)),
                EventKind::Synced => {}
            }
            self.last_id = id.map(|id| id.to_string()).or(self.last_id.take());
        }
    }
}

fn namespace() -> Namespace<'static> {
    Namespace::parse("ns").unwrap()
}

fn math() -> Option<Category<'static>> {
    Category::parse(CATEGORIES[0]).unwrap()
}

fn bob() -> Option<Borrower<'static>> {
    Borrower::parse("bob")
}

async fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut world = World::new();
    let show_book: fn(&BookWithLoan<String>) -> _ = |lent| {
        let text = format!("{} {}", lent.book.value.view, lent.loan.is_some());
        (lent.book.key.name().to_owned(), text)
    };
    let show_loan: fn(&Arc<Entry<Loan>>) -> _ =
        |loan| (loan.key.name().to_owned(), loan.value.version.to_string());
    let mut math = Client::new(|| Books::new(Some(namespace()), math(), false), show_book);
    let mut lent = Client::new(|| Books::new(None, None, true), show_book);
    let mut all_loans = Client::new(|| Loans::new(namespace(), None), show_loan);
    let mut bobs = Client::new(|| Loans::new(namespace(), bob()), show_loan);
    for step in steps.into_iter().chain(end()) {
        world.take(&step);
        if let Step::Listen {
            client,
            replica,
            most,
        } = step
        {
            let repository = &world.replicas[replica].repository;
            match client {
                0 => math.listen(replica, repository, most).await,
                1 => lent.listen(replica, repository, most).await,
                2 => all_loans.listen(replica, repository, most).await,
                _ => bobs.listen(replica, repository, most).await,
            }
        }
    }

    let repository = &world.replicas[LAST].repository;
    let list = |category, with_loans| -> Has {
        let list = repository
            .books(Namespaces::One(namespace()), category)
            .unwrap()
            .with_loans();
        let listed = list.iter().map(|(book, loan)| {
            let text = format!("{} {}", book.value.view, loan.is_some() && with_loans);
            (book.key.name().to_owned(), text)
        });
        listed.collect()
    };
    let list_loans = |tenant| -> Has {
        let list = repository.loans(namespace(), tenant).unwrap();
        list.iter().map(show_loan).collect()
    };
    prop_assert_eq!(math.has, list(self::math(), false), "of a category");
    prop_assert_eq!(lent.has, list(None, true), "with loans");
    prop_assert_eq!(all_loans.has, list_loans(None), "loans");
    prop_assert_eq!(bobs.has, list_loans(bob()), "loans of one tenant");
    Ok(())
}

/// The replica that all clients listen to in the end.
const LAST: usize = 1;

/// Delivers everything to [`LAST`], then lets all clients listen twice: the first time, they may find out that they
/// cannot resume.
fn end() -> impl Iterator<Item = Step> {
    let deliver = [true, false].map(|is_of_books| Step::Deliver {
        replica: LAST,
        is_of_books,
        events: usize::MAX,
    });
    let listen = (0..8).map(|turn| Step::Listen {
        client: turn % 4,
        replica: LAST,
        most: usize::MAX,
    });
    deliver.into_iter().chain(listen)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_kind_of_stream_ends_with_the_state_of_a_fresh_list(steps in prop::collection::vec(step(), 0..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            // Paused time makes waits for a late watch instant.
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(run(steps))?;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_listener_is_too_far_behind_ends() {
    let replica = empty(Replica::new());
    let books = replica.repository.books.workload.writer();
    let begin = async |last_id: Option<&str>| -> BookStream<String> {
        replica
            .repository
            .book_stream(None, None, false, last_id)
            .await
            .unwrap()
    };
    let (mut slow, mut quick) = (begin(None).await, begin(None).await);
    for stream in [&mut slow, &mut quick] {
        stream.wait().await.unwrap();
        assert!(matches!(stream.pop().unwrap().kind, EventKind::Synced));
    }
    let mut last_id = String::new();
    for version in 2..10_000 {
        books.apply([SourceEvent::Applied(book("a", 1, version, 0))]);
        quick.wait().await.unwrap();
        last_id = quick.pop().unwrap().id.unwrap().to_string();
    }
    assert_eq!(last_id, "9999");
    slow.wait().await.unwrap_err();
    // Later, its client gets a reset; the quick one resumes.
    let mut slow = begin(Some("1")).await;
    let mut events = Vec::new();
    for _ in 0..3 {
        slow.wait().await.unwrap();
        events.push(slow.pop().unwrap().kind);
    }
    assert!(matches!(
        events[..],
        [EventKind::Reset, EventKind::Created(_), EventKind::Synced]
    ));
    let mut quick = begin(Some(&last_id)).await;
    assert!(quick.pop().is_none());
    books.apply([SourceEvent::Applied(book("a", 1, 10_000, 0))]);
    quick.wait().await.unwrap();
    assert!(matches!(quick.pop().unwrap().kind, EventKind::Updated(_)));
}

/// Returns an empty replica, confirmed at version 1.
fn empty(replica: Replica) -> Replica {
    let Replica { repository, .. } = &replica;
    History::new().relist(&mut 0, 1, repository.books.workload.writer());
    History::new().relist(&mut 0, 1, repository.loans.workload.writer());
    replica
}

#[tokio::test]
async fn an_api_server_that_does_not_answer_does_not_delay_resuming_for_long() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let replica = empty(Replica::of(&format!("http://{}", silent.local_addr().unwrap())));
    let start = Instant::now();
    let resumed = (0..20).map(|_| replica.repository.book_stream(None, None, false, Some("1000")));
    for mut stream in futures::future::try_join_all(resumed).await.unwrap() {
        // Another replica may have sent that version: without an answer of the API server, the id is accepted.
        assert!(stream.pop().is_none());
    }
    assert!(
        start.elapsed() < Duration::from_millis(4_500),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_begins_without_an_object_deleted_here() {
    let replica = empty(Replica::new());
    let books = replica.repository.books.workload.writer();
    books.apply([SourceEvent::Applied(book("a", 1, 2, 0))]);
    books.observe_deleted(
        &crate::object::ObjectKey::new("ns", "a"),
        "1".into(),
        "2".parse().unwrap(),
    );
    let begin = replica.repository.book_stream(None, None, false, None);
    let confirm = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        books.apply([SourceEvent::Deleted(book("a", 1, 3, 0))]);
    };
    let (stream, ()) = tokio::join!(begin, confirm);
    let mut stream = stream.unwrap();
    stream.wait().await.unwrap();
    assert!(matches!(stream.pop().unwrap().kind, EventKind::Synced));
}

/// Returns all pending events of a stream.
fn pending_events(stream: &mut BookStream<String>) -> Vec<String> {
    let mut events = Vec::new();
    while let Some(waiting) = stream.wait().now_or_never() {
        waiting.unwrap();
        while let Some(StreamEvent { kind, id }) = stream.pop() {
            let kind = match kind {
                EventKind::Reset => "reset".to_owned(),
                EventKind::Created(lent) => format!("created {}", lent.book.value.view),
                EventKind::Updated(lent) => format!("updated {}", lent.book.value.view),
                EventKind::Deleted(lent) => format!("deleted {}", lent.book.value.view),
                EventKind::Synced => "synced".to_owned(),
            };
            events.push(format!(
                "{kind} {}",
                id.map_or_else(String::new, |id| id.to_string())
            ));
        }
    }
    events
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_reset_when_a_check_has_repaired_something_or_versions_have_gone_back() {
    let replica = empty(Replica::new());
    let books = replica.repository.books.workload.writer();
    books.apply([SourceEvent::Bookmark("9".parse().unwrap())]);
    let begin = replica.repository.book_stream(None, None, false, None);
    let mut stream = begin.await.unwrap();
    assert_eq!(pending_events(&mut stream), ["synced 9"]);
    let listed = SourceEvent::Listed(book("a", 1, 7, 0));
    let done = |version: &str| SourceEvent::ListDone(version.parse().unwrap());
    books.apply([SourceEvent::CheckStarted, listed.clone(), done("9")]);
    assert_eq!(
        pending_events(&mut stream),
        ["reset 0", "created T7 7", "synced 9"]
    );
    books.apply([SourceEvent::Applied(book("a", 1, 10, 0))]);
    assert_eq!(pending_events(&mut stream), ["updated T10 10"]);
    books.apply([SourceEvent::ListStarted, listed, done("8")]);
    assert_eq!(
        pending_events(&mut stream),
        ["reset 0", "created T7 7", "synced 8"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_in_place_of_the_watch_resets_a_client_that_resumed_from_another_replica() {
    let replica = empty(Replica::new());
    let books = replica.repository.books.workload.writer();
    let begin = async |id| {
        let begin = replica.repository.book_stream(None, None, false, id);
        begin.await.unwrap()
    };
    let (mut own, mut resumed) = (begin(None).await, begin(Some("1")).await);
    assert_eq!(pending_events(&mut own), ["synced 1"]);
    assert!(pending_events(&mut resumed).is_empty());
    let listed = SourceEvent::Listed(book("a", 1, 7, 0));
    books.apply([
        SourceEvent::ListStarted,
        listed,
        SourceEvent::ListDone("8".parse().unwrap()),
    ]);
    assert_eq!(pending_events(&mut own), ["created T7 8"]);
    assert_eq!(
        pending_events(&mut resumed),
        ["reset 0", "created T7 7", "synced 8"]
    );
}

#[tokio::test(start_paused = true)]
async fn the_position_to_resume_at_advances_although_nothing_happens() {
    let replica = empty(Replica::new());
    let books = replica.repository.books.workload.writer();
    let begin = replica.repository.book_stream(None, None, false, None);
    let mut stream = begin.await.unwrap();
    assert_eq!(stream.id(), None);
    assert_eq!(pending_events(&mut stream), ["synced 1"]);
    books.apply([SourceEvent::Bookmark("9".parse().unwrap())]);
    assert!(pending_events(&mut stream).is_empty());
    assert_eq!(stream.id().unwrap().to_string(), "9");
}
