//! A book of the library.

// KubeSchema makes a public struct inside a private function.
#![allow(unreachable_pub)]
// kube's derive takes one `printcolumn` for each column.
#![allow(clippy::duplicated_attributes)]

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

/// The most characters an author has.
pub const AUTHOR_MAX: u32 = 512;
/// The most characters a title has.
pub const TITLE_MAX: u32 = 1_024;
/// The most characters a description has: with the longest labels and annotations a client may add, a book
/// stays well below etcd's limit of 1.5 MiB for a request.
pub const DESCRIPTION_MAX: u32 = 16_384;

// The annotation keeps the definition when a Helm release that brought it is uninstalled: deleting a
// definition deletes every object of it.
/// What a library knows about a book, beside its name, its namespace and its labels.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "bookshelf.lostinsoba.com",
    version = "v1alpha1",
    kind = "Book",
    plural = "books",
    singular = "book",
    shortname = "bk",
    category = "bookshelf",
    namespaced,
    derive = "PartialEq",
    doc = "A book of a library. Its name is the book's id, its namespace the library; the label books.bookshelf.lostinsoba.com/category puts it into a category, app.kubernetes.io/managed-by says who may change it.",
    annotation("helm.sh/resource-policy", "keep"),
    selectable = ".spec.author",
    printcolumn(name = "Author", type_ = "string", json_path = ".spec.author"),
    printcolumn(name = "Title", type_ = "string", json_path = ".spec.title"),
    printcolumn(
        name = "Category",
        type_ = "string",
        json_path = r".metadata.labels['books\.bookshelf\.lostinsoba\.com/category']"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct BookSpec {
    /// Who wrote the book, as the title page has it. Required, not blank.
    #[schemars(length(min = 1, max = AUTHOR_MAX))]
    #[x_kube(validation = ("self.trim() != ''", "must not be blank"))]
    pub author: String,

    /// The book's title. Required, not blank.
    #[schemars(length(min = 1, max = TITLE_MAX))]
    #[x_kube(validation = ("self.trim() != ''", "must not be blank"))]
    pub title: String,

    /// What the book is about, in free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = DESCRIPTION_MAX))]
    pub description: Option<String>,
}
