//! The comparison of a history with the audit log.

use std::collections::{BTreeMap, BTreeSet};

use bookshelf_crd::loan_journal::{Line, LoanJournalEvent};
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::audit::{Client, Loan, Loans};

/// The maximum time until the process that made a change has stored it.
const STORED_WITHIN: SignedDuration = SignedDuration::from_secs(12);
/// The maximum time until a loan is stored, whoever made it, as documented.
const OTHERS_WITHIN: SignedDuration = SignedDuration::from_secs(10);
/// The maximum time for which a request may still be executed after its process is killed.
const IN_FLIGHT: SignedDuration = SignedDuration::from_secs(5);
const SECOND: SignedDuration = SignedDuration::from_secs(1);
/// The maximum time until all watches are back after the API server is.
const WATCHES_WITHIN: SignedDuration = SignedDuration::from_secs(15);

/// The disturbances, which the history may show.
#[derive(Debug, Default)]
pub(super) struct Disturbances {
    /// The times at which single processes were killed.
    pub(super) kills: Vec<Timestamp>,
    /// The periods without any process, from the kill of the first to the readiness of all.
    pub(super) without_processes: Vec<[Timestamp; 2]>,
    pub(super) without_api_server: Vec<[Timestamp; 2]>,
}

impl Disturbances {
    /// True if the history may lack a loan.
    fn may_lose(&self, loan: &Loan) -> bool {
        let Some((ended, by)) = loan.end else {
            return false;
        };
        let is_of_others = loan.made_by == Client::Kubectl && by == Client::Kubectl || by == Client::Unknown;
        let mut times = self.without_processes.iter();
        let is_killed = times.any(|[killed, ready]| {
            // The beginning of a loan is in whole seconds.
            let from = self.stored_until(*killed, OTHERS_WITHIN) - SECOND;
            loan.begun >= from && ended <= *ready
        });
        let mut times = self.without_api_server.iter();
        let is_unseen = times.any(|[from, to]| {
            let from = *from - SECOND;
            loan.begun >= from && ended <= *to + WATCHES_WITHIN
        });
        is_killed || (is_of_others && is_unseen)
    }

    /// True if the audit log may lack the success of a loan that began in this second, because the API server stopped
    /// before it logged the request, or the client before it got the response.
    fn may_be_unlogged(&self, begun: Timestamp) -> bool {
        let mut away = self.without_api_server.iter();
        let is_lost = away.any(|[from, to]| *from <= begun + SECOND && begun <= *to);
        is_lost
            || self
                .all_kills()
                .any(|killed| (killed - SECOND..=killed + IN_FLIGHT).contains(&begun))
    }

    /// Returns all times at which processes were killed.
    fn all_kills(&self) -> impl Iterator<Item = Timestamp> {
        let all = self.without_processes.iter().map(|[killed, _]| killed);
        self.kills.iter().chain(all).copied()
    }

    /// Returns the time up to which events are certainly stored by processes that are killed. `takes` is the time to
    /// store an event, which takes longer without an API server.
    fn stored_until(&self, killed: Timestamp, takes: SignedDuration) -> Timestamp {
        let until = killed - takes;
        let mut away = self.without_api_server.iter();
        let away = away.find(|[from, to]| *from <= killed && *to >= until);
        away.map_or(until, |[from, _]| until.min(*from - takes))
    }

    /// True if the process that ended a loan may have been killed before it stored the word.
    fn may_lose_word(&self, ended: Timestamp) -> bool {
        self.all_kills().any(|killed| {
            let stored_until = self.stored_until(killed, STORED_WITHIN);
            (stored_until..=killed + IN_FLIGHT).contains(&ended)
        })
    }
}

#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// The unexpected differences.
    pub(super) wrong: Vec<String>,
    /// The number of missing loans that the disturbances explain.
    pub(super) lost: usize,
    /// The number of ends without their precise word that the disturbances explain.
    pub(super) without_word: usize,
}

/// Compares the lines of journals with the audit log, and with the marks of the existing loans.
pub(super) fn compare(
    loans: &Loans,
    live: &BTreeSet<u64>,
    lines: &[Line],
    disturbances: &Disturbances,
) -> Comparison {
    let mut recorded: BTreeMap<u64, Vec<&Line>> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.event.is_loan_event()) {
        recorded.entry(line.mark).or_default().push(line);
    }
    let mut comparison = Comparison::default();
    for (mark, lines) in recorded.iter().filter(|(mark, _)| !loans.contains_key(mark)) {
        let begun = lines.iter().map(|line| line.since.unwrap_or(line.at)).min();
        let begun = begun.and_then(|begun| Timestamp::from_second(begun).ok());
        if !begun.is_some_and(|begun| disturbances.may_be_unlogged(begun)) {
            comparison
                .wrong
                .push(format!("nobody made the loan {mark:x} of {lines:?}"));
        }
    }
    for (mark, loan) in loans {
        let lines = recorded.get(mark).map_or(&[][..], Vec::as_slice);
        let mut loan = loan.clone();
        if loan.end.is_none() && !live.contains(mark) {
            // The end was executed, but not logged as a success, since the API server or the client stopped. It may
            // have happened at any time since the beginning.
            loan.end = Some((loan.begun, Client::Unknown));
        }
        comparison.add(&loan, lines, disturbances);
    }
    comparison
}

impl Comparison {
    fn add(&mut self, loan: &Loan, lines: &[&Line], disturbances: &Disturbances) {
        let has_beginning = lines.iter().any(|line| line.event == LoanJournalEvent::Borrowed);
        let mut ends: Vec<&&Line> = lines.iter().filter(|line| line.event.is_end()).collect();
        // The most precise word counts.
        ends.sort_by_key(|line| line.event == LoanJournalEvent::Ended);
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
            Client::User => LoanJournalEvent::Returned,
            Client::Admin if loan.book.starts_with("forced") => LoanJournalEvent::BookGone,
            Client::Admin => LoanJournalEvent::TakenBack,
            Client::Controller => LoanJournalEvent::BookGone,
            Client::Kubectl => LoanJournalEvent::Ended,
            Client::Unknown => end.event,
        };
        let is_early = end.at < ended.as_second() - 1;
        if is_early {
            self.wrong.push(format!("{end} is before the end of {loan:?}"));
        }
        if end.event == expected {
            return;
        }
        let is_of_api = matches!(by, Client::User | Client::Admin);
        if end.event == LoanJournalEvent::Ended && is_of_api && disturbances.may_lose_word(ended) {
            self.without_word += 1;
        } else {
            self.wrong
                .push(format!("{end} in place of {expected:?} of {loan:?}"));
        }
    }
}
