//! Deletion of old journals, and blanking of old names.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bookshelf_crd::loan_journal::{Line, LoanJournalEvent};
use kube::api::Preconditions;
use tokio::time::sleep;

use super::lines::now;
use super::record::{Record, Records};
use super::store::{State, Store, number_of};
use crate::cache::Entry;
use crate::object::ObjectKey;

/// The time between two requests.
const PAUSE: Duration = Duration::from_secs(1);

/// The limits of the history that is kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// The age beyond which events are deleted, by whole journals.
    pub age: Duration,
    /// The number of events in a namespace beyond which the oldest are deleted, by whole journals.
    pub entries: usize,
    /// The age beyond which names are blanked.
    pub names: Duration,
    /// The average time between two looks at the journals. Each interval is up to half shorter or longer at random, so
    /// that processes do not look at the same time.
    pub period: Duration,
}

/// The work to do in a namespace.
#[derive(Debug, Default)]
struct Plan {
    /// The journals to delete, unless they change first.
    delete: Vec<(ObjectKey, Preconditions)>,
    blank: Vec<ObjectKey>,
}

impl Retention {
    /// Applies the retention for as long as the process runs.
    pub(super) async fn run(self, store: Arc<Store>) -> Infallible {
        loop {
            sleep(self.period.mul_f64(rand::random_range(0.5..1.5))).await;
            if store.state() == State::Ready {
                self.apply(&store).await;
            }
        }
    }

    async fn apply(self, store: &Store) {
        let journals = store.journals.snapshot();
        for (namespace, _) in journals.namespaces() {
            // The requests for the previous namespaces took a while.
            let journals = store.journals.snapshot();
            let of_namespace: Vec<_> = journals.namespaced(namespace).map(|journal| &**journal).collect();
            let plan = self.plan(of_namespace, now());
            for (key, preconditions) in plan.delete {
                sleep(PAUSE).await;
                if let Err(error) = store.client.delete(&key, preconditions).await {
                    tracing::debug!(%error, "cannot delete an old journal yet");
                }
            }
            let before = now() - seconds(self.names);
            let blank = |line: &mut Line| {
                if line.at < before {
                    line.tenant = None;
                    line.by = None;
                }
            };
            for key in plan.blank {
                sleep(PAUSE).await;
                if let Err(error) = store.edit(&key, blank).await {
                    tracing::debug!(%error, "cannot blank old names yet");
                }
            }
        }
    }

    fn plan(self, mut journals: Vec<&Entry<Records>>, now: i64) -> Plan {
        // By number. Journals with other names come first.
        journals.sort_by_key(|journal| (number_of(&journal.key), journal.key.name().to_owned()));
        let mut entries: usize = journals.iter().map(|journal| journal.value.lines).sum();
        // The last journal is appended to.
        let last = journals.last().map(|journal| journal.key.clone());
        let has_end_of_later = with_ends_of_later(&journals);
        let (too_old, too_old_for_names) = (now - seconds(self.age), now - seconds(self.names));
        let mut plan = Plan::default();
        for journal in journals {
            let Records {
                readable: records,
                lines,
                ..
            } = &journal.value;
            let latest = records.iter().map(Record::at).max();
            let is_old = latest.is_some_and(|latest| latest < too_old);
            let is_beyond = entries.saturating_sub(*lines) >= self.entries;
            let is_last = last.as_ref() == Some(&journal.key);
            if (is_old || is_beyond) && !is_last && !has_end_of_later.contains(&journal.key) {
                entries -= lines;
                let preconditions = Preconditions {
                    uid: Some(journal.uid.to_string()),
                    resource_version: Some(journal.resource_version.to_string()),
                };
                plan.delete.push((journal.key.clone(), preconditions));
            } else if records.iter().any(|record| {
                record.at() < too_old_for_names && (record.tenant().is_some() || record.by().is_some())
            }) {
                plan.blank.push(journal.key.clone());
            }
        }
        plan
    }
}

