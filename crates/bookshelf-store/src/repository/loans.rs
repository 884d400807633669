//! The operations on loans.

use std::sync::Arc;

use bookshelf_crd as crd;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::Resource as _;
use kube::api::Preconditions;

use super::model::{BookKey, Loan, Tenant, Version};
use super::{CONFLICT_RETRIES, Repository, internal};
use crate::cache::Entry;
use crate::connector::Reason;
use crate::error::Error;
use crate::object::Uid;

impl<V: Send + Sync + 'static> Repository<V> {
    /// Lends a book to a tenant. Of any number who try at once, one gets it: creating the loan, which has the
    /// book's name, is the lock.
    pub async fn borrow(&self, key: BookKey<'_>, tenant: Tenant<'_>) -> Result<Loan, Error> {
        let book = self.book(key)?;
        if book.value.is_being_deleted {
            return Err(Error::BeingDeleted);
        }
        let mut book = book.uid.clone();
        let mut in_the_way = self.loan(key).map(|entry| entry.value.clone());
        for is_last_try in [false, true] {
            if let Some(loan) = &in_the_way {
                book = self.clear_left_over(key, loan, &book).await?;
            }
            match self.loans.client.create(&new_loan(key, tenant, &book)).await {
                Ok(object) => return self.take_loan_in(object),
                Err(error) if !matches!(error.reason, Reason::AlreadyExists(_)) => return Err(error.into()),
                Err(_) if is_last_try => {}
                // A loan that our cache does not have: somebody else's, or one left over.
                Err(_) => in_the_way = self.live_loan(key).await?,
            }
        }
        Err(Error::AlreadyBorrowed)
    }

    /// Takes a book back from a tenant. Where there is no loan there is nothing to do.
    pub async fn return_book(&self, key: BookKey<'_>, tenant: Tenant<'_>) -> Result<(), Error> {
        let mut found = self.loan(key).map(|entry| entry.value.clone());
        for _ in 0..=CONFLICT_RETRIES {
            // That there is no loan is a success, which the cache alone cannot promise.
            let Some(loan) = (match found {
                Some(loan) => Some(loan),
                None => self.live_loan(key).await?,
            }) else {
                return Ok(());
            };
            if loan.borrowed_by != tenant.as_str() {
                return if self.is_left_over(key, &loan) {
                    Ok(())
                } else {
                    Err(Error::Forbidden)
                };
            }
            match self.delete_loan(key, loan.version).await {
                Err(error) if matches!(error.reason, Reason::Conflict(_)) => found = None,
                Err(error) if matches!(error.reason, Reason::NotFound(_)) => return Ok(()),
                deleted => return Ok(deleted?),
            }
        }
        Err(Error::UpdateConflict)
    }

    /// The loan that counts for the book with this uid, from the cache.
    pub(super) fn loan_of(&self, key: BookKey<'_>, book: &Uid) -> Option<Arc<Entry<Loan>>> {
        self.loan(key).filter(|loan| !loan.value.is_left_over(book))
    }

    fn loan(&self, key: BookKey<'_>) -> Option<Arc<Entry<Loan>>> {
        self.loans.reader.load().get(key.namespace, key.id).cloned()
    }

    fn is_left_over(&self, key: BookKey<'_>, loan: &Loan) -> bool {
        self.book(key).is_ok_and(|book| loan.is_left_over(&book.uid))
    }

    /// Deletes a loan that an earlier book of this name left, which garbage collection has not come to yet,
    /// and answers the uid of the book that is there now; where the loan counts, the book is borrowed. Asks
    /// the API server for the book before it deletes: it may be our cache that has the earlier one.
    async fn clear_left_over(&self, key: BookKey<'_>, loan: &Loan, book: &Uid) -> Result<Uid, Error> {
        if !loan.is_left_over(book) {
            return Err(Error::AlreadyBorrowed);
        }
        let book = self.live_book(key).await?;
        if book.is_being_deleted {
            return Err(Error::BeingDeleted);
        }
        if !loan.is_left_over(&book.version.uid) {
            return Err(Error::AlreadyBorrowed);
        }
        match self.delete_loan(key, loan.version.clone()).await {
            Err(error) if matches!(error.reason, Reason::Conflict(_)) => Err(Error::AlreadyBorrowed),
            Err(error) if !matches!(error.reason, Reason::NotFound(_)) => Err(error.into()),
            _ => Ok(book.version.uid),
        }
    }

    /// Deletes the loan with this uid, not a later one of its name.
    async fn delete_loan(&self, key: BookKey<'_>, loan: Version) -> Result<(), crate::connector::Error> {
        let preconditions = Preconditions {
            uid: Some(loan.uid.to_string()),
            resource_version: None,
        };
        self.loans.delete(&key.to_object_key(), loan, preconditions).await
    }

    async fn live_loan(&self, key: BookKey<'_>) -> Result<Option<Loan>, Error> {
        match self.loans.client.get(&key.to_object_key()).await {
            Ok(object) => self.take_loan_in(object).map(Some),
            Err(error) if matches!(error.reason, Reason::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn take_loan_in(&self, object: crd::BookLoan) -> Result<Loan, Error> {
        let loan = Loan::try_from(&object).map_err(internal)?;
        self.loans.writer.observe(object);
        Ok(loan)
    }
}

fn new_loan(key: BookKey<'_>, tenant: Tenant<'_>, book: &Uid) -> crd::BookLoan {
    let spec = crd::BookLoanSpec {
        borrowed_by: tenant.as_str().to_owned(),
    };
    let mut loan = crd::BookLoan::new(key.id, spec);
    loan.metadata.namespace = Some(key.namespace.to_owned());
    loan.metadata.owner_references = Some(vec![OwnerReference {
        api_version: crd::Book::api_version(&()).into_owned(),
        kind: crd::Book::kind(&()).into_owned(),
        name: key.id.to_owned(),
        uid: book.to_string(),
        controller: None,
        // True would need a right on the book's finalizers where that admission plugin is on.
        block_owner_deletion: Some(false),
    }]);
    loan
}
