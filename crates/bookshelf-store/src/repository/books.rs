//! The operations on books.

use std::sync::Arc;

use bookshelf_crd::{self as crd, labels};
use kube::api::{Patch, Preconditions};
use serde_json::{Value, json};

use super::model::{Book, BookContent, BookKey, Category, Namespace, Version};
use super::{CONFLICT_RETRIES, Repository, internal};
use crate::cache::{Entry, Snapshot};
use crate::connector::Reason;
use crate::error::Error;

/// What the cache keeps of a book.
#[derive(Debug)]
pub struct CachedBook<V> {
    /// What the caller wants at hand.
    pub view: V,
    pub(super) category: Option<Arc<str>>,
    pub(super) is_being_deleted: bool,
    is_manageable: bool,
}

impl<V> CachedBook<V> {
    pub(super) fn new(book: &Book, category: Option<Arc<str>>, view: V) -> Self {
        Self {
            view,
            category,
            is_being_deleted: book.is_being_deleted,
            is_manageable: labels::is_manageable(book.managed_by.as_deref()),
        }
    }
}

/// The books of a namespace, of one category or of all: one consistent answer.
pub struct BookList<'a, V> {
    repository: &'a Repository<V>,
    snapshot: Arc<Snapshot<CachedBook<V>>>,
    namespace: Namespace<'a>,
    category: Option<Category<'a>>,
}

impl<V> BookList<'_, V> {
    /// Another number than any before whenever a book of the namespace has changed, come or gone: what was
    /// made of a list of the same generation, namespace and category is still what would be made of this one.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.snapshot
            .namespace(self.namespace.as_str())
            .map_or(0, |state| state.generation)
    }

    /// The books, ordered by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Entry<CachedBook<V>>>> {
        let namespace = self.namespace.as_str();
        let (all, of_category) = match self.category {
            None => (Some(self.snapshot.namespaced(namespace)), None),
            Some(category) => {
                let index = self.repository.by_category;
                (
                    None,
                    Some(self.snapshot.indexed_in(index, category.as_str(), namespace)),
                )
            }
        };
        all.into_iter().flatten().chain(of_category.into_iter().flatten())
    }
}

/// A book as a write finds it, before it is judged.
struct Found {
    version: Version,
    is_manageable: bool,
    is_being_deleted: bool,
}

impl Found {
    /// The version to change, if the book may be changed.
    fn version_to_change(&self) -> Result<Version, Error> {
        if self.is_being_deleted && self.is_manageable {
            Err(Error::BeingDeleted)
        } else {
            self.version_to_delete()
        }
    }

    /// The version to delete, if the book may be deleted: once more does no harm.
    fn version_to_delete(&self) -> Result<Version, Error> {
        if self.is_manageable {
            Ok(self.version.clone())
        } else {
            Err(Error::NotManageable)
        }
    }
}

