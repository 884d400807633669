//! The task that stores events.
//!
//! Every process has one, and there is no leader. A process stores its own acts at once. An event that it has only seen
//! waits for some seconds, unless another process stores it first. Each also compares loans with journals at the start,
//! after a gap, and periodically, so nothing depends on a queue that a crash would empty.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bookshelf_crd as crd;
use bookshelf_crd::loan_journal::{LINES_MAX, Line};
use kube::api::{ListParams, Patch};
use tokio::time::{Instant, sleep, sleep_until};

use super::super::books::CachedBook;
use super::super::model::Loan;
use super::due::{is_due, is_precise, missing_lines, recorded};
use super::follower::Follower;
use super::lines::{mark_of, now};
use super::pending::{Proof, Waiting, after_others};
use super::progress::{NamespaceProgress, Progress};
use super::requests::{additions, journal, refused};
use super::store::{State, Store, Target, records_in};
use crate::cache::Reader;
use crate::connector::{Error, Reason, ResourceClient};
use crate::object::ObjectKey;

/// The shortest time between two requests.
const PERIOD: Duration = Duration::from_secs(1);
/// The shortest time between two looks at the caches.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The time between two comparisons of loans with journals, of the namespaces that have changed.
const COMPARE_EVERY: Duration = Duration::from_secs(10);
/// The maximum number of events considered for one request: some of them may be stored already.
const LOOKED_AT: usize = 4 * LINES_MAX;

pub(super) struct Recorder<V> {
    pub(super) store: Arc<Store>,
    pub(super) loans: Reader<Loan>,
    pub(super) books: Reader<CachedBook<V>>,
    /// Reads the loans from the API server.
    pub(super) live_loans: ResourceClient<crd::BookLoan>,
}

/// The states compared last: the generations of journals and loans, by namespace.
type Compared = HashMap<Arc<str>, (Option<u64>, Option<u64>)>;

impl<V> Recorder<V> {
    pub(super) async fn run(self) -> Infallible {
        let day = Duration::from_hours(24);
        while self.loans.wait_synced(day).await.is_err() || self.books.wait_synced(day).await.is_err() {}
        let mut follower = Follower::new(self.loans.clone(), self.books.clone());
        let (mut loans, mut books) = (self.loans.snapshot_signal(), self.books.snapshot_signal());
        // A loan may begin and end before the journals are listed.
        while self.store.journals.wait_synced(LOOK_EVERY).await.is_err() {
            self.follow_or_skip(&mut follower).await;
        }
        self.store.set_state(State::Ready);
        let mut compared = Compared::new();
        let mut progress = Progress::default();
        let mut next_request = Instant::now();
        let mut next_comparison = Instant::now();
        loop {
            if !self.follow_or_skip(&mut follower).await {
                // The journals may be different ones now.
                compared.clear();
                next_comparison = Instant::now();
            }
            if next_comparison <= Instant::now() {
                self.compare(&mut compared);
                next_comparison = Instant::now() + COMPARE_EVERY;
            }
            if next_request <= Instant::now() && self.store_some(&follower, &mut progress).await {
                next_request = Instant::now() + PERIOD;
            }
            sleep(LOOK_EVERY).await;
            let next_due = progress.next_turn(self.store.pending.first_due());
            let next_due = next_due.map_or(next_comparison, |due| due.max(next_request).min(next_comparison));
            // Notifications that arrived while this was busy are not lost: they make the wait return at once.
            tokio::select! {
                _ = loans.wait() => {}
                _ = books.wait() => {}
                () = self.store.pending.added() => {}
                () = sleep_until(next_due) => {}
            }
        }
    }

    /// Queues the events of all new changes. While no history is kept, waits, and then skips them. Returns false if
    /// loans and journals must be compared.
    async fn follow_or_skip(&self, follower: &mut Follower<V>) -> bool {
        if self.store.is_kept() {
            return follower.follow(&self.store.pending);
        }
        while !self.store.is_kept() {
            sleep(PERIOD).await;
        }
        follower.skip();
        false
    }