/// Returns the journals with the end of a loan whose beginning, but not its end, is in a later journal. Without that
/// end, the comparison of loans with journals would record the loan as ending now.
fn with_ends_of_later(journals: &[&Entry<Records>]) -> HashSet<ObjectKey> {
    let mut begun = HashSet::new();
    let mut ended = HashSet::new();
    let mut with_ends = HashSet::new();
    for journal in journals.iter().rev() {
        let records = &journal.value.readable;
        let ends = || records.iter().filter(|record| record.event().is_end());
        // An end that a later journal has as well is not lost with this one.
        if ends().any(|end| begun.contains(&end.mark()) && !ended.contains(&end.mark())) {
            with_ends.insert(journal.key.clone());
        }
        ended.extend(ends().map(Record::mark));
        let beginnings = records
            .iter()
            .filter(|record| record.event() == LoanJournalEvent::Borrowed);
        begun.extend(beginnings.map(Record::mark));
    }
    with_ends
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use bookshelf_crd::{LoanJournal, LoanJournalSpec};
    use k8s_openapi::jiff::Timestamp;

    use super::super::record::Names;
    use super::*;
    use crate::cache::{Builder, SourceEvent};

    const DAY: i64 = 24 * 3600;
    const NOW: i64 = 1_000 * DAY;

    /// Returns the plan for journals, given by name, age in days and number of lines.
    fn plan(retention: Retention, journals: &[(&str, i64, usize)]) -> (Vec<String>, Vec<String>) {
        let journals = journals.iter().map(|(name, age, lines)| {
            let at = Timestamp::from_second(NOW - age * DAY).unwrap();
            let line = format!("{at} borrowed a 0000000000000001 bob");
            (*name, vec![line; *lines])
        });
        plan_of(retention, journals.collect())
    }

    fn plan_of(retention: Retention, journals: Vec<(&str, Vec<String>)>) -> (Vec<String>, Vec<String>) {
        let names = Names::default();
        let builder =
            Builder::new(move |journal: LoanJournal| Ok::<_, Infallible>(Records::of(&journal, &names)));
        let (reader, writer) = builder.build();
        let objects = journals.into_iter().map(|(name, lines)| {
            let spec = LoanJournalSpec {
                lines,
                ..LoanJournalSpec::default()
            };
            let mut journal = LoanJournal::new(name, spec);
            journal.metadata.namespace = Some("ns".to_owned());
            journal.metadata.uid = Some(name.to_owned());
            journal.metadata.resource_version = Some("1".to_owned());
            SourceEvent::Listed(journal)
        });
        let events = [SourceEvent::ListStarted].into_iter().chain(objects);
        writer.apply(events.chain([SourceEvent::ListDone("2".parse().unwrap())]));
        let snapshot = reader.snapshot();
        let plan = retention.plan(snapshot.iter().map(|journal| &**journal).collect(), NOW);
        let delete = plan.delete.into_iter().map(|(key, preconditions)| {
            // The preconditions are those of the journal in the snapshot.
            assert_eq!(preconditions.uid.as_deref(), Some(key.name()));
            assert_eq!(preconditions.resource_version.as_deref(), Some("1"));
            key
        });
        let names = |keys: Vec<ObjectKey>| keys.iter().map(|key| key.name().to_owned()).collect();
        (names(delete.collect()), names(plan.blank))
    }

    fn of(days: u64, entries: usize, names: u64) -> Retention {
        let day = Duration::from_hours(24);
        Retention {
            age: day * u32::try_from(days).unwrap(),
            entries,
            names: day * u32::try_from(names).unwrap(),
            period: day,
        }
    }

    #[test]
    fn whole_journals_go_by_age_and_by_number_and_the_last_one_stays() {
        let journals = [
            ("000001", 90, 100),
            ("000002", 60, 100),
            ("000003", 30, 100),
            ("000004", 20, 50),
        ];
        for (retention, deleted, blanked) in [
            (of(100, 1_000, 100), vec![], vec![]),
            (of(50, 1_000, 100), vec!["000001", "000002"], vec![]),
            (
                of(10, 1_000, 5),
                vec!["000001", "000002", "000003"],
                vec!["000004"],
            ),
            (of(100, 250, 100), vec!["000001"], vec![]),
            (of(100, 251, 100), vec![], vec![]),
            (of(100, 1, 100), vec!["000001", "000002", "000003"], vec![]),
            (of(100, 1_000, 40), vec![], vec!["000001", "000002"]),
        ] {
            assert_eq!(
                plan(retention, &journals),
                (names(&deleted), names(&blanked)),
                "{retention:?}"
            );
        }
        // A seventh digit comes after six.
        let many = [("1000000", 1, 100), ("999999", 1, 100)];
        assert_eq!(plan(of(100, 100, 100), &many).0, ["999999"]);
        // A journal whose name is no number is never the last.
        let others = [("000001", 1, 100), ("a-journal-of-others", 1, 100)];
        assert_eq!(plan(of(100, 100, 100), &others).0, ["a-journal-of-others"]);
    }

    #[test]
    fn an_end_stays_for_as_long_as_its_beginning_in_a_later_journal() {
        let begun = || "1970-01-02T00:00:00Z borrowed a 0000000000000001 -".to_owned();
        let ended = || "1970-01-02T00:00:00Z ended a 0000000000000001 1970-01-02T00:00:00Z -".to_owned();
        for (journals, deleted) in [
            ([vec![ended()], vec![begun()], vec![]], vec!["000002"]),
            ([vec![begun()], vec![ended()], vec![]], vec!["000001", "000002"]),
            (
                [vec![begun(), ended()], vec![begun()], vec![ended()]],
                vec!["000001", "000002"],
            ),
            ([vec![begun(), ended()], vec![], vec![begun()]], vec![]),
        ] {
            let journals: Vec<_> = ["000001", "000002", "000003"].into_iter().zip(journals).collect();
            let plan = plan_of(of(1, 1_000, 1), journals.clone());
            assert_eq!(plan.0, names(&deleted), "{journals:?}");
        }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }
}
