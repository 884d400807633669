//! Creation, change and deletion of books, each at the version that was checked.

use bookshelf_crd::{self as crd, labels};
use kube::api::{Patch, Preconditions};
use serde_json::{Value, json};

use super::error::Error;
use super::found::Found;
use super::history::Happening;
use super::idempotency::Made;
use super::imprint::Imprint;
use super::model::{Book, BookContent, BookKey, Category, IdempotencyKey};
use super::version::{Expected, Version};
use super::{CONFLICT_RETRIES, Repository, internal};
use crate::connector::{self, Reason};

impl<V: Send + Sync + 'static> Repository<V> {
    /// Creates a book that bookshelf manages. With a key, a repeated request of the same caller returns the book that
    /// the first request made.
    ///
    /// Reuse of a key for another id is detected only if that book is cached, and concurrent reuse only within this
    /// process.
    pub async fn create_book(
        &self,
        key: BookKey<'_>,
        content: BookContent,
        idempotency: Option<IdempotencyKey<'_>>,
        caller: Option<&str>,
    ) -> Result<Made<Book>, Error> {
        self.check_namespace(key.namespace)?;
        self.confirm_book(key).await?;
        let imprint = idempotency.map(|idempotency| Imprint::of_create(idempotency, caller, key, &content));
        let under_way = imprint.as_ref().map(|imprint| self.under_way.begin(imprint));
        let _under_way = under_way.transpose()?;
        if let Some(imprint) = &imprint {
            self.check_unused_elsewhere(key, imprint).await?;
        }
        if self.book(key).is_ok() {
            let made = self.made_before(key, &content, imprint.as_ref()).await;
            // The book has been deleted: the cache is behind.
            if !matches!(made, Err(Error::NotFound(_))) {
                return made;
            }
        }
        match self
            .books
            .workload
            .create(&new_book(key, &content, imprint.as_ref()))
            .await
        {
            Ok(created) => {
                let value = Book::try_from(&created).map_err(internal)?;
                self.emit_event(key, &value.version.uid, &Happening::Created);
                self.record_creation(key, &value);
                Ok(Made {
                    value,
                    is_unchanged: true,
                })
            }
            Err(error) if matches!(error.reason, Reason::AlreadyExists(_)) => {
                let made = self.made_before(key, &content, imprint.as_ref()).await;
                made.map_err(|error| match error {
                    // The book has been deleted in the meantime: a retry may succeed.
                    Error::NotFound(_) => Error::AlreadyExists,
                    error => error,
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the existing book as it was created, if the same request created it.
    async fn made_before(
        &self,
        key: BookKey<'_>,
        content: &BookContent,
        imprint: Option<&Imprint>,
    ) -> Result<Made<Book>, Error> {
        let imprint = imprint.ok_or(Error::AlreadyExists)?;
        let existing = self.reread_book(key).await?;
        if !imprint.has_made(existing.imprint.as_ref())? {
            return Err(Error::AlreadyExists);
        }
        let (value, is_unchanged) = content.as_made(existing);
        Ok(Made { value, is_unchanged })
    }

    /// Checks that the key of a create was not used to create another book.
    async fn check_unused_elsewhere(&self, key: BookKey<'_>, imprint: &Imprint) -> Result<(), Error> {
        let books = self.books.reader.snapshot();
        let mut made = books.indexed_in(self.by_request, &imprint.request, key.namespace);
        let Some(other) = made.find(|book| book.key.name() != key.id) else {
            return Ok(());
        };
        let other = BookKey {
            id: other.key.name(),
            ..key
        };
        match self.reread_book(other).await {
            Ok(other) => imprint.has_made(other.imprint.as_ref()).map(drop),
            Err(Error::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Replaces the content of a book, and marks it as managed by bookshelf. Fields of other owners stay.
    pub async fn update_book(
        &self,
        key: BookKey<'_>,
        content: BookContent,
        expected: &Expected,
    ) -> Result<Book, Error> {
        self.patch_book(key, content.merge_patch(), expected, &Happening::Updated)
            .await
    }

    /// Sets or removes the category of a book.
    pub async fn set_category(
        &self,
        key: BookKey<'_>,
        category: Option<Category<'_>>,
        expected: &Expected,
    ) -> Result<Book, Error> {
        let category = category.map(Category::as_str);
        let patch = json!({"metadata": {"labels": {(labels::CATEGORY): category}}});
        self.patch_book(key, patch, expected, &Happening::Recategorised)
            .await
    }

    /// Deletes a book that is not on loan according to the cache. If another process creates a loan at the same moment,
    /// the garbage collector deletes it with the book.
    pub async fn delete_book(&self, key: BookKey<'_>, expected: &Expected) -> Result<(), Error> {
        self.confirm_loan(key).await?;
        let mut found = self.find(key, expected).await?;
        for _ in 0..=CONFLICT_RETRIES {
            self.note_refusal(key, &found, found.check_manageable())?;
            let loan = self.cached_loan(key);
            if loan.is_some_and(|loan| !loan.value.is_left_over(&found.version.uid)) {
                return Err(Error::OnLoan);
            }
            found.check_expected(expected)?;
            let uid = found.version.uid.clone();
            match self.delete_at(key, found.version).await {
                Err(error) if matches!(error.reason, Reason::Conflict(_)) => found = self.live(key).await?,
                Err(error) => return Err(error.into()),
                Ok(confirmed) => {
                    self.record_deletion(key, &uid, false);
                    confirmed.await;
                    return Ok(());
                }
            }
        }
        Err(Error::UpdateConflict)
    }

    /// Deletes this version of a book. Returns a future that ends when the served state has reached the version of the
    /// deletion.
    pub(super) async fn delete_at(
        &self,
        key: BookKey<'_>,
        version: Version,
    ) -> Result<impl Future<Output = ()>, connector::Error> {
        let preconditions = Preconditions {
            uid: Some(version.uid.to_string()),
            resource_version: Some(version.resource_version.to_string()),
        };
        self.books
            .delete(key.to_object_key(), version, preconditions)
            .await
    }

    /// Applies a merge patch at the version that was checked, so that check and write are atomic. If the book has
    /// changed since, checks and writes again.
    async fn patch_book(
        &self,
        key: BookKey<'_>,
        mut patch: Value,
        expected: &Expected,
        happening: &Happening<'_>,
    ) -> Result<Book, Error> {
        let object_key = key.to_object_key();
        let mut found = self.find(key, expected).await?;
        for _ in 0..=CONFLICT_RETRIES {
            let version = self.note_refusal(key, &found, found.version_to_change(expected))?;
            patch["metadata"]["uid"] = version.uid.to_string().into();
            patch["metadata"]["resourceVersion"] = version.resource_version.to_string().into();
            match self
                .books
                .workload
                .patch(&object_key, &Patch::Merge(&patch))
                .await
            {
                Ok(object) => {
                    self.emit_event(key, &version.uid, happening);
                    let book = Book::try_from(&object).map_err(internal)?;
                    self.record_update(key, &version, &book, false);
                    return Ok(book);
                }
                Err(error) if matches!(error.reason, Reason::Conflict(_)) => found = self.live(key).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::UpdateConflict)
    }

    /// Records an Event if the write is refused because another tool manages the book.
    pub(super) fn note_refusal<T>(
        &self,
        key: BookKey<'_>,
        found: &Found,
        verdict: Result<T, Error>,
    ) -> Result<T, Error> {
        if matches!(verdict, Err(Error::NotManageable)) {
            self.emit_event(key, &found.version.uid, &Happening::Refused);
        }
        verdict
    }

    /// Returns the book to check: the cached one, if its version is one that the client expects. Otherwise the cache or
    /// the client is behind, and only the API server knows which.
    pub(super) async fn find(&self, key: BookKey<'_>, expected: &Expected) -> Result<Found, Error> {
        self.confirm_book(key).await?;
        match self.cached(key) {
            Ok(found) if expected.accepts(&found.version) => Ok(found),
            refused if *expected == Expected::Any => refused,
            _ => self.live(key).await,
        }
    }

    fn cached(&self, key: BookKey<'_>) -> Result<Found, Error> {
        let entry = self.book(key)?;
        Ok(Found {
            version: Version {
                uid: entry.uid.clone(),
                resource_version: entry.resource_version,
            },
            management: entry.value.management,
            is_being_deleted: entry.value.is_being_deleted,
        })
    }

    pub(super) async fn live(&self, key: BookKey<'_>) -> Result<Found, Error> {
        let book = self.reread_book(key).await?;
        Ok(Found {
            management: book.management,
            is_being_deleted: book.is_being_deleted,
            version: book.version,
        })
    }
}

fn new_book(key: BookKey<'_>, content: &BookContent, imprint: Option<&Imprint>) -> crd::Book {
    let mut book = crd::Book::new(key.id, content.spec.clone());
    book.metadata.namespace = Some(key.namespace.to_owned());
    // The derived constructor adds the annotations of the CRD, which tell Helm to keep it.
    book.metadata.annotations = None;
    let labels = book.metadata.labels.get_or_insert_default();
    labels.insert(
        labels::MANAGED_BY.to_owned(),
        labels::MANAGED_BY_BOOKSHELF.to_owned(),
    );
    if let Some(category) = &content.category {
        labels.insert(labels::CATEGORY.to_owned(), category.clone());
    }
    if let Some(imprint) = imprint {
        imprint.leave_on(&mut book);
    }
    book
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_book_has_no_annotation_but_its_imprint() {
        let key = BookKey::parse("ns", "a").unwrap();
        let [author, title, empty] = ["A", "T", ""].map(str::to_owned);
        let content = BookContent::new(author, title, empty.clone(), empty).unwrap();
        assert_eq!(new_book(key, &content, None).metadata.annotations, None);

        let imprint = Imprint::of_create(IdempotencyKey::parse("k").unwrap(), None, key, &content);
        let book = new_book(key, &content, Some(&imprint));
        assert_eq!(book.metadata.annotations.unwrap_or_default().len(), 1);
        assert_eq!(
            Imprint::on(&new_book(key, &content, Some(&imprint))),
            Some(imprint)
        );
    }
}
