//! A loan of a book: who has it.

// KubeSchema makes a public struct inside a private function.
#![allow(unreachable_pub)]
// kube's derive takes one `printcolumn` for each column.
#![allow(clippy::duplicated_attributes)]

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::rules;

/// The maximum length of a tenant's name, in characters.
pub const BORROWED_BY_MAX: u32 = 253;

/// The loan of the book of the same name. Names are unique, so a book has at most one loan: creating it is the lock.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "bookshelf.lostinsoba.com",
    version = "v1alpha1",
    kind = "BookLoan",
    plural = "bookloans",
    singular = "bookloan",
    shortname = "bl",
    category = "bookshelf",
    namespaced,
    derive = "PartialEq",
    doc = "The loan of the book of the same name in the same namespace. It exists while the book is borrowed. Its ownerReference names the book, so it is deleted with the book.",
    annotation("helm.sh/resource-policy", "keep"),
    selectable = ".spec.borrowedBy",
    printcolumn(name = "Borrowed By", type_ = "string", json_path = ".spec.borrowedBy"),
    printcolumn(
        name = "Borrowed At",
        type_ = "string",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("!has(oldSelf.borrowedAt) || (has(self.borrowedAt) && self.borrowedAt == oldSelf.borrowedAt)",
        "borrowedAt is immutable once it is set")
)]
pub struct BookLoanSpec {
    /// The tenant who has the book, in printable ASCII characters without blanks. Required and immutable: a loan is created and deleted, not passed on.
    #[schemars(length(min = 1, max = BORROWED_BY_MAX))]
    #[x_kube(
        validation = ("self == oldSelf", "is immutable: return the book and borrow it again"),
        validation = (r"self.matches('^[!-~]*$')", rules::TENANT)
    )]
    pub borrowed_by: String,

    /// The time of the loan (RFC 3339), if it differs from the object's creation time: for loans restored from a backup. It can be set once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40), extend("format" = "date-time"))]
    pub borrowed_at: Option<String>,
}
