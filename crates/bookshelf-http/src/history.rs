//! The history of books and loans: pages of events, and JSON lines.

mod lines;
mod query;

use bookshelf_store::repository::{HistoryFilter, LoanJournalEvent, Order, Place, Record};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::document::Document;
use crate::extract::Request;
use crate::list::answer_once;
use crate::openapi::fields;
use crate::page::invalid_continue;
use crate::problem::Problem;
use crate::route::Reply;
pub use lines::JsonLines;
use lines::{Lines, are_preferred};
pub use query::{Erasure, HistoryQuery, OwnHistory, Part, TenantQuery};

/// An event of a book or of a loan.
#[derive(Serialize, ToSchema)]
#[schema(as = HistoryEvent, example = json!(an_event()))]
pub struct EventView<'a> {
    #[schema(schema_with = fields::event_time)]
    at: String,
    /// The event. Loans: `borrowed`, then `returned` by the tenant, `taken_back` by a librarian, `ended` if the loan
    /// was deleted by other means, or `book_gone` if the book was deleted. Books: `created`, `updated`, `deleted`.
    #[schema(value_type = String, pattern = "^(borrowed|returned|taken_back|ended|book_gone|created|updated|deleted)$")]
    event: &'static str,
    #[schema(schema_with = fields::id)]
    book_id: &'a str,
    #[schema(schema_with = fields::namespace_id)]
    namespace_id: &'a str,
    /// For a loan: the tenant, unless the name is blanked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    borrowed_by: Option<&'a str>,
    /// For a loan: the time of its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    borrowed_at: Option<String>,
    /// In token mode: the user, if the change was made through this service.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    by: Option<&'a str>,
    /// True for a forced change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    forced: Option<bool>,
}

/// An example of an event.
fn an_event() -> Value {
    json!({
        "at": "2026-11-23T09:00:00Z",
        "event": "returned",
        "book_id": "modenov-analytic-geometry",
        "namespace_id": "science-library",
        "borrowed_by": "bob",
        "borrowed_at": "2026-11-22T11:11:09Z",
    })
}

/// Events, or a page of them.
#[derive(ToSchema)]
#[schema(example = json!({"list": [an_event()]}))]
#[expect(dead_code, reason = "lists are put together from the JSON of their members")]
pub struct History<'a> {
    list: Vec<EventView<'a>>,
    /// The value of `?continue=` for the next page, if there is one.
    #[schema(nullable = false, required = false)]
    r#continue: Option<String>,
}

/// An example of JSON lines.
#[must_use]
pub fn json_lines() -> String {
    format!("{}\n", an_event())
}

/// Answers with the records that match `filter`, sorted newest first: a page of the list, or all of them as JSON lines.
pub fn answer(
    request: &Request,
    Part(page): &Part,
    filter: &HistoryFilter<'_>,
    mut records: Vec<Record>,
) -> Result<Reply, Problem> {
    let namespace = request.namespace()?;
    if are_preferred(request) {
        return Ok(Lines::new(namespace.as_str(), records).answer().into());
    }
    // A `continue` is valid only for the filter that it was made for.
    let page = page.clone().of_search(&format!("{filter:?}"));
    let after = page.after(Some(namespace))?;
    if !after.id.is_empty() {
        let after = parse(after.id).ok_or_else(invalid_continue)?;
        // The records are in descending order.
        let first = records.partition_point(|record| record.order() >= after);
        records.drain(..first);
    }
    // One record beyond the limit shows that there is another page.
    records.truncate(page.limit.map_or(usize::MAX, |limit| limit + 1));
    let members: Vec<(Document, String)> = records
        .iter()
        .map(|record| {
            (
                Document::new(&view(namespace.as_str(), record), ""),
                place(record),
            )
        })
        .collect();
    let members = members.iter().map(|(document, id)| {
        let namespace = namespace.as_str();
        (document, Place { namespace, id })
    });
    Ok(answer_once(request, &page, members).into())
}

fn view<'a>(namespace_id: &'a str, record: &'a Record) -> EventView<'a> {
    EventView {
        at: time(record.at()),
        event: record.event().as_str(),
        book_id: record.book_id(),
        namespace_id,
        borrowed_by: record.tenant(),
        borrowed_at: record.borrowed_at().map(time),
        by: record.by(),
        forced: record.is_forced().then_some(true),
    }
}

fn time(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap_or_default().to_string()
}

/// Returns the place of an event in its history, as text.
fn place(record: &Record) -> String {
    let (at, event, mark) = record.order();
    format!("{at:x}.{}.{mark:x}", event.as_str())
}

fn parse(place: &str) -> Option<Order> {
    let mut parts = place.split('.');
    let at = u64::from_str_radix(parts.next()?, 16).ok()?.cast_signed();
    let event = LoanJournalEvent::parse(parts.next()?)?;
    let mark = u64::from_str_radix(parts.next()?, 16).ok()?;
    parts.next().is_none().then_some((at, event, mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written_and_nothing_else_is_one() {
        let order = (0x6922_0000, LoanJournalEvent::TakenBack, 0x3b24_1101_a2bc_42f1);
        assert_eq!(parse("69220000.taken_back.3b241101a2bc42f1"), Some(order));
        let before_1970 = (-1, LoanJournalEvent::Borrowed, 2);
        assert_eq!(parse("ffffffffffffffff.borrowed.2"), Some(before_1970));
        for bad in [
            "",
            "a",
            "1.lost.2",
            "1.borrowed",
            "1.borrowed.2.3",
            "-1.borrowed.2",
            "1.borrowed.x",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
