//! A book of the library.

// KubeSchema makes a public struct inside a private function.
#![allow(unreachable_pub)]
// kube's derive takes one `printcolumn` for each column.
#![allow(clippy::duplicated_attributes)]

use kube::core::Rule;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::{rules, text};

/// The maximum lengths of fields, in characters.
pub mod limits {
    /// The maximum length of an author.
    pub const AUTHOR_MAX: u32 = 2_048;
    /// The maximum length of a title.
    pub const TITLE_MAX: u32 = 1_024;
    /// The maximum length of a description: even with the longest labels and annotations that a client may add, a book
    /// stays well below etcd's limit of 1.5 MiB for a request.
    pub const DESCRIPTION_MAX: u32 = 16_384;
}

// The annotation keeps the CRD when the Helm release that installed it is uninstalled: deleting a CRD deletes all its
// objects.
/// The content of a book, apart from its name, namespace and labels.
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
    doc = "A book of a library. Its name is the book's id, and its namespace is the library. The label books.bookshelf.lostinsoba.com/category sets its category. bookshelf does not change a book whose label app.kubernetes.io/managed-by names another tool, or that has a mark of Argo CD, Flux or kapp.",
    annotation("helm.sh/resource-policy", "keep"),
    selectable = ".spec.author",
    printcolumn(name = "Author", type_ = "string", json_path = ".spec.author"),
    printcolumn(name = "Title", type_ = "string", json_path = ".spec.title"),
    printcolumn(
        name = "Category",
        type_ = "string",
        json_path = r".metadata.labels['books\.bookshelf\.lostinsoba\.com/category']"
    ),
    printcolumn(
        name = "Managed By",
        type_ = "string",
        priority = 1,
        json_path = r".metadata.labels['app\.kubernetes\.io/managed-by']"
    ),
    printcolumn(
        name = "Argo CD",
        type_ = "string",
        priority = 1,
        json_path = r".metadata.annotations['argocd\.argoproj\.io/tracking-id']"
    ),
    printcolumn(
        name = "Argo CD Installation",
        type_ = "string",
        priority = 1,
        json_path = r".metadata.annotations['argocd\.argoproj\.io/installation-id']"
    ),
    printcolumn(
        name = "Argo CD Instance",
        type_ = "string",
        priority = 1,
        json_path = r".metadata.labels['argocd\.argoproj\.io/instance']"
    ),
    printcolumn(
        name = "Flux Kustomization",
        type_ = "string",
        priority = 1,
        json_path = r".metadata.labels['kustomize\.toolkit\.fluxcd\.io/name']"
    ),
    printcolumn(
        name = "Flux HelmRelease",
        type_ = "string",
        priority = 1,
        json_path = r".metadata.labels['helm\.toolkit\.fluxcd\.io/name']"
    ),
    printcolumn(
        name = "kapp App",
        type_ = "string",
        priority = 1,
        json_path = r".metadata.labels['kapp\.k14s\.io/app']"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct BookSpec {
    /// The author, as on the title page: one line. Required, not blank.
    #[schemars(length(min = 1, max = limits::AUTHOR_MAX))]
    #[x_kube(validation = not_blank(), validation = one_line())]
    pub author: String,

    /// The book's title: one line. Required, not blank.
    #[schemars(length(min = 1, max = limits::TITLE_MAX))]
    #[x_kube(validation = not_blank(), validation = one_line())]
    pub title: String,

    /// A description, in free text of any number of lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::DESCRIPTION_MAX))]
    #[x_kube(validation = without_control_characters())]
    pub description: Option<String>,
}

// These are CEL rules and not patterns: for a pattern, the API server reports the expression instead of a message.

fn not_blank() -> Rule {
    Rule::new(format!("self.matches(r'{}')", text::VISIBLE)).message(rules::NOT_BLANK)
}

fn one_line() -> Rule {
    Rule::new(format!("!self.matches(r'{}')", text::CONTROL))
        .message("must not contain control characters (U+0000 to U+001F, U+007F to U+009F), U+FFFE or U+FFFF")
}

fn without_control_characters() -> Rule {
    Rule::new(format!("!self.matches(r'{}')", text::CONTROL_IN_PARAGRAPHS)).message(
        "must not contain control characters other than tab, line feed and carriage return \
         (U+0000 to U+001F, U+007F to U+009F), U+FFFE or U+FFFF",
    )
}

#[cfg(test)]
mod tests {
    use kube::CustomResourceExt as _;

    use super::*;
    use crate::management::MARKS;

    #[test]
    fn each_mark_has_a_wide_column() {
        let definition = Book::crd();
        let columns = definition.spec.versions[0]
            .additional_printer_columns
            .iter()
            .flatten();
        let wide = columns.filter(|column| column.priority == Some(1));
        let wide: Vec<&str> = wide.map(|column| column.json_path.as_str()).collect();
        for mark in MARKS {
            let map = mark.kind.field();
            let path = format!(".metadata.{map}['{}']", mark.key.replace('.', r"\."));
            assert!(wide.contains(&path.as_str()), "{path}: {wide:?}");
        }
        assert_eq!(wide.len(), MARKS.len() + 1);
    }
}
