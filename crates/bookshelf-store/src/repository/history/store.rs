//! The journals: their cache, and the events that this process adds to them.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bookshelf_crd::{LoanJournal, loan_journal::LINES_MAX};
use kube::api::ListParams;
use tokio::sync::{Mutex, Notify};
use tokio::time::sleep;

use super::pending::Pending;
use super::record::{Names, Record, Records, hash_of_book};
use crate::cache::{Builder, Reader, Snapshot, Writer};
use crate::connector::{Connector, Error, PriorityLevel, Reason, ResourceClient};
use crate::object::ObjectKey;
use crate::{CachedClient, ListWatch};

/// The greatest number of a journal, which no namespace reaches.
const NUMBER_MAX: u64 = 1_000_000_000;
/// The time between two looks for the CRD while it is missing.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(30);
/// The time until the next look after a failure for another reason.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// The cached journals, and the events that this process has not stored yet.
pub(in super::super) struct Store {
    pub(super) journals: Reader<Records>,
    pub(super) client: CachedClient<LoanJournal, Records>,
    pub(super) pending: Pending,
    pub(super) names: Arc<Names>,
    /// Held while pending events are being stored in a journal. An erasure waits for it: a request prepared earlier
    /// would bring the name back.
    pub(super) turn: Mutex<()>,
    state: AtomicU8,
    /// Notified when the CRD may be missing.
    lost: Notify,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Loading = 0,
    /// The CRD or a right is missing.
    Missing = 1,
    Ready = 2,
}

/// The journal to append to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// An existing journal, and the number of lines that it has room for.
    Last(ObjectKey, usize),
    /// A journal to create.
    Next(ObjectKey),
}

impl Store {
    pub(super) fn new(
        connector: &Connector,
        namespaces: &[String],
        watch_timeout: Duration,
    ) -> (Arc<Self>, Feed) {
        let names = Arc::new(Names::default());
        let interned = Arc::clone(&names);
        let builder =
            Builder::new(move |journal: LoanJournal| Ok::<_, Infallible>(Records::of(&journal, &interned)));
        // Journals are not followed, so replaced versions are not needed.
        let builder = builder
            .history(1)
            .namespaces(namespaces.iter().map(String::as_str));
        let (journals, writer) = builder.build();
        // The recorder has its own limit.
        let resource = connector
            .resource()
            .without_managed_fields()
            .with_priority_level(PriorityLevel::Exempt);
        let store = Arc::new(Self {
            journals,
            client: CachedClient::new(resource.clone(), writer.clone()),
            pending: Pending::default(),
            names,
            turn: Mutex::default(),
            state: AtomicU8::new(State::Loading as u8),
            lost: Notify::new(),
        });
        let feed = Feed {
            store: Arc::clone(&store),
            resource,
            writer,
            namespaces: namespaces.to_vec(),
            watch_timeout,
        };
        (store, feed)
    }

    pub(super) fn state(&self) -> State {
        match self.state.load(Ordering::Relaxed) {
            0 => State::Loading,
            1 => State::Missing,
            _ => State::Ready,
        }
    }

    /// Returns true unless the CRD or a right is missing.
    pub(super) fn is_kept(&self) -> bool {
        self.state() != State::Missing
    }

    pub(super) fn set_state(&self, state: State) {
        self.state.store(state as u8, Ordering::Relaxed);
    }

    /// Makes the feed look for the CRD again, because the API server does not know journals.
    pub(super) fn look_for_crd(&self) {
        self.lost.notify_one();
    }

    /// Returns the journal of a namespace to write to: the last one, the next one if that is full, or the one `ahead`
    /// numbers after the last one. Journals with other names are read but not written.
    pub(super) fn target(&self, namespace: &str, ahead: u64) -> Target {
        let snapshot = self.journals.load();
        let numbered = snapshot.namespaced(namespace).filter_map(|journal| {
            let number = number_of(&journal.key)?;
            Some((number, journal))
        });
        let last = numbered.max_by_key(|(number, _)| *number);
        let number = last.map_or(0, |(number, _)| number);
        match last {
            Some((_, last)) if ahead == 0 && last.value.lines < LINES_MAX => {
                Target::Last(last.key.clone(), LINES_MAX - last.value.lines)
            }
            _ => Target::Next(ObjectKey::new(namespace, name_of(number + ahead.max(1)))),
        }
    }
}

pub(super) fn records_in<'a>(
    journals: &'a Snapshot<Records>,
    namespace: &'a str,
) -> impl Iterator<Item = &'a Record> {
    journals
        .namespaced(namespace)
        .flat_map(|journal| &journal.value.readable)
}

