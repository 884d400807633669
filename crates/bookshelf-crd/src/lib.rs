//! The custom resources of bookshelf: [`Book`], [`BookLoan`] and [`LoanJournal`], their labels and annotations, and the
//! rules for their values.
//!
//! This is the only place that defines the API group, the keys of labels and annotations, the rule of who may change a
//! book, and the rules for names. The crate has no client, no runtime and no flags, so that
//! [`crdgen`](../crdgen/index.html) stays a small binary and other crates can depend on the types alone.
//!
//! ```
//! use bookshelf_crd::{Book, BookSpec, labels, management};
//!
//! let mut book = Book::new("biological-science", BookSpec {
//!     author: "Taylor D.J.".into(),
//!     title: "Biological Science".into(),
//!     description: None,
//! });
//! book.metadata.labels.get_or_insert_default().insert(labels::CATEGORY.into(), "biology".into());
//! assert_eq!(labels::value(&book, labels::CATEGORY), Some("biology"));
//! assert!(management::is_manageable(&book));
//! ```

pub mod annotations;
pub mod book;
pub mod book_loan;
pub mod labels;
pub mod loan_journal;
pub mod management;
pub mod rules;
pub mod text;
pub mod time;

pub use book::{Book, BookSpec};
pub use book_loan::{BookLoan, BookLoanSpec};
pub use loan_journal::{LoanJournal, LoanJournalSpec};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;

/// The API group of the resources.
pub const GROUP: &str = "bookshelf.lostinsoba.com";

/// Returns the CRDs, ready to be applied to a cluster.
#[must_use]
pub fn custom_resource_definitions() -> [CustomResourceDefinition; 3] {
    [Book::crd(), BookLoan::crd(), LoanJournal::crd()]
}
