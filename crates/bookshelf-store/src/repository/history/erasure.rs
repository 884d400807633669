//! The erasure of a tenant's name.

use std::collections::HashSet;
use std::time::Duration;

use bookshelf_crd::LoanJournal;
use bookshelf_crd::loan_journal::{Line, LoanJournalEvent};
use tokio::time::{Instant, sleep, timeout_at};

use super::super::error::Error;
use super::super::model::{Borrower, Namespace};
use super::super::{CONFLICT_RETRIES, Repository};
use super::due::unstored;
use super::lines::mark_of;
use super::record::Record;
use super::store::{Store, records_in};
use crate::connector::{self, Reason};
use crate::object::ObjectKey;

/// The longest time until events are stored in journals, unless their processes are at the request limit.
const STORED_WITHIN: Duration = Duration::from_secs(12);
/// The time between two looks for such events.
const LOOK_EVERY: Duration = Duration::from_millis(200);

impl<V: Send + Sync + 'static> Repository<V> {
    /// Blanks a tenant's name in the history of a namespace: in the events of loans that have ended. Loans that begin
    /// during the call keep the name.
    pub async fn erase_from_history(
        &self,
        namespace: Namespace<'_>,
        tenant: Borrower<'_>,
    ) -> Result<(), Error> {
        let (namespace, tenant) = (namespace.as_str(), tenant.as_str());
        self.check_namespace(namespace)?;
        let store = self.history_store()?;
        let known = store.marks_of(namespace, tenant, |_| true);
        let begun = store.marks_of(namespace, tenant, |event| event == LoanJournalEvent::Borrowed);
        let deadline = Instant::now() + STORED_WITHIN;
        loop {
            let loans = self.loans.reader.snapshot();
            let live = loans.indexed_in(self.by_tenant, tenant, namespace);
            let live: HashSet<u64> = live.map(|loan| mark_of(&loan.uid)).collect();
            let is_past = |of: Option<&str>, mark: u64| {
                of == Some(tenant) && known.contains(&mark) && !live.contains(&mark)
            };
            let blank = |line: &mut Line| {
                if is_past(line.tenant.as_deref(), line.mark) {
                    line.tenant = None;
                    line.by.take_if(|by| by == tenant);
                }
            };
            // A loan that has just ended is no longer in the cache, and its end may not be in the queue yet. The next
            // round waits for an end that appears after this look.
            let ended = store.ended(namespace);
            let is_settled = begun.difference(&live).all(|mark| ended.contains(mark));
            // With the turn, every event that has left the queue is in a journal.
            let Ok(turn) = timeout_at(deadline, store.turn.lock()).await else {
                return Err(Error::NameNotStored);
            };
            let named = store.pending.lines(namespace, |waiting| {
                is_past(waiting.line.tenant.as_deref(), waiting.line.mark)
            });
            drop(turn);
            store.edit_all(namespace, is_past, blank).await?;
            if named.is_empty() && is_settled {
                return Ok(());
            }
            let journals = store.journals.snapshot();
            // Another process may still store the name: pending lines are blanked only once journals have them.
            if !named.is_empty() && unstored(named, records_in(&journals, namespace)).is_empty() {
                // Lines stored since the journals were edited are blanked in the next round.
                store.pending.edit(namespace, blank);
            } else if Instant::now() >= deadline {
                return Err(Error::NameNotStored);
            } else {
                sleep(LOOK_EVERY).await;
            }
        }
    }
}

impl Store {
    /// Returns the marks of the tenant's loans that have a known event of such a kind.
    fn marks_of(&self, namespace: &str, tenant: &str, of: impl Fn(LoanJournalEvent) -> bool) -> HashSet<u64> {
        self.marks(namespace, |event, name| name == Some(tenant) && of(event))
    }

    /// Returns the marks of the loans whose end is known.
    fn ended(&self, namespace: &str) -> HashSet<u64> {
        self.marks(namespace, |event, _| event.is_end())
    }

    /// Returns the marks of the events of a namespace, pending or stored, that pass by their word and their tenant.
    fn marks(
        &self,
        namespace: &str,
        passes: impl Fn(LoanJournalEvent, Option<&str>) -> bool,
    ) -> HashSet<u64> {
        let waiting = self.pending.lines(namespace, |waiting| {
            passes(waiting.line.event, waiting.line.tenant.as_deref())
        });
        let journals = self.journals.snapshot();
        let records = records_in(&journals, namespace);
        let stored = records.filter(|record| passes(record.event(), record.tenant()));
        let waiting = waiting.iter().map(|line| line.mark);
        waiting.chain(stored.map(Record::mark)).collect()
    }

    /// Edits the journals of a namespace until no line is concerned.
    async fn edit_all(
        &self,
        namespace: &str,
        is_concerned: impl Fn(Option<&str>, u64) -> bool,
        edit: impl Fn(&mut Line) + Copy,
    ) -> Result<(), Error> {
        // Lines that were being stored during the first round are edited in a further one.
        for _ in 0..=CONFLICT_RETRIES {
            let journals = self.journals.snapshot();
            let concerned = journals.namespaced(namespace).filter(|journal| {
                let mut records = journal.value.readable.iter();
                records.any(|record| is_concerned(record.tenant(), record.mark()))
            });
            let concerned: Vec<ObjectKey> = concerned.map(|journal| journal.key.clone()).collect();
            if concerned.is_empty() {
                return Ok(());
            }
            for key in &concerned {
                self.edit(key, edit).await?;
            }
        }
        Err(Error::UpdateConflict)
    }