pub(super) fn records_of_book<'a>(
    journals: &'a Snapshot<Records>,
    namespace: &'a str,
    id: &'a str,
) -> impl Iterator<Item = &'a Record> {
    let hash = hash_of_book(id);
    let journals = journals.namespaced(namespace);
    journals.flat_map(move |journal| journal.value.of_book(id, hash))
}

pub(super) fn name_of(number: u64) -> String {
    format!("{number:06}")
}

/// Returns the number of a journal; `None` for one with another name.
pub(super) fn number_of(key: &ObjectKey) -> Option<u64> {
    let number = key.name().parse().ok()?;
    (number <= NUMBER_MAX && key.name() == name_of(number)).then_some(number)
}

pub(super) struct Feed {
    store: Arc<Store>,
    resource: ResourceClient<LoanJournal>,
    writer: Writer<LoanJournal, Records>,
    namespaces: Vec<String>,
    watch_timeout: Duration,
}

impl Feed {
    /// Lists and watches the journals for as long as the API server knows them.
    pub(super) async fn run(self) -> Infallible {
        let mut once_found = State::Loading;
        loop {
            self.await_crd(once_found).await;
            let list_watch = ListWatch::new(self.resource.clone()).watch_timeout(self.watch_timeout);
            tokio::select! {
                never = list_watch.run(self.writer.clone()) => return never,
                () = self.store.lost.notified() => {}
            }
            // Only the recorder reports this, and it starts after the first list.
            once_found = State::Ready;
        }
    }

    /// Waits until the API server can list journals: an installation of an earlier release has neither the CRD nor the
    /// rights. Logs that once.
    async fn await_crd(&self, once_found: State) {
        while let Some(pause) = self.note(self.look().await, once_found) {
            sleep(pause).await;
        }
    }

    /// Notes the result of a look. Returns the time until the next look, if one is needed.
    fn note(&self, looked: Result<(), Error>, once_found: State) -> Option<Duration> {
        let is_missing = self.store.state() == State::Missing;
        match looked {
            Ok(()) => {
                if is_missing {
                    self.store.set_state(once_found);
                    tracing::info!("found the CRD loanjournals: recording history");
                }
                None
            }
            Err(error) if matches!(error.reason, Reason::NotFound(_) | Reason::NotAllowed(_)) => {
                if !is_missing {
                    self.store.set_state(State::Missing);
                    self.store.pending.clear();
                    tracing::warn!(
                        %error,
                        "history is not recorded: the CRD loanjournals or the rights to get, list, watch, create and patch \
                         them are missing. Install the CRDs and roles of this release, or set --history=false"
                    );
                }
                Some(LOOK_AGAIN_AFTER)
            }
            // This says nothing about the CRD.
            Err(error) => {
                tracing::warn!(%error, "cannot list loan journals yet");
                Some(RETRY_AFTER)
            }
        }
    }

    /// Lists one journal of each source.
    async fn look(&self) -> Result<(), Error> {
        let one = ListParams::default().limit(1);
        if self.namespaces.is_empty() {
            self.resource.list(None, &one).await?;
        }
        for namespace in &self.namespaces {
            self.resource.list(Some(namespace), &one).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{NO_CRD, connector};
    use super::*;

    const NONE: &str =
        r#"{"apiVersion":"v1","kind":"LoanJournalList","metadata":{"resourceVersion":"1"},"items":[]}"#;

    #[test]
    fn a_journal_that_others_have_named_has_no_number() {
        let number = |name: &str| number_of(&ObjectKey::new("ns", name));
        assert_eq!(number("000007"), Some(7));
        assert_eq!(number("1234567"), Some(1_234_567));
        for name in ["7", "0000007", "backup", "18446744073709551615", "1000000001"] {
            assert_eq!(number(name), None, "{name}");
        }
    }

    #[tokio::test]
    async fn the_definition_is_looked_for_in_every_namespace_until_all_answer() {
        let answers = vec![
            // Says nothing about the CRD.
            (400, "{}"),
            (200, NONE),
            (404, NO_CRD),
            // Nor does this one.
            (400, "{}"),
            (200, NONE),
            (200, NONE),
        ];
        let namespaces = ["a".to_owned(), "b".to_owned()];
        let (store, feed) = Store::new(&connector(answers), &namespaces, Duration::from_mins(1));
        for (state, pause) in [
            (State::Loading, Some(RETRY_AFTER)),
            (State::Missing, Some(LOOK_AGAIN_AFTER)),
            (State::Missing, Some(RETRY_AFTER)),
            (State::Ready, None),
        ] {
            let looked = feed.note(feed.look().await, State::Ready);
            assert_eq!((store.state(), looked), (state, pause));
        }
    }
}
