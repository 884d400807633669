//! The journal lines of events.

use bookshelf_crd::loan_journal::{Line, LoanJournalEvent};
use k8s_openapi::jiff::Timestamp;

use super::super::model::Loan;
use super::record::{Record, hash};
use crate::object::{ResourceVersion, Uid};

/// Returns the current time in seconds since 1970.
pub(super) fn now() -> i64 {
    Timestamp::now().as_second()
}

/// Returns the mark of an object: the first 16 hexadecimal digits of its uid.
pub(super) fn mark_of(uid: &Uid) -> u64 {
    let uid = uid.to_string();
    let digits: String = uid.chars().filter(|digit| *digit != '-').take(16).collect();
    u64::from_str_radix(&digits, 16).unwrap_or_else(|_| hash(&uid))
}

/// Returns the mark of a change of an object, which is the same in every process. A later change has a greater mark, so
/// that it sorts above an earlier one of the same second.
pub(super) fn mark_of_change(uid: &Uid, version: ResourceVersion) -> u64 {
    // From version 2^40 on the marks wrap around, which only loses their order.
    const OF_OBJECT: u32 = 24;
    let of_object = hash(&uid.to_string()) & ((1 << OF_OBJECT) - 1);
    let version = version.to_string();
    version.parse().map_or_else(
        |_| hash(&version),
        |version: u64| version << OF_OBJECT | of_object,
    )
}

pub(super) fn beginning_of(loan: &Loan, by: Option<String>) -> Line {
    Line {
        at: loan.borrowed_at.as_second(),
        event: LoanJournalEvent::Borrowed,
        book_id: loan.book_id.clone(),
        mark: mark_of(&loan.version.uid),
        since: None,
        tenant: Some(loan.borrowed_by.to_string()),
        by,
        is_forced: false,
    }
}

/// Returns the line of the end of a loan, which is not before its beginning, whatever the clock says.
pub(super) fn end_of(loan: &Loan, event: LoanJournalEvent, at: i64, by: Option<String>) -> Line {
    let beginning = beginning_of(loan, by);
    Line {
        at: at.max(beginning.at),
        event,
        since: Some(beginning.at),
        ..beginning
    }
}

/// Returns the line of the end of a loan of which only the beginning is recorded.
pub(super) fn end_of_recorded(beginning: &Record, at: i64) -> Line {
    Line {
        at: at.max(beginning.at()),
        event: LoanJournalEvent::Ended,
        book_id: beginning.book_id().to_owned(),
        mark: beginning.mark(),
        since: Some(beginning.at()),
        tenant: beginning.tenant().map(str::to_owned),
        by: None,
        is_forced: false,
    }
}

pub(super) fn of_book(book_id: &str, event: LoanJournalEvent, mark: u64, at: i64) -> Line {
    Line {
        at,
        event,
        book_id: book_id.to_owned(),
        mark,
        since: None,
        tenant: None,
        by: None,
        is_forced: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_of_an_object_is_the_beginning_of_its_uid() {
        let uid = Uid::from("3b241101-a2bc-42f1-9a54-09d2b9b1ffee");
        assert_eq!(mark_of(&uid), 0x3b24_1101_a2bc_42f1);
        assert_ne!(mark_of(&Uid::from("no uuid")), mark_of(&Uid::from("another")));
    }

    #[test]
    fn a_later_change_of_an_object_has_a_greater_mark() {
        let uid = Uid::from("3b241101-a2bc-42f1-9a54-09d2b9b1ffee");
        let [one, two] = ["9", "10"].map(|version| mark_of_change(&uid, version.parse().unwrap()));
        assert!(one < two);
        let of_another = mark_of_change(&Uid::from("another"), "9".parse().unwrap());
        assert_ne!(one, of_another);
        assert_eq!(one, mark_of_change(&uid, "9".parse().unwrap()));
    }
}