impl<V: Send + Sync + 'static> Repository<V> {
    /// A book, from the cache.
    pub fn book(&self, key: BookKey<'_>) -> Result<Arc<Entry<CachedBook<V>>>, Error> {
        self.books
            .reader
            .load()
            .get(key.namespace, key.id)
            .cloned()
            .ok_or(Error::NotFound)
    }

    /// The books of a namespace, from the cache; none where there is no such namespace.
    #[must_use]
    pub fn books<'a>(&'a self, namespace: Namespace<'a>, category: Option<Category<'a>>) -> BookList<'a, V> {
        BookList {
            repository: self,
            snapshot: self.books.reader.snapshot(),
            namespace,
            category,
        }
    }

    /// Adds a book, managed by bookshelf.
    pub async fn create_book(&self, key: BookKey<'_>, content: BookContent) -> Result<Book, Error> {
        if self.book(key).is_ok() {
            return Err(Error::AlreadyExists);
        }
        let mut object = crd::Book::new(key.id, content.spec);
        object.metadata.namespace = Some(key.namespace.to_owned());
        let labels = object.metadata.labels.get_or_insert_default();
        labels.insert(
            labels::MANAGED_BY.to_owned(),
            labels::MANAGED_BY_BOOKSHELF.to_owned(),
        );
        if let Some(category) = content.category {
            labels.insert(labels::CATEGORY.to_owned(), category);
        }
        let created = self.books.client.create(&object).await?;
        self.take_in(created)
    }

    /// Replaces what a librarian says of a book, and makes it managed by bookshelf. What others put on the
    /// object stays.
    pub async fn update_book(&self, key: BookKey<'_>, content: BookContent) -> Result<Book, Error> {
        let BookContent { spec, category } = content;
        let patch = json!({
            "metadata": {"labels": {
                (labels::CATEGORY): category,
                (labels::MANAGED_BY): labels::MANAGED_BY_BOOKSHELF,
            }},
            // In a merge patch (RFC 7396) null removes a field, and an absent one stays.
            "spec": {"author": spec.author, "title": spec.title, "description": spec.description},
        });
        self.patch_book(key, patch).await
    }

    /// Puts a book into a category, or into none.
    pub async fn set_category(
        &self,
        key: BookKey<'_>,
        category: Option<Category<'_>>,
    ) -> Result<Book, Error> {
        let category = category.map(Category::as_str);
        self.patch_book(
            key,
            json!({"metadata": {"labels": {(labels::CATEGORY): category}}}),
        )
        .await
    }

    /// Deletes a book that nobody has borrowed, as far as the cache knows: of a loan made at the same moment on
    /// another process, the garbage collector disposes with its book.
    pub async fn delete_book(&self, key: BookKey<'_>) -> Result<(), Error> {
        let object_key = key.to_object_key();
        let mut found = self.cached(key)?;
        for _ in 0..=CONFLICT_RETRIES {
            let version = found.version_to_delete()?;
            if self.loan_of(key, &version.uid).is_some() {
                return Err(Error::OnLoan);
            }
            let preconditions = Preconditions {
                uid: Some(version.uid.to_string()),
                resource_version: Some(version.resource_version.to_string()),
            };
            match self.books.delete(&object_key, version, preconditions).await {
                Err(error) if matches!(error.reason, Reason::Conflict(_)) => found = self.live(key).await?,
                deleted => return Ok(deleted?),
            }
        }
        Err(Error::UpdateConflict)
    }

    /// Applies a merge patch at the version at which the book was found manageable, so that check and write
    /// are one; where the book has changed meanwhile, checks and writes again.
    async fn patch_book(&self, key: BookKey<'_>, mut patch: Value) -> Result<Book, Error> {
        let object_key = key.to_object_key();
        let mut found = self.cached(key)?;
        for _ in 0..=CONFLICT_RETRIES {
            let version = found.version_to_change()?;
            patch["metadata"]["resourceVersion"] = version.resource_version.to_string().into();
            match self.books.client.patch(&object_key, &Patch::Merge(&patch)).await {
                Ok(object) => return self.take_in(object),
                Err(error) if matches!(error.reason, Reason::Conflict(_)) => found = self.live(key).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::UpdateConflict)
    }

    fn cached(&self, key: BookKey<'_>) -> Result<Found, Error> {
        let entry = self.book(key)?;
        Ok(Found {
            version: Version {
                uid: entry.uid.clone(),
                resource_version: entry.resource_version,
            },
            is_manageable: entry.value.is_manageable,
            is_being_deleted: entry.value.is_being_deleted,
        })
    }

    async fn live(&self, key: BookKey<'_>) -> Result<Found, Error> {
        let book = self.live_book(key).await?;
        Ok(Found {
            is_manageable: labels::is_manageable(book.managed_by.as_deref()),
            is_being_deleted: book.is_being_deleted,
            version: book.version,
        })
    }

    /// Reads a book from the API server, for the cache too.
    pub(super) async fn live_book(&self, key: BookKey<'_>) -> Result<Book, Error> {
        let object = self.books.client.get(&key.to_object_key()).await?;
        self.take_in(object)
    }

    /// Makes the next read show what the API server answered.
    fn take_in(&self, object: crd::Book) -> Result<Book, Error> {
        let book = Book::try_from(&object).map_err(internal)?;
        self.books.writer.observe(object);
        Ok(book)
    }
}
