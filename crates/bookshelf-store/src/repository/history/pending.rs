//! Events that are not stored yet.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bookshelf_crd::loan_journal::{Identity, Line, LoanJournalEvent};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::record::Worth;
use crate::object::{ResourceVersion, Uid};

/// The maximum numbers of pending events of books, beginnings of loans and ends of loans. Further events are dropped.
/// The comparison of loans with journals finds dropped beginnings again.
const MAX_PENDING: [usize; 3] = [50_000, 50_000, 100_000];
/// The shortest wait before an event of another process is stored: that process stores it first.
const OTHERS_FIRST: Duration = Duration::from_secs(5);
/// The maximum random addition to that wait, so that only one of many processes stores the event. Of the ten seconds
/// after which an event is safe, two remain for its request.
const SPREAD: Duration = Duration::from_secs(3);
/// The maximum number of unanswered ends of loans that are remembered.
const UNANSWERED_MAX: usize = 10_000;
/// The time for which an unanswered end is remembered. A later end has another cause.
const UNANSWERED_FOR: Duration = Duration::from_mins(1);

/// The events that are not stored yet, by namespace.
#[derive(Default)]
pub(super) struct Pending {
    state: Mutex<State>,
    /// Notified when an act of this process is added.
    added: Notify,
    /// Notified when events are stored or dropped.
    stored: Notify,
}

#[derive(Default)]
struct State {
    namespaces: BTreeMap<Arc<str>, HashMap<Identity, Waiting>>,
    /// The number of events of each [`sort`].
    numbers: [usize; 3],
    has_dropped: bool,
    /// The ends of loans that this process has requested without an answer, by the mark of the loan.
    unanswered: HashMap<u64, (Instant, LoanJournalEvent, Option<String>)>,
}

/// An event that waits to be stored.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) line: Line,
    /// The time at which to store the event, unless it is stored by then.
    pub(super) due: Instant,
    /// True for an act of this process.
    pub(super) is_own: bool,
    pub(super) proof: Proof,
}

/// The evidence of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// An answer of the API server, or the watch.
    Certain,
    /// The watch has reported the end of a loan that this process requested without an answer. Another process may have
    /// requested that end later, and then stores it first.
    Requested,
    /// The watch has reported the end of a loan, at this version. The word depends on the loan's book, whose uid this
    /// is.
    Ended(Option<Uid>, ResourceVersion),
    /// A journal has the beginning of a loan that is not in the cache. The API server must confirm the end.
    Missing,
}

/// Returns the time at which to store an event that another process may have caused.
pub(super) fn after_others() -> Instant {
    Instant::now() + OTHERS_FIRST + SPREAD.mul_f64(rand::random_range(0.0..1.0))
}

impl Pending {
    pub(super) fn add_own(&self, namespace: &str, line: Line) {
        let waiting = Waiting {
            line,
            due: Instant::now(),
            is_own: true,
            proof: Proof::Certain,
        };
        self.state().add(namespace, waiting);
        self.added.notify_one();
    }

    /// Adds an event that another process may have caused, or stored already.
    pub(super) fn add_seen(&self, namespace: &str, line: Line, due: Instant, proof: Proof) {
        let is_own = false;
        self.state().add(
            namespace,
            Waiting {
                line,
                due,
                is_own,
                proof,
            },
        );
    }

    /// Remembers a requested end of a loan without an answer. If the watch reports the end, or has reported it, it is
    /// attributed to this request.
    pub(super) fn remember_unanswered(&self, namespace: &str, line: Line) {
        let identity = line.identity();
        let mut state = self.state();
        let existing = state.namespaces.get(namespace);
        if existing.is_some_and(|waiting| waiting.contains_key(&identity)) {
            drop(state);
            return self.add_seen(namespace, line, after_others(), Proof::Requested);
        }
        if state.unanswered.len() >= UNANSWERED_MAX {
            state.unanswered.clear();
        }
        let unanswered = (Instant::now(), line.event, line.by);
        state.unanswered.insert(line.mark, unanswered);
    }

    /// Removes and returns the remembered end of a loan, unless it is too old.
    pub(super) fn take_unanswered(&self, mark: u64) -> Option<(LoanJournalEvent, Option<String>)> {
        let unanswered = self.state().unanswered.remove(&mark);
        let (_, event, by) = unanswered.filter(|(since, ..)| since.elapsed() < UNANSWERED_FOR)?;
        Some((event, by))
    }

    /// Returns the events of a namespace whose words are certain.
    #[cfg(test)]
    pub(super) fn certain(&self, namespace: &str) -> Vec<Line> {
        self.lines(namespace, |waiting| waiting.proof == Proof::Certain)
    }

    /// Returns the events of a namespace that pass.
    pub(super) fn lines(&self, namespace: &str, passes: impl Fn(&Waiting) -> bool) -> Vec<Line> {
        let state = self.state();
        let waiting = state.namespaces.get(namespace);
        let waiting = waiting.into_iter().flat_map(HashMap::values);
        let passing = waiting.filter(|waiting| passes(waiting));
        passing.map(|waiting| waiting.line.clone()).collect()
    }