    /// Edits the lines of a journal, except unreadable ones. Succeeds if the journal does not exist.
    pub(super) async fn edit(
        &self,
        key: &ObjectKey,
        edit: impl Fn(&mut Line),
    ) -> Result<(), connector::Error> {
        let mut attempts = 0..CONFLICT_RETRIES;
        loop {
            let mut journal = match self.client.get(key).await {
                Ok(journal) => journal,
                Err(error) if matches!(error.reason, Reason::NotFound(_)) => return Ok(()),
                Err(error) => return Err(error),
            };
            if !edit_lines(&mut journal, &edit) {
                return Ok(());
            }
            match self.client.update(&journal).await {
                // Another process has appended to it.
                Err(error) if matches!(error.reason, Reason::Conflict(_)) && attempts.next().is_some() => {}
                updated => return updated.map(drop),
            }
        }
    }
}

/// Edits the readable lines of a journal. Returns true if any line has changed.
fn edit_lines(journal: &mut LoanJournal, edit: impl Fn(&mut Line)) -> bool {
    let mut is_changed = false;
    for text in &mut journal.spec.lines {
        let Ok(mut line) = Line::parse(text) else {
            continue;
        };
        let before = line.clone();
        edit(&mut line);
        if line != before {
            *text = line.to_string();
            is_changed = true;
        }
    }
    is_changed
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use bookshelf_crd::LoanJournalSpec;

    use super::super::pending::Proof;
    use super::super::store::State;
    use super::super::testing;
    use super::*;

    /// Returns a repository whose history is loaded and empty.
    fn repository() -> Repository<()> {
        let repository = testing::repository();
        repository.history.as_ref().unwrap().set_state(State::Ready);
        repository
    }

    fn line(word: &str, mark: u64) -> Line {
        let since = if word == "borrowed" {
            ""
        } else {
            "2026-11-22T11:11:09Z "
        };
        Line::parse(&format!("2026-11-22T11:11:09Z {word} a {mark:016x} {since}bob")).unwrap()
    }

    async fn erase(repository: &Repository<()>) -> Result<(), Error> {
        let (namespace, tenant) = (Namespace::parse("ns").unwrap(), Borrower::parse("bob").unwrap());
        repository.erase_from_history(namespace, tenant).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_another_process_may_store_is_not_called_blanked() {
        let repository = repository();
        let pending = &repository.history.as_ref().unwrap().pending;
        pending.add_seen("ns", line("ended", 1), Instant::now(), Proof::Certain);
        for _ in 0..2 {
            assert!(matches!(erase(&repository).await, Err(Error::NameNotStored)));
        }
        pending.remove("ns", &line("ended", 1));
        assert!(erase(&repository).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_loan_that_begins_meanwhile_keeps_its_name() {
        let repository = repository();
        let pending = &repository.history.as_ref().unwrap().pending;
        pending.add_seen("ns", line("ended", 1), Instant::now(), Proof::Certain);
        let meanwhile = async {
            sleep(LOOK_EVERY / 2).await;
            pending.add_own("ns", line("borrowed", 2));
            pending.remove("ns", &line("ended", 1));
        };
        let (erased, ()) = tokio::join!(erase(&repository), meanwhile);
        assert!(erased.is_ok());
        assert_eq!(pending.certain("ns")[0].tenant.as_deref(), Some("bob"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_loan_that_has_ended_unseen_is_waited_for() {
        let repository = repository();
        let pending = &repository.history.as_ref().unwrap().pending;
        pending.add_seen("ns", line("borrowed", 1), Instant::now(), Proof::Certain);
        let meanwhile = async {
            sleep(LOOK_EVERY / 2).await;
            // Its beginning is stored, and the loan is in no cache.
            pending.remove("ns", &line("borrowed", 1));
        };
        let (erased, ()) = tokio::join!(erase(&repository), meanwhile);
        assert!(matches!(erased, Err(Error::NameNotStored)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_on_its_way_into_a_journal_is_waited_for() {
        let repository = repository();
        let store = repository.history.as_ref().unwrap();
        store
            .pending
            .add_seen("ns", line("ended", 1), Instant::now(), Proof::Certain);
        let turn = store.turn.lock().await;
        let is_stored = Cell::new(false);
        let erased = async {
            let erased = erase(&repository).await;
            assert!(is_stored.get());
            erased
        };
        let meanwhile = async {
            // Another process has stored it, too.
            store.pending.remove("ns", &line("ended", 1));
            sleep(4 * LOOK_EVERY).await;
            is_stored.set(true);
            drop(turn);
        };
        let (erased, ()) = tokio::join!(erased, meanwhile);
        assert!(erased.is_ok());
    }

    #[test]
    fn lines_that_are_not_changed_stay_as_they_are() {
        let lines = [
            "2026-11-22T11:11:09Z borrowed a 3b241101a2bc42f1 bob shelf=4",
            "2026-11-22T11:11:10Z borrowed b 3b241101a2bc42f2 ann shelf=4",
            "a line of a later version",
        ];
        let spec = LoanJournalSpec {
            lines: lines.map(str::to_owned).to_vec(),
            ..LoanJournalSpec::default()
        };
        let mut journal = LoanJournal::new("000001", spec);
        assert!(!edit_lines(&mut journal, |_| {}));
        assert_eq!(journal.spec.lines, lines);
        let blank = |line: &mut Line| {
            line.tenant.take_if(|tenant| tenant == "ann");
        };
        assert!(edit_lines(&mut journal, blank));
        assert_eq!(journal.spec.lines[0], lines[0]);
        assert_eq!(
            journal.spec.lines[1],
            "2026-11-22T11:11:10Z borrowed b 3b241101a2bc42f2 -"
        );
        assert_eq!(journal.spec.lines[2], lines[2]);
    }
}
