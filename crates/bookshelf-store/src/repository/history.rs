//! The history of books and loans, which the recorder ([`recorder`]) stores in loan journals, and the Kubernetes Events
//! of books, which `kubectl describe book` shows.
//!
//! Events of the same reason, action and loan become one Event with a count and the note of the first. A note must not
//! contain anything that may differ between them.

mod due;
mod erasure;
mod follower;
mod lines;
mod pending;
mod progress;
mod read;
mod record;
mod recorder;
mod requests;
mod retention;
mod store;
#[cfg(test)]
mod testing;
mod write;

use bookshelf_crd::{self as crd, text};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource;

use super::Repository;
use super::model::{BookKey, Loan};
use crate::connector::{Event, EventType};
use crate::object::Uid;

pub use read::HistoryFilter;
pub use record::{Order, Record};
pub use retention::Retention;
pub(super) use store::Store;
pub use write::acting;

/// A change of a book, or a refusal.
pub(super) enum Happening<'a> {
    Created,
    Updated,
    Recategorised,
    Borrowed(&'a Loan),
    Returned(&'a Loan),
    TakenBack(&'a Loan),
    ForciblyUpdated,
    ForciblyDeleted,
    Refused,
}

impl<V> Repository<V> {
    /// Records an Event of the book with this uid. Never waits or fails.
    pub(super) fn emit_event(&self, key: BookKey<'_>, book: &Uid, happening: &Happening<'_>) {
        if let Some(events) = &self.events {
            events.record(happening.event(key), reference::<crd::Book>(key, book));
        }
    }

    /// Records an Event of the book of a loan.
    pub(super) fn record_loan_event(&self, key: BookKey<'_>, loan: &Loan, happening: &Happening<'_>) {
        // A loan that was created by hand need not name its book.
        let book = loan.book_uid.clone().or_else(|| {
            let books = self.books.reader.load();
            books.get(key.namespace, key.id).map(|book| book.uid.clone())
        });
        if let Some(book) = book {
            self.emit_event(key, &book, happening);
        }
    }
}

impl Happening<'_> {
    fn event(&self, key: BookKey<'_>) -> Event {
        let (reason, action, note) = match self {
            Self::Created => ("Created", "Create", "Added to the library".to_owned()),
            Self::Updated => ("Updated", "Update", "Changed by a librarian".to_owned()),
            Self::Recategorised => (
                "Updated",
                "Categorise",
                "Category changed by a librarian".to_owned(),
            ),
            Self::Borrowed(loan) => ("Borrowed", "Borrow", format!("Borrowed by {}", loan.borrowed_by)),
            Self::Returned(loan) => ("Returned", "Return", format!("Returned by {}", loan.borrowed_by)),
            Self::TakenBack(loan) => {
                // Other clients may have created the loan, for any name. A note is limited to 1 kB.
                let borrower: String = text::printable(&loan.borrowed_by).chars().take(200).collect();
                let note = format!("Taken back from {borrower} by a librarian");
                ("TakenBack", "TakeBack", note)
            }
            Self::ForciblyUpdated => {
                let note = "Changed by a librarian, regardless of its version";
                ("Forced", "Update", note.to_owned())
            }
            Self::ForciblyDeleted => {
                let note = "Deleted by a librarian with its loan, regardless of its version";
                ("Forced", "Delete", note.to_owned())
            }
            Self::Refused => {
                let label = crd::labels::MANAGED_BY;
                let note = format!("Not changed: {label} or a mark of a GitOps tool names another owner");
                ("Refused", "Change", note)
            }
        };
        let loan = match self {
            Self::Borrowed(loan) | Self::Returned(loan) | Self::TakenBack(loan) => Some(loan),
            _ => None,
        };
        Event {
            type_: match self {
                Self::Refused => EventType::Warning,
                _ => EventType::Normal,
            },
            reason: reason.to_owned(),
            action: action.to_owned(),
            note: Some(note),
            secondary: loan.map(|loan| reference::<crd::BookLoan>(key, &loan.version.uid)),
        }
    }
}

/// Returns a reference without a version, so that Events of all versions belong to the same object.
fn reference<K: Resource<DynamicType = ()>>(key: BookKey<'_>, uid: &Uid) -> ObjectReference {
    ObjectReference {
        api_version: Some(K::api_version(&()).into_owned()),
        kind: Some(K::kind(&()).into_owned()),
        namespace: Some(key.namespace.to_owned()),
        name: Some(key.id.to_owned()),
        uid: Some(uid.to_string()),
        ..ObjectReference::default()
    }
}
