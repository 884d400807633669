//! The labels bookshelf reads and writes, and what they mean.

use kube::ResourceExt;

/// The key of a book's category. An absent label and an empty value both mean: none.
pub const CATEGORY: &str = "books.bookshelf.lostinsoba.com/category";

/// The key of the tool that manages an object, one of Kubernetes'
/// [recommended labels](https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/).
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// The value of [`MANAGED_BY`] on books that bookshelf wrote.
pub const MANAGED_BY_BOOKSHELF: &str = "bookshelf";

/// The value of a label; `None` where it is absent or empty.
pub fn value<'a>(object: &'a impl ResourceExt, key: &str) -> Option<&'a str> {
    object
        .labels()
        .get(key)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}

/// Whether bookshelf may change a book with this value of [`MANAGED_BY`]: it is its own, or nobody's.
///
/// Every other value names another owner, Helm for instance, whose next run would undo what was written.
#[must_use]
pub fn is_manageable(managed_by: Option<&str>) -> bool {
    matches!(managed_by, None | Some("" | MANAGED_BY_BOOKSHELF))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_is_manageable_when_nobody_or_bookshelf_manages_it() {
        for managed_by in [None, Some(""), Some("bookshelf")] {
            assert!(is_manageable(managed_by), "{managed_by:?}");
        }
        for managed_by in ["Helm", "argocd", "Bookshelf", "bookshelf ", " "] {
            assert!(!is_manageable(Some(managed_by)), "{managed_by:?}");
        }
    }
}
