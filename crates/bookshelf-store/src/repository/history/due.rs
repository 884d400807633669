//! The differences between loans and journals, as pure functions.

use std::collections::{HashMap, HashSet};

use bookshelf_crd::loan_journal::{Identity, Line, LoanJournalEvent};

use super::super::model::Loan;
use super::lines::{beginning_of, end_of_recorded, mark_of};
use super::record::{Record, Worth};

/// The lines that the journals of a namespace lack.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct MissingLines {
    /// The beginnings of existing loans.
    pub(super) beginnings: Vec<Line>,
    /// The ends of loans that no longer exist, but whose beginning is in a journal. Their time is the latest possible:
    /// now.
    pub(super) ends: Vec<Line>,
}

/// Compares the loans of a namespace with its journals.
pub(super) fn missing_lines<'a>(
    loans: impl Iterator<Item = &'a Loan>,
    records: impl Iterator<Item = &'a Record>,
    now: i64,
) -> MissingLines {
    let mut live: HashMap<u64, &Loan> = loans.map(|loan| (mark_of(&loan.version.uid), loan)).collect();
    let alive: HashSet<u64> = live.keys().copied().collect();
    let mut begun: HashMap<u64, &Record> = HashMap::new();
    let mut ended: HashSet<u64> = HashSet::new();
    for record in records {
        let mark = record.mark();
        if record.event() == LoanJournalEvent::Borrowed {
            live.remove(&mark);
            if !alive.contains(&mark) {
                begun.insert(mark, record);
            }
        } else if record.event().is_end() {
            ended.insert(mark);
        }
    }
    let ends = begun.iter().filter(|(mark, _)| !ended.contains(mark));
    MissingLines {
        beginnings: live.values().map(|loan| beginning_of(loan, None)).collect(),
        ends: ends.map(|(_, record)| end_of_recorded(record, now)).collect(),
    }
}

/// Returns the wanted events that journals have, each with its highest worth.
pub(super) fn recorded<'a>(
    wanted: impl Iterator<Item = Identity>,
    records: impl Iterator<Item = &'a Record>,
) -> HashMap<Identity, Worth> {
    let wanted: HashSet<Identity> = wanted.collect();
    let mut recorded = HashMap::new();
    for record in records {
        let identity = record.identity();
        if wanted.contains(&identity) {
            let worth = record.worth();
            let most = recorded.entry(identity).or_insert(worth);
            *most = worth.max(*most);
        }
    }
    recorded
}

/// Returns true if a line adds something to the recorded lines of its event.
pub(super) fn is_due(line: &Line, recorded: &HashMap<Identity, Worth>) -> bool {
    recorded
        .get(&line.identity())
        .is_none_or(|recorded| *recorded < Worth::of(line))
}

/// Returns true if the event of a line is recorded with a precise word, not only as `ended`.
pub(super) fn is_precise(line: &Line, recorded: &HashMap<Identity, Worth>) -> bool {
    recorded
        .get(&line.identity())
        .is_some_and(|worth| worth.is_precise())
}