    /// Compares loans with journals, in the namespaces where either has changed, and queues the missing lines.
    fn compare(&self, compared: &mut Compared) {
        let (loans, journals) = (self.loans.snapshot(), self.store.journals.snapshot());
        let mut namespaces: HashMap<Arc<str>, (Option<u64>, Option<u64>)> = HashMap::new();
        for (namespace, state) in journals.namespaces() {
            namespaces.entry(namespace.into()).or_default().0 = Some(state.generation);
        }
        for (namespace, state) in loans.namespaces() {
            namespaces.entry(namespace.into()).or_default().1 = Some(state.generation);
        }
        for (namespace, generations) in &namespaces {
            if compared.get(namespace) == Some(generations) {
                continue;
            }
            let live = loans.namespaced(namespace).map(|loan| &loan.value);
            let missing_lines = missing_lines(live, records_in(&journals, namespace), now());
            let pending = &self.store.pending;
            for line in missing_lines.beginnings {
                pending.add_seen(namespace, line, after_others(), Proof::Certain);
            }
            for line in missing_lines.ends {
                pending.add_seen(namespace, line, after_others(), Proof::Missing);
            }
        }
        *compared = namespaces;
    }

    /// Stores events of one namespace with at most one request. Returns true if a request was sent.
    async fn store_some(&self, follower: &Follower<V>, progress: &mut Progress) -> bool {
        let _turn = self.store.turn.lock().await;
        let pending = &self.store.pending;
        for namespace in progress.in_turn(pending.first_due(), Instant::now()) {
            if let Some(key) = progress.of(&namespace).reread.take() {
                // The client puts the answer into the cache.
                let read = self.store.client.get(&key).await;
                if read.is_err() {
                    progress.of(&namespace).pass_over_last();
                }
                return true;
            }
            let waiting = self.due(&namespace);
            let unproven = waiting.iter().filter(|waiting| waiting.proof == Proof::Missing);
            let unproven: Vec<&Waiting> = unproven.collect();
            if !unproven.is_empty() {
                if let Err(error) = self.prove(&namespace, &unproven, follower).await {
                    tracing::debug!(%error, "cannot confirm the end of loans yet");
                    progress.of(&namespace).fail();
                }
                return true;
            }
            let lines = waiting.iter().map(|waiting| Line {
                event: follower.word_for(&namespace, &waiting.line, &waiting.proof),
                ..waiting.line.clone()
            });
            let lines: Vec<Line> = lines.collect();
            if !lines.is_empty() {
                self.store_lines(&namespace, &lines, progress).await;
                return true;
            }
        }
        false
    }

    /// Returns due events of a namespace, and drops those that are stored already or whose loan still exists.
    fn due(&self, namespace: &str) -> Vec<Waiting> {
        let pending = &self.store.pending;
        let waiting = pending.due(namespace, Instant::now(), LOOKED_AT);
        let wanted = waiting.iter().map(|waiting| waiting.line.identity());
        let journals = self.store.journals.snapshot();
        let recorded = recorded(wanted, records_in(&journals, namespace));
        let loans = self.loans.load();
        let mut due = Vec::new();
        for waiting in waiting {
            let is_there = waiting.proof == Proof::Missing && {
                let loan = loans.get(namespace, &waiting.line.book_id);
                loan.is_some_and(|loan| mark_of(&loan.uid) == waiting.line.mark)
            };
            let is_recorded = waiting.proof == Proof::Requested && is_precise(&waiting.line, &recorded);
            if is_there || is_recorded || !is_due(&waiting.line, &recorded) {
                pending.remove(namespace, &waiting.line);
            } else {
                due.push(waiting);
            }
        }
        due
    }

    /// Checks with the API server whether loans that are not in the cache have ended.
    async fn prove(
        &self,
        namespace: &str,
        missing: &[&Waiting],
        follower: &Follower<V>,
    ) -> Result<(), Error> {
        let loans = self
            .live_loans
            .list(Some(namespace), &ListParams::default())
            .await?;
        let pending = &self.store.pending;
        let uids = loans.items.iter().filter_map(|loan| loan.metadata.uid.as_deref());
        let existing: Vec<u64> = uids.map(|uid| mark_of(&uid.into())).collect();
        for waiting in missing {
            if existing.contains(&waiting.line.mark) {
                pending.remove(namespace, &waiting.line);
            } else {
                let event = follower.word_for(namespace, &waiting.line, &waiting.proof);
                pending.confirm(namespace, &waiting.line, event);
            }
        }
        Ok(())
    }

