//! The comparison of a history with the audit log.

use std::collections::BTreeMap;

use bookshelf_crd::loan_journal::{Happened, Line};
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::audit::{Client, Loan, Loans};

/// The longest time until the process that did something has stored it.
const STORED_WITHIN: SignedDuration = SignedDuration::from_secs(12);

/// The disturbances, which the record may show.
#[derive(Debug, Default)]
pub(super) struct Disturbances {
    /// The kills of single processes.
    pub(super) kills: Vec<Timestamp>,
    /// The times without any process: from the kill of all to the first that is ready.
    pub(super) without_processes: Vec<[Timestamp; 2]>,
    /// The times when all watches were interrupted.
    pub(super) without_watches: Vec<[Timestamp; 2]>,
}

impl Disturbances {
    /// Returns true if a loan may be missing.
    fn may_lose(&self, loan: &Loan) -> bool {
        let Some((ended, by)) = loan.end else {
            return false;
        };
        let is_of_kubectl = loan.made_by == Client::Kubectl && by == Client::Kubectl;
        let is_within = |[from, to]: &[Timestamp; 2]| loan.begun >= *from && ended <= *to;
        let before = |[killed, ready]: &[Timestamp; 2]| [*killed - SignedDuration::from_secs(11), *ready];
        self.without_processes
            .iter()
            .map(before)
            .any(|time| is_within(&time))
            || (is_of_kubectl && self.without_watches.iter().any(is_within))
    }

    /// Returns true if the process that ended a loan may have been killed before it stored that.
    fn may_lose_word(&self, ended: Timestamp) -> bool {
        let all = self.without_processes.iter().map(|[killed, _]| killed);
        let mut kills = self.kills.iter().chain(all);
        kills.any(|killed| (*killed - STORED_WITHIN..=*killed).contains(&ended))
    }
}

/// The result of a comparison.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// The differences that must not be.
    pub(super) wrong: Vec<String>,
    /// The loans that are missing and may be.
    pub(super) lost: usize,
    /// The ends that are there without their precise word, and may be.
    pub(super) without_word: usize,
}

/// Compares the lines of journals with the audit log.
pub(super) fn compare(loans: &Loans, lines: &[Line], disturbances: &Disturbances) -> Comparison {
    let mut recorded: BTreeMap<u64, Vec<&Line>> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.happened.is_of_loan()) {
        recorded.entry(line.mark).or_default().push(line);
    }
    let mut comparison = Comparison::default();
    for (mark, lines) in &recorded {
        if !loans.contains_key(mark) {
            comparison
                .wrong
                .push(format!("nobody made the loan of {lines:?}"));
        }
    }
    for (mark, loan) in loans {
        let lines = recorded.get(mark).map_or(&[][..], Vec::as_slice);
        comparison.add(loan, lines, disturbances);
    }
    comparison
}

impl Comparison {
    fn add(&mut self, loan: &Loan, lines: &[&Line], disturbances: &Disturbances) {
        let has_beginning = lines.iter().any(|line| line.happened == Happened::Borrowed);
        let mut ends: Vec<&&Line> = lines.iter().filter(|line| line.happened.is_end()).collect();
        // The precise word counts.
        ends.sort_by_key(|line| line.happened == Happened::Ended);
        if (!has_beginning || (loan.end.is_some() && ends.is_empty())) && disturbances.may_lose(loan) {
            self.lost += 1;
            return;
        }
        if !has_beginning {
            self.wrong.push(format!("no beginning of {loan:?} in {lines:?}"));
        }
        for line in lines {
            let is_right = line.book_id == loan.book
                && line.tenant.as_deref() == Some(&loan.tenant)
                && line.since.unwrap_or(line.at) == loan.begun.as_second();
            if !is_right {
                self.wrong.push(format!("{line} is not of {loan:?}"));
            }
        }
        match (loan.end, ends.first()) {
            (None, None) => {}
            (Some((ended, by)), Some(end)) => self.add_end(loan, (ended, by), end, disturbances),
            (_, end) => self.wrong.push(format!("the end {end:?} of {loan:?}")),
        }
    }

    fn add_end(
        &mut self,
        loan: &Loan,
        (ended, by): (Timestamp, Client),
        end: &Line,
        disturbances: &Disturbances,
    ) {
        let expected = match by {
            Client::User => Happened::Returned,
            Client::Admin if loan.book.starts_with("forced") => Happened::BookGone,
            Client::Admin => Happened::TakenBack,
            Client::Controller => Happened::BookGone,
            Client::Kubectl => Happened::Ended,
        };
        let is_early = end.at < ended.as_second() - 1;
        if is_early {
            self.wrong.push(format!("{end} is before the end of {loan:?}"));
        }
        if end.happened == expected {
            return;
        }
        let is_of_api = matches!(by, Client::User | Client::Admin);
        if end.happened == Happened::Ended && is_of_api && disturbances.may_lose_word(ended) {
            self.without_word += 1;
        } else {
            self.wrong
                .push(format!("{end} in place of {expected:?} of {loan:?}"));
        }
    }
}
