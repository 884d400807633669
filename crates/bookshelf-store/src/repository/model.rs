//! Domain types of books and loans: valid values, made from requests and custom resources.

mod book;

use std::sync::Arc;

use bookshelf_crd::{self as crd, labels, management, rules};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use k8s_openapi::jiff::Timestamp;
use kube::{Resource as _, ResourceExt as _};

use super::error::{Field, Invalid};
use super::imprint::Imprint;
use super::version::Version;
use crate::object::{ObjectKey, Uid};
pub use book::{Book, BookContent};

/// A valid name of a namespace: a DNS-1123 label.
#[derive(Clone, Copy, Debug)]
pub struct Namespace<'a>(&'a str);

impl<'a> Namespace<'a> {
    /// Checks the rule.
    pub fn parse(namespace: &'a str) -> Result<Self, Invalid> {
        Invalid::check(Field::Namespace, rules::namespace(namespace))?;
        Ok(Self(namespace))
    }

    /// The name.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// The key of a book and of its loan: a valid namespace and id.
#[derive(Clone, Copy, Debug)]
pub struct BookKey<'a> {
    pub(super) namespace: &'a str,
    pub(super) id: &'a str,
}

impl<'a> BookKey<'a> {
    /// Checks the rules of both parts.
    pub fn parse(namespace: &'a str, id: &'a str) -> Result<Self, Invalid> {
        let Namespace(namespace) = Namespace::parse(namespace)?;
        Invalid::check(Field::Id, rules::name(id))?;
        Ok(Self { namespace, id })
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(self) -> &'a str {
        self.namespace
    }

    /// The id.
    #[must_use]
    pub fn id(self) -> &'a str {
        self.id
    }

    pub(super) fn to_object_key(self) -> ObjectKey {
        ObjectKey::new(self.namespace, self.id)
    }
}

/// A category: a non-empty label value.
#[derive(Clone, Copy, Debug)]
pub struct Category<'a>(&'a str);

impl<'a> Category<'a> {
    /// Checks the rule. The empty string is `None`: no category.
    pub fn parse(category: &'a str) -> Result<Option<Self>, Invalid> {
        Invalid::check(Field::Category, rules::label_value(category))?;
        Ok((!category.is_empty()).then_some(Self(category)))
    }

    /// The label's value.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// A tenant, who borrows books.
#[derive(Clone, Copy, Debug)]
pub struct Tenant<'a>(&'a str);

impl<'a> Tenant<'a> {
    /// Checks the rule.
    pub fn parse(tenant: &'a str) -> Result<Self, Invalid> {
        Invalid::check(Field::Tenant, rules::tenant(tenant))?;
        Ok(Self(tenant))
    }

    /// The tenant's name.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// A client's key for a request, which lets the client repeat the request.
#[derive(Clone, Copy, Debug)]
pub struct IdempotencyKey<'a>(&'a str);

impl<'a> IdempotencyKey<'a> {
    /// Checks the rule.
    pub fn parse(key: &'a str) -> Result<Self, Invalid> {
        Invalid::check(Field::IdempotencyKey, rules::request_key(key))?;
        Ok(Self(key))
    }

    /// The key.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// The borrower that a loan names. Other programs create loans, too, so it need not be a valid [`Tenant`].
#[derive(Clone, Copy, Debug)]
pub struct Borrower<'a>(&'a str);

impl<'a> Borrower<'a> {
    /// Accepts any text. The empty string is `None`: every borrower.
    #[must_use]
    pub fn parse(borrower: &'a str) -> Option<Self> {
        (!borrower.is_empty()).then_some(Self(borrower))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

impl<'a> From<Tenant<'a>> for Borrower<'a> {
    fn from(Tenant(tenant): Tenant<'a>) -> Self {
        Self(tenant)
    }
}

/// The management of a book: whether bookshelf may change it, with the metadata that the tests of a patch need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Management {
    /// No other tool manages it.
    Here(Metadata),
    /// Another tool manages it.
    Elsewhere,
}

/// The metadata of a book that bookshelf may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) label: ManagedBy,
    pub(super) has_annotations: bool,
}