    /// Appends lines to the last journal of a namespace, as many as fit, or creates the next journal with them.
    async fn store_lines(&self, namespace: &str, lines: &[Line], progress: &mut Progress) {
        let target = self.store.target(namespace, progress.of(namespace).ahead);
        let (key, sent, stored) = match &target {
            Target::Last(key, room) => {
                let lines = &lines[..lines.len().min(*room)];
                let patch = Patch::<()>::Json(json_patch::Patch(additions(lines)));
                (key, lines, self.store.client.patch(key, &patch).await)
            }
            Target::Next(key) => {
                let lines = &lines[..lines.len().min(LINES_MAX)];
                (key, lines, self.store.client.create(&journal(key, lines)).await)
            }
        };
        match stored {
            Ok(_) => {
                progress.succeed(namespace);
                for line in sent {
                    self.store.pending.remove(namespace, line);
                }
            }
            Err(error) => {
                let course = progress.of(namespace);
                let refused = match &target {
                    // Lines are dropped only at a second refusal: the CRD may just have been replaced.
                    Target::Next(_) if course.failures > 0 => refused(&error.reason),
                    _ => Vec::new(),
                };
                if refused.is_empty() {
                    return self.note_failure(namespace, &target, key, &error, course);
                }
                for line in refused.into_iter().filter_map(|place| sent.get(place)) {
                    tracing::warn!(namespace, %line, %error, "dropping a history event that violates the schema");
                    self.store.pending.remove(namespace, line);
                }
                progress.succeed(namespace);
            }
        }
    }

    fn note_failure(
        &self,
        namespace: &str,
        target: &Target,
        key: &ObjectKey,
        error: &Error,
        course: &mut NamespaceProgress,
    ) {
        let is_new = matches!(target, Target::Next(_));
        match &error.reason {
            Reason::NamespaceTerminating(_) => self.store.pending.forget(namespace),
            Reason::NotFound(status) if is_new => {
                let of = status.details.as_ref().map(|details| details.kind.as_str());
                if of == Some("namespaces") {
                    self.store.pending.forget(namespace);
                } else {
                    self.store.look_for_crd();
                    course.fail();
                }
            }
            Reason::Rejected(_) | Reason::NotFound(_) if !is_new => course.note_lost_race(key),
            Reason::AlreadyExists(_) => course.note_lost_race(key),
            Reason::NotAllowed(_) | Reason::Rejected(_) => {
                if course.failures == 0 {
                    tracing::warn!(namespace, %error, "cannot store history events, will retry");
                }
                course.fail();
            }
            // If an answer was lost, the watch reports the stored lines, or they are stored twice and read once.
            _ => {
                tracing::debug!(%error, "cannot store history events yet");
                course.fail();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bookshelf_crd::loan_journal::LoanJournalEvent;

    use super::super::testing::{connector, loan_object, repository};
    use super::*;
    use crate::cache::SourceEvent;

    #[tokio::test(start_paused = true)]
    async fn a_loan_that_ends_before_the_journals_are_listed_is_recorded() {
        let repository = repository();
        let store = repository.history.as_ref().unwrap();
        let recorder = Recorder {
            store: Arc::clone(store),
            loans: repository.loans.workload.reader().clone(),
            books: repository.books.workload.reader().clone(),
            live_loans: connector(Vec::new()).resource(),
        };
        tokio::spawn(recorder.run());
        let listed = || "1".parse().unwrap();
        repository.feed_loans([SourceEvent::ListStarted, SourceEvent::ListDone(listed())]);
        repository.feed_books([SourceEvent::ListStarted, SourceEvent::ListDone(listed())]);
        for version in 2..10_000 {
            // More changes than a cache remembers.
            let loan = loan_object(
                &format!("{:08x}-a2bc-42f1-9a54-09d2b9b1ffee", version / 2),
                version,
            );
            repository.feed_loans([if version % 2 == 0 {
                SourceEvent::Applied(loan)
            } else {
                SourceEvent::Deleted(loan)
            }]);
            if version % 500 == 0 {
                sleep(LOOK_EVERY * 2).await;
            }
        }
        sleep(LOOK_EVERY * 2).await;
        assert_eq!(store.state(), State::Loading);
        let ends = store
            .pending
            .lines("ns", |waiting| waiting.line.event == LoanJournalEvent::Ended);
        assert_eq!(ends.len(), 4_999);
    }
}
