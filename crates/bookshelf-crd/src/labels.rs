//! The labels bookshelf reads and writes, and what they mean.

use kube::ResourceExt;

/// The key of a book's category. An absent label and an empty value both mean no category.
pub const CATEGORY: &str = "books.bookshelf.lostinsoba.com/category";

/// The key of the tool that manages an object, one of Kubernetes'
/// [recommended labels](https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/).
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// The value of [`MANAGED_BY`] on books that bookshelf wrote.
pub const MANAGED_BY_BOOKSHELF: &str = "bookshelf";

/// Returns the value of a label; `None` if it is absent or empty.
pub fn value<'a>(object: &'a impl ResourceExt, key: &str) -> Option<&'a str> {
    object
        .labels()
        .get(key)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}
