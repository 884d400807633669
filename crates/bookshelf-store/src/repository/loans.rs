//! Operations on loans.

use std::sync::Arc;

use bookshelf_crd as crd;
use bookshelf_crd::loan_journal::LoanJournalEvent;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::Resource as _;
use kube::api::Preconditions;

use super::error::{Error, Missing};
use super::history::Happening;
use super::imprint::Imprint;
use super::model::{BookKey, IdempotencyKey, Loan, Tenant};
use super::version::{Expected, Version};
use super::{CONFLICT_RETRIES, Repository, internal};
use crate::cache::Entry;
use crate::connector::Reason;
use crate::object::Uid;

impl<V: Send + Sync + 'static> Repository<V> {
    /// Lends a book to a tenant. The loan has the book's name, so only one of any number of concurrent borrows
    /// succeeds. With an idempotency key, a repeated request returns the loan that the first request made.
    pub async fn borrow(
        &self,
        key: BookKey<'_>,
        tenant: Tenant<'_>,
        idempotency: Option<IdempotencyKey<'_>>,
    ) -> Result<Loan, Error> {
        self.confirm_book(key).await?;
        self.confirm_loan(key).await?;
        let imprint = idempotency.map(|idempotency| Imprint::of_borrow(idempotency, key, tenant));
        let (mut book, is_being_deleted) = match self.book(key) {
            Ok(cached) => (cached.uid.clone(), cached.value.is_being_deleted),
            // The first request may have been sent to another replica, which had the book sooner.
            Err(Error::NotFound(_)) if imprint.is_some() => {
                let book = self.reread_book(key).await?;
                (book.version.uid, book.is_being_deleted)
            }
            Err(error) => return Err(error),
        };
        let mut in_the_way = self.cached_loan(key).map(|entry| entry.value.clone());
        let is_refused = in_the_way.is_some() || is_being_deleted;
        if imprint.is_some() && is_refused {
            in_the_way = self.live_loan(key).await?;
        }
        for is_last_try in [false, true] {
            if let Some(loan) = &in_the_way
                && self.has_made(imprint.as_ref(), key, loan, &book).await?
            {
                return Ok(loan.clone());
            }
            if is_being_deleted {
                return Err(Error::BeingDeleted);
            }
            if let Some(loan) = &in_the_way {
                book = self.clear_left_over(key, loan, &book).await?;
            }
            let mut object = new_loan(key, tenant, &book);
            if let Some(imprint) = &imprint {
                imprint.leave_on(&mut object);
            }
            match self.loans.workload.create(&object).await {
                Ok(object) => {
                    let loan = Loan::try_from(&object).map_err(internal)?;
                    self.emit_event(key, &book, &Happening::Borrowed(&loan));
                    self.record_beginning(&loan);
                    return Ok(loan);
                }
                Err(error) if !matches!(error.reason, Reason::AlreadyExists(_)) => return Err(error.into()),
                Err(_) if is_last_try => {}
                // There is a loan that the cache does not have: of another borrow, or a leftover.
                Err(_) => in_the_way = self.live_loan(key).await?,
            }
        }
        Err(Error::AlreadyBorrowed)
    }

    /// Returns true if the request with this imprint made the existing loan, and the loan counts.
    async fn has_made(
        &self,
        imprint: Option<&Imprint>,
        key: BookKey<'_>,
        loan: &Loan,
        book: &Uid,
    ) -> Result<bool, Error> {
        let Some(imprint) = imprint else {
            return Ok(false);
        };
        if !imprint.has_made(loan.imprint.as_deref())? {
            return Ok(false);
        }
        // The cache may still have an earlier book.
        Ok(!loan.is_left_over(book) || !loan.is_left_over(&self.reread_book(key).await?.version.uid))
    }

    /// Returns a book for a tenant. Succeeds without a loan.
    pub async fn return_book(&self, key: BookKey<'_>, tenant: Tenant<'_>) -> Result<(), Error> {
        self.confirm_loan(key).await?;
        let mut found = self.cached_loan(key).map(|entry| entry.value.clone());
        for _ in 0..=CONFLICT_RETRIES {
            // A missing loan is a success, which the cache alone cannot guarantee.
            let Some(loan) = (match found {
                Some(loan) => Some(loan),
                None => self.live_loan(key).await?,
            }) else {
                return Ok(());
            };
            if &*loan.borrowed_by != tenant.as_str() {
                return if self.is_left_over(key, &loan) {
                    Ok(())
                } else {
                    Err(Error::Forbidden)
                };
            }
            let deletion = self.delete_version(key, loan.version.clone());
            match self.ending(&loan, LoanJournalEvent::Returned, deletion).await {
                Ok(confirmed) => {
                    self.record_loan_event(key, &loan, &Happening::Returned(&loan));
                    confirmed.await;
                    return Ok(());
                }
                Err(error) if matches!(error.reason, Reason::Conflict(_)) => found = None,
                Err(error) => {
                    return match Error::from(error) {
                        Error::NotFound(_) => Ok(()),
                        error => Err(error),
                    };
                }
            }
        }
        Err(Error::UpdateConflict)
    }

    /// Takes a book back from any tenant. Deletes leftovers, too.
    pub async fn delete_loan(&self, key: BookKey<'_>, expected: &Expected) -> Result<(), Error> {
        let cached = self.cached_loan(key).map(|entry| entry.value.clone());
        // The API server decides which loan exists, if any: most loans are made by other processes.
        let mut found = cached.filter(|loan| expected.accepts(&loan.version));
        for _ in 0..=CONFLICT_RETRIES {
            let loan = match found {
                Some(loan) => loan,
                None => self
                    .live_loan(key)
                    .await?
                    .ok_or_else(|| self.missing(key, Missing::Loan))?,
            };
            if !expected.accepts(&loan.version) {
                return Err(Error::Stale(loan.version));
            }
            let preconditions = Preconditions {
                uid: Some(loan.version.uid.to_string()),
                resource_version: match expected {
                    Expected::Any => None,
                    Expected::OneOf(_) | Expected::Except(_) => {
                        Some(loan.version.resource_version.to_string())
                    }
                },
            };
            let name = key.to_object_key();
            let deletion = self.loans.delete(name, loan.version.clone(), preconditions);
            match self.ending(&loan, LoanJournalEvent::TakenBack, deletion).await {
                Ok(confirmed) => {
                    self.record_loan_event(key, &loan, &Happening::TakenBack(&loan));
                    confirmed.await;
                    return Ok(());
                }
                Err(error) if matches!(error.reason, Reason::Conflict(_)) => found = None,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::UpdateConflict)
    }

    /// Deletes the loan of the book with this uid, which is deleted or being deleted.
    pub(super) async fn delete_loan_of(&self, key: BookKey<'_>, book: &Uid) -> Result<(), Error> {
        let Some(loan) = self
            .cached_loan(key)
            .filter(|loan| !loan.value.is_left_over(book))
        else {
            return Ok(());
        };
        let deletion = self.delete_version(key, loan.value.version.clone());
        match self
            .ending(&loan.value, LoanJournalEvent::BookGone, deletion)
            .await
        {
            // The loan was returned in the meantime, or garbage-collected with its book.
            Err(error) if matches!(error.reason, Reason::NotFound(_) | Reason::Conflict(_)) => Ok(()),
            // Nothing was written. The garbage collector deletes the loan with its book.
            Err(error)
                if loan.value.book_uid.is_some()
                    && matches!(
                        error.reason,
                        Reason::Overloaded { .. } | Reason::Unavailable { .. }
                    ) =>
            {
                tracing::debug!(%error, "the loan is left to the garbage collector");
                Ok(())
            }
            // The book is deleted already, so any other error would be wrong.
            Err(error) => Err(Error::OutcomeUnknown(error)),
            Ok(confirmed) => {
                confirmed.await;
                Ok(())
            }
        }
    }

    pub(super) fn cached_loan(&self, key: BookKey<'_>) -> Option<Arc<Entry<Loan>>> {
        self.loans.reader.load().get(key.namespace, key.id).cloned()
    }

    /// Returns true if the cache has a later book than the loan's.
    pub(super) fn is_left_over(&self, key: BookKey<'_>, loan: &Loan) -> bool {
        self.book(key).is_ok_and(|book| loan.is_left_over(&book.uid))
    }

    /// Deletes a leftover that the garbage collector has not deleted yet, and returns the uid of the current book. If
    /// the loan counts, fails with [`Error::AlreadyBorrowed`]. Reads the book from the API server before it deletes the
    /// loan: the cache may have an earlier book.
    async fn clear_left_over(&self, key: BookKey<'_>, loan: &Loan, book: &Uid) -> Result<Uid, Error> {
        if !loan.is_left_over(book) {
            return Err(Error::AlreadyBorrowed);
        }
        let book = self.reread_book(key).await?;
        if book.is_being_deleted {
            return Err(Error::BeingDeleted);
        }
        if !loan.is_left_over(&book.version.uid) {
            return Err(Error::AlreadyBorrowed);
        }
        let deletion = self.delete_version(key, loan.version.clone());
        match self.ending(loan, LoanJournalEvent::BookGone, deletion).await {
            Err(error) if matches!(error.reason, Reason::Conflict(_)) => Err(Error::AlreadyBorrowed),
            Err(error) if matches!(error.reason, Reason::NotFound(_)) => Ok(book.version.uid),
            Err(error) => Err(error.into()),
            Ok(confirmed) => {
                confirmed.await;
                Ok(book.version.uid)
            }
        }
    }

    /// Deletes the loan with this uid, but not a later loan of its name. Returns a future that ends when the served
    /// state has reached the version of the deletion.
    async fn delete_version(
        &self,
        key: BookKey<'_>,
        loan: Version,
    ) -> Result<impl Future<Output = ()>, crate::connector::Error> {
        let preconditions = Preconditions {
            uid: Some(loan.uid.to_string()),
            resource_version: None,
        };
        self.loans.delete(key.to_object_key(), loan, preconditions).await
    }

    async fn live_loan(&self, key: BookKey<'_>) -> Result<Option<Loan>, Error> {
        self.check_namespace(key.namespace)?;
        match self.loans.workload.get(&key.to_object_key()).await {
            Ok(object) => Loan::try_from(&object).map(Some).map_err(internal),
            // A missing CRD says nothing about the loan, and is not [`Error::NotFound`].
            Err(error) => match Error::of_read(error) {
                Error::NotFound(_) => Ok(None),
                error => Err(error),
            },
        }
    }
}

fn new_loan(key: BookKey<'_>, tenant: Tenant<'_>, book: &Uid) -> crd::BookLoan {
    let spec = crd::BookLoanSpec {
        borrowed_by: tenant.as_str().to_owned(),
        borrowed_at: None,
    };
    let mut loan = crd::BookLoan::new(key.id, spec);
    loan.metadata.namespace = Some(key.namespace.to_owned());
    // The derived constructor adds the annotations of the CRD, which tell Helm to keep it.
    loan.metadata.annotations = None;
    loan.metadata.owner_references = Some(vec![OwnerReference {
        api_version: crd::Book::api_version(&()).into_owned(),
        kind: crd::Book::kind(&()).into_owned(),
        name: key.id.to_owned(),
        uid: book.to_string(),
        controller: None,
        // True would require a right on the book's finalizers with `OwnerReferencesPermissionEnforcement`.
        block_owner_deletion: Some(false),
    }]);
    loan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_loan_has_no_annotations() {
        let key = BookKey::parse("ns", "a").unwrap();
        let loan = new_loan(key, Tenant::parse("bob").unwrap(), &"1".into());
        assert_eq!(loan.metadata.annotations, None);
    }
}