/// The managed-by label of a book that bookshelf may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ManagedBy {
    /// The book has no labels at all.
    NoLabels,
    /// The book has other labels.
    NoLabel,
    /// The label is empty.
    EmptyLabel,
    /// The label names bookshelf.
    Bookshelf,
}

impl Management {
    fn of(object: &crd::Book) -> Self {
        if !management::is_manageable(object) {
            return Self::Elsewhere;
        }
        let labels = object.labels();
        let label = match labels.get(labels::MANAGED_BY).map(String::as_str) {
            // The API server does not store empty maps.
            None if labels.is_empty() => ManagedBy::NoLabels,
            None => ManagedBy::NoLabel,
            Some("") => ManagedBy::EmptyLabel,
            Some(_) => ManagedBy::Bookshelf,
        };
        Self::Here(Metadata {
            label,
            has_annotations: !object.annotations().is_empty(),
        })
    }
}

/// A loan.
#[derive(Clone, Debug)]
pub struct Loan {
    /// The book's id.
    pub book_id: String,
    /// The book's namespace.
    pub namespace_id: String,
    /// The tenant who has the book.
    pub borrowed_by: Arc<str>,
    /// The time of the loan: its creation, or the original time of a restored loan.
    pub borrowed_at: Timestamp,
    /// The imprint of the request. The cache does not keep it.
    pub(super) imprint: Option<Box<Imprint>>,
    /// The uid of the book, from the loan's `ownerReference`; `None` for a loan created by hand.
    pub book_uid: Option<Uid>,
    /// The version.
    pub version: Version,
}

impl Loan {
    /// Returns true if the loan is a leftover: not of the book with this uid, but of an earlier book of the same name.
    #[must_use]
    pub fn is_left_over(&self, book: &Uid) -> bool {
        self.book_uid.as_ref().is_some_and(|of| of != book)
    }
}

/// The error for a custom resource that is not a valid book or loan.
#[derive(Debug, thiserror::Error)]
pub enum Unconvertible {
    /// The object lacks metadata that the API server sets on every object.
    #[error("metadata.{0} is missing or invalid")]
    Metadata(&'static str),
    /// The content breaks a rule of the domain.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

impl TryFrom<&crd::BookLoan> for Loan {
    type Error = Unconvertible;

    fn try_from(object: &crd::BookLoan) -> Result<Self, Unconvertible> {
        let mut owners = object.owner_references().iter();
        let book = owners.rfind(|owner| is_book(owner) && owner.name == object.name_any());
        let created_at = object
            .creation_timestamp()
            .ok_or(Unconvertible::Metadata("creationTimestamp"))?
            .0;
        // The API server's `date-time` allows more than RFC 3339. A time that cannot be parsed does not hide the loan.
        let kept = object.spec.borrowed_at.as_deref().and_then(crd::time::nearest);
        Ok(Self {
            book_id: object.name_any(),
            namespace_id: object.namespace().unwrap_or_default(),
            borrowed_by: object.spec.borrowed_by.as_str().into(),
            borrowed_at: kept.unwrap_or(created_at),
            imprint: Imprint::on(object).map(Box::new),
            book_uid: book.map(|owner| owner.uid.as_str().into()),
            version: version(object)?,
        })
    }
}

/// Returns true if an `ownerReference` is to a book, in any version of the API.
fn is_book(owner: &OwnerReference) -> bool {
    let group = owner.api_version.split_once('/').map(|(group, _)| group);
    owner.kind == crd::Book::kind(&()) && group == Some(crd::GROUP)
}

fn version(object: &impl kube::Resource) -> Result<Version, Unconvertible> {
    let meta = object.meta();
    let uid = meta.uid.as_deref().ok_or(Unconvertible::Metadata("uid"))?;
    let resource_version = meta
        .resource_version
        .as_deref()
        .and_then(|version| version.parse().ok());
    let resource_version = resource_version.ok_or(Unconvertible::Metadata("resourceVersion"))?;
    Ok(Version {
        uid: uid.into(),
        resource_version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_management_of_a_book_takes_as_little_room_as_its_label_alone() {
        assert!(size_of::<Management>() <= 2);
    }
}