/// Returns the lines that add something to these records.
pub(super) fn unstored<'a>(lines: Vec<Line>, records: impl Iterator<Item = &'a Record>) -> Vec<Line> {
    if lines.is_empty() {
        return lines;
    }
    let recorded = recorded(lines.iter().map(Line::identity), records);
    lines.into_iter().filter(|line| is_due(line, &recorded)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::record::Names;
    use super::*;

    fn loan(number: u64) -> Loan {
        let uid = format!("{number:08x}-0000-4000-8000-000000000000");
        super::super::testing::loan(&format!("book-{number}"), &uid)
    }

    fn beginning(number: u64) -> Line {
        beginning_of(&loan(number), None)
    }

    fn end(number: u64, event: LoanJournalEvent) -> Line {
        super::super::lines::end_of(&loan(number), event, 2_000, None)
    }

    fn records(lines: &[Line]) -> Vec<Record> {
        let names = Names::default();
        lines
            .iter()
            .map(|line| Record::new(line.clone(), &names))
            .collect()
    }

    fn missing_of(live: &BTreeSet<u64>, journal: &[Record]) -> MissingLines {
        let loans: Vec<Loan> = live.iter().map(|number| loan(*number)).collect();
        missing_lines(loans.iter(), journal.iter(), 3_000)
    }

    proptest! {
        /// Whichever part of the past is recorded, in any order and any number of times, exactly the rest that can be
        /// known is lacking, and nothing once that is added.
        #[test]
        fn missing_lines_complete_the_journal(
            live in prop::collection::btree_set(0_u64..12, 0..8),
            lines in prop::collection::vec((0_u64..12, any::<bool>()), 0..30),
        ) {
            let lines: Vec<Line> = lines
                .into_iter()
                // An existing loan has no end.
                .filter(|(number, is_end)| !is_end || !live.contains(number))
                .map(|(number, is_end)| if is_end { end(number, LoanJournalEvent::Ended) } else { beginning(number) })
                .collect();
            let journal = records(&lines);
            let found = missing_of(&live, &journal);

            let has = |line: &Line| lines.iter().any(|other| other.identity() == line.identity());
            for number in 0..12 {
                let (beginning, end) = (beginning(number), end(number, LoanJournalEvent::Ended));
                let lacks_beginning = live.contains(&number) && !has(&beginning);
                let lacks_end = !live.contains(&number) && has(&beginning) && !has(&end);
                let finds = |lines: &[Line], line: &Line| {
                    lines.iter().filter(|found| found.identity() == line.identity()).count()
                };
                prop_assert_eq!(finds(&found.beginnings, &beginning), usize::from(lacks_beginning));
                prop_assert_eq!(finds(&found.ends, &end), usize::from(lacks_end));
            }
            let completed: Vec<Line> = [lines, found.beginnings, found.ends].concat();
            prop_assert_eq!(missing_of(&live, &records(&completed)), MissingLines::default());
        }
    }

    #[test]
    fn an_end_that_is_found_late_has_what_its_beginning_says() {
        let found = missing_of(&BTreeSet::new(), &records(&[beginning(1)]));
        let [end] = &found.ends[..] else {
            panic!("{found:?}");
        };
        assert_eq!(
            (end.event, end.at, end.since),
            (LoanJournalEvent::Ended, 3_000, Some(1_000))
        );
        assert_eq!((&*end.book_id, end.tenant.as_deref()), ("book-1", Some("bob")));
    }

    #[test]
    fn a_line_is_due_if_it_is_new_or_has_a_better_word() {
        let (ended, returned) = (
            end(1, LoanJournalEvent::Ended),
            end(1, LoanJournalEvent::Returned),
        );
        let by_ann = Line {
            by: Some("ann".to_owned()),
            ..beginning(1)
        };
        let blank = Line {
            tenant: None,
            ..beginning(1)
        };
        for (line, journal, expected) in [
            (&ended, vec![], true),
            (&ended, vec![ended.clone()], false),
            (&ended, vec![returned.clone()], false),
            (&returned, vec![ended.clone()], true),
            (&returned, vec![ended.clone(), returned.clone()], false),
            // Another process has recorded this act from its watch.
            (&by_ann, vec![beginning(1)], true),
            (&beginning(1), vec![by_ann.clone()], false),
            // A name that was erased does not come back.
            (&beginning(1), vec![blank], false),
            (
                &returned,
                vec![beginning(1), end(2, LoanJournalEvent::Returned)],
                true,
            ),
        ] {
            let journal = records(&journal);
            let recorded = recorded([line.identity()].into_iter(), journal.iter());
            assert_eq!(is_due(line, &recorded), expected, "{line} {journal:?}");
        }
    }

    #[test]
    fn a_precise_word_of_the_same_end_is_found() {
        let taken_back = records(&[beginning(1), end(1, LoanJournalEvent::TakenBack)]);
        let ended = records(&[
            beginning(1),
            end(1, LoanJournalEvent::Ended),
            end(2, LoanJournalEvent::Returned),
        ]);
        let requested = end(1, LoanJournalEvent::Returned);
        for (journal, expected) in [(&taken_back, true), (&ended, false)] {
            let recorded = recorded([requested.identity()].into_iter(), journal.iter());
            assert_eq!(is_precise(&requested, &recorded), expected, "{journal:?}");
        }
    }
}