    /// Returns at most `most` due events of a namespace: events of loans first, because their record is complete and
    /// that of books is not, then in the order in which they became due.
    pub(super) fn due(&self, namespace: &str, now: Instant, most: usize) -> Vec<Waiting> {
        let state = self.state();
        let waiting = state.namespaces.get(namespace);
        let waiting = waiting.into_iter().flat_map(HashMap::values);
        let mut due: Vec<&Waiting> = waiting.filter(|waiting| waiting.due <= now).collect();
        due.sort_unstable_by_key(|waiting| (!waiting.line.event.is_loan_event(), waiting.due));
        due.into_iter().take(most).cloned().collect()
    }

    /// Returns each namespace with events, and the time at which its first event is due.
    pub(super) fn first_due(&self) -> Vec<(Instant, Arc<str>)> {
        let state = self.state();
        let first_due = state.namespaces.iter().filter_map(|(namespace, waiting)| {
            let first = waiting.values().map(|waiting| waiting.due).min()?;
            Some((first, Arc::clone(namespace)))
        });
        first_due.collect()
    }

    /// Makes the end of a loan due, with this word, after the API server has confirmed it. Changes the queued line,
    /// whose name may have been blanked since.
    pub(super) fn confirm(&self, namespace: &str, line: &Line, event: LoanJournalEvent) {
        let mut state = self.state();
        let existing = state.namespaces.get_mut(namespace);
        let waiting = existing.and_then(|waiting| waiting.get_mut(&line.identity()));
        if let Some(waiting) = waiting.filter(|waiting| waiting.proof == Proof::Missing) {
            waiting.line.event = event;
            waiting.due = Instant::now();
            waiting.proof = Proof::Certain;
        }
    }

    /// Removes a stored event, unless a better line of it has been queued since.
    pub(super) fn remove(&self, namespace: &str, line: &Line) {
        let mut state = self.state();
        state.remove(namespace, line);
        drop(state);
        self.stored.notify_waiters();
    }

    /// Removes all events of a namespace that is gone.
    pub(super) fn forget(&self, namespace: &str) {
        let mut state = self.state();
        if let Some(gone) = state.namespaces.remove(namespace) {
            for waiting in gone.values() {
                state.numbers[sort(waiting.line.event)] -= 1;
            }
        }
        drop(state);
        self.stored.notify_waiters();
    }

    pub(super) fn clear(&self) {
        *self.state() = State::default();
        self.stored.notify_waiters();
    }

    pub(super) fn edit(&self, namespace: &str, edit: impl Fn(&mut Line)) {
        let mut state = self.state();
        let waiting = state.namespaces.get_mut(namespace);
        for waiting in waiting.into_iter().flat_map(HashMap::values_mut) {
            edit(&mut waiting.line);
        }
    }

    /// Waits until an act of this process is added.
    pub(super) async fn added(&self) {
        self.added.notified().await;
    }

    /// Waits until the acts of this process are stored, for at most `within`.
    pub(super) async fn flush(&self, within: Duration) {
        let flushed = async {
            loop {
                let stored = self.stored.notified();
                if !self.has_own() {
                    return;
                }
                stored.await;
            }
        };
        if timeout(within, flushed).await.is_err() {
            tracing::warn!(
                "shutting down before all history events are stored: other processes will record them"
            );
        }
    }

    fn has_own(&self) -> bool {
        let state = self.state();
        let mut waiting = state.namespaces.values().flat_map(HashMap::values);
        waiting.any(|waiting| waiting.is_own)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is consistent at every point where a panic could occur.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Adds an event, unless a better line of it is queued.
    fn add(&mut self, namespace: &str, new: Waiting) {
        let identity = new.line.identity();
        let existing = self.namespaces.get_mut(namespace);
        if let Some(existing) = existing.and_then(|waiting| waiting.get_mut(&identity)) {
            if new.is_better_than(existing) {
                *existing = new;
            }
            return;
        }
        let sort = sort(new.line.event);
        if self.numbers[sort] >= MAX_PENDING[sort] {
            if !self.has_dropped {
                self.has_dropped = true;
                tracing::warn!("too many pending history events: dropping some");
            }
            return;
        }
        self.numbers[sort] += 1;
        let waiting = self.namespaces.entry(namespace.into()).or_default();
        waiting.insert(identity, new);
    }

    fn remove(&mut self, namespace: &str, line: &Line) {
        let Some(waiting) = self.namespaces.get_mut(namespace) else {
            return;
        };
        let identity = line.identity();
        let is_stored = |existing: &Waiting| Worth::of(&existing.line) <= Worth::of(line);
        if waiting.get(&identity).is_some_and(is_stored) {
            waiting.remove(&identity);
            self.numbers[sort(line.event)] -= 1;
        }
        if waiting.is_empty() {
            self.namespaces.remove(namespace);
        }
    }
}

/// Returns the index of an event's limit in [`MAX_PENDING`].
const fn sort(event: LoanJournalEvent) -> usize {
    match event {
        LoanJournalEvent::Created | LoanJournalEvent::Updated | LoanJournalEvent::Deleted => 0,
        LoanJournalEvent::Borrowed => 1,
        LoanJournalEvent::Ended
        | LoanJournalEvent::BookGone
        | LoanJournalEvent::TakenBack
        | LoanJournalEvent::Returned => 2,
    }
}

impl Waiting {
    fn is_better_than(&self, other: &Self) -> bool {
        let rank = |waiting: &Self| {
            let is_requested = waiting.proof == Proof::Requested;
            (waiting.is_own, waiting.proof != Proof::Missing, is_requested)
        };
        rank(self) > rank(other)
    }
}
