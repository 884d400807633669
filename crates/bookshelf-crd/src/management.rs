//! The rule of who may change a book: the managed-by label and the marks of GitOps tools.
//!
//! Some GitOps tools do not set [`labels::MANAGED_BY`]: Argo CD leaves it alone
//! [by decision](https://github.com/argoproj/argo-cd/issues/14638). They mark the objects that they apply with their own
//! labels or annotations. Such a mark counts like that label: the next run of the tool undoes the writes of others.

use kube::ResourceExt;

use crate::labels;

/// The kind of metadata that a mark is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkKind {
    /// An annotation.
    Annotation,
    /// A label.
    Label,
}

impl MarkKind {
    /// Returns the field of an object's metadata that holds marks of this kind.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Annotation => "annotations",
            Self::Label => "labels",
        }
    }
}

/// A mark of a GitOps tool. Its presence counts, even with an empty value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its kind.
    pub kind: MarkKind,
    /// The key of the annotation or label.
    pub key: &'static str,
    /// The tool that sets it.
    pub tool: &'static str,
}

/// The known marks. If an object has several, the first one in this order names the tool.
pub const MARKS: [Mark; 6] = [
    mark(MarkKind::Annotation, "argocd.argoproj.io/tracking-id", "argocd"),
    mark(
        MarkKind::Annotation,
        "argocd.argoproj.io/installation-id",
        "argocd",
    ),
    mark(MarkKind::Label, "argocd.argoproj.io/instance", "argocd"),
    mark(MarkKind::Label, "kustomize.toolkit.fluxcd.io/name", "flux"),
    mark(MarkKind::Label, "helm.toolkit.fluxcd.io/name", "flux"),
    mark(MarkKind::Label, "kapp.k14s.io/app", "kapp"),
];

const fn mark(kind: MarkKind, key: &'static str, tool: &'static str) -> Mark {
    Mark { kind, key, tool }
}

impl Mark {
    /// Returns the value of the mark on an object; `None` if the object does not have the mark.
    pub fn value<'a>(&self, object: &'a impl ResourceExt) -> Option<&'a str> {
        let values = match self.kind {
            MarkKind::Annotation => object.annotations(),
            MarkKind::Label => object.labels(),
        };
        values.get(self.key).map(String::as_str)
    }
}

/// Returns the manager of an object: the value of [`labels::MANAGED_BY`] if that names another tool than bookshelf, or
/// the tool of a mark, or bookshelf if the label names it. `None` means that nobody manages the object.
pub fn manager(object: &impl ResourceExt) -> Option<&str> {
    let label = labels::value(object, labels::MANAGED_BY);
    if label.is_some_and(|label| label != labels::MANAGED_BY_BOOKSHELF) {
        return label;
    }
    let mark = MARKS.iter().find(|mark| mark.value(object).is_some());
    mark.map(|mark| mark.tool).or(label)
}

/// Returns true if bookshelf may change an object: bookshelf manages it, or nobody does.
pub fn is_manageable(object: &impl ResourceExt) -> bool {
    matches!(manager(object), None | Some(labels::MANAGED_BY_BOOKSHELF))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Book, BookSpec};

    fn labelled(managed_by: Option<&str>) -> Book {
        let mut book = Book::new("book", BookSpec::default());
        if let Some(managed_by) = managed_by {
            let labels = book.labels_mut();
            labels.insert(labels::MANAGED_BY.to_owned(), managed_by.to_owned());
        }
        book
    }

    #[test]
    fn a_book_is_manageable_when_nobody_or_bookshelf_manages_it() {
        for managed_by in [None, Some(""), Some("bookshelf")] {
            assert!(is_manageable(&labelled(managed_by)), "{managed_by:?}");
        }
        for managed_by in ["Helm", "argocd", "Bookshelf", "bookshelf ", " "] {
            let book = labelled(Some(managed_by));
            assert!(!is_manageable(&book), "{managed_by:?}");
            assert_eq!(manager(&book), Some(managed_by));
        }
        assert_eq!(manager(&labelled(Some(""))), None);
        assert_eq!(manager(&labelled(Some("bookshelf"))), Some("bookshelf"));
    }

    #[test]
    fn a_mark_of_a_gitops_tool_counts_whatever_its_value_is() {
        for mark in MARKS {
            for value in ["", "bookshelf", "library:apps/Book"] {
                for (managed_by, manager) in [
                    (None, mark.tool),
                    (Some(""), mark.tool),
                    (Some("bookshelf"), mark.tool),
                    (Some("Helm"), "Helm"),
                ] {
                    let mut book = labelled(managed_by);
                    let values = match mark.kind {
                        MarkKind::Annotation => book.annotations_mut(),
                        MarkKind::Label => book.labels_mut(),
                    };
                    values.insert(mark.key.to_owned(), value.to_owned());
                    assert!(!is_manageable(&book), "{mark:?} {value:?} {managed_by:?}");
                    assert_eq!(super::manager(&book), Some(manager), "{mark:?} {managed_by:?}");
                }
            }
        }
    }

    #[test]
    fn a_key_that_only_looks_like_a_mark_is_none() {
        let mut book = labelled(None);
        for mark in MARKS {
            // Of the other kind.
            let values = match mark.kind {
                MarkKind::Annotation => book.labels_mut(),
                MarkKind::Label => book.annotations_mut(),
            };
            values.insert(mark.key.to_owned(), "x".to_owned());
        }
        let annotations = book.annotations_mut();
        annotations.insert("argocd.argoproj.io/sync-wave".to_owned(), "1".to_owned());
        assert!(is_manageable(&book));
        assert_eq!(manager(&book), None);
    }
}
