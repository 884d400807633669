//! Books and loans as the domain knows them: values that obey the rules, made of requests and of custom
//! resources.

use std::sync::Arc;

use bookshelf_crd::{self as crd, BookSpec, book, labels, rules};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use k8s_openapi::jiff::Timestamp;
use kube::{Resource as _, ResourceExt as _};

use super::idempotency::Imprint;
use super::version::Version;
use crate::error::Invalid;
use crate::object::{ObjectKey, Uid};

/// A namespace that can exist: a DNS-1123 label.
#[derive(Clone, Copy, Debug)]
pub struct Namespace<'a>(&'a str);

impl<'a> Namespace<'a> {
    /// Checks the rule.
    pub fn parse(namespace: &'a str) -> Result<Self, Invalid> {
        Invalid::check("namespace_id", rules::namespace(namespace))?;
        Ok(Self(namespace))
    }

    /// The name.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// The place of a book that can exist, and of its loan: namespace and id.
#[derive(Clone, Copy, Debug)]
pub struct BookKey<'a> {
    pub(super) namespace: &'a str,
    pub(super) id: &'a str,
}

impl<'a> BookKey<'a> {
    /// Checks the rules of both parts.
    pub fn parse(namespace: &'a str, id: &'a str) -> Result<Self, Invalid> {
        let Namespace(namespace) = Namespace::parse(namespace)?;
        Invalid::check("id", rules::name(id))?;
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

/// A category: a label value that is not empty.
#[derive(Clone, Copy, Debug)]
pub struct Category<'a>(&'a str);

impl<'a> Category<'a> {
    /// Checks the rule. The empty string is no category.
    pub fn parse(category: &'a str) -> Result<Option<Self>, Invalid> {
        Invalid::check("category_id", rules::label_value(category))?;
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
        Invalid::check("X-TENANT-ID", rules::tenant(tenant))?;
        Ok(Self(tenant))
    }

    /// Checks the rule for a tenant whose loans are asked for. The empty string is every tenant.
    pub fn parse_borrowed_by(tenant: &'a str) -> Result<Option<Self>, Invalid> {
        if tenant.is_empty() {
            return Ok(None);
        }
        Invalid::check("borrowed_by", rules::tenant(tenant))?;
        Ok(Some(Self(tenant)))
    }

    /// The tenant's name.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// What a librarian says of a book.
#[derive(Clone, Debug)]
pub struct BookContent {
    pub(super) spec: BookSpec,
    pub(super) category: Option<String>,
}

impl BookContent {
    /// Checks the rules. An empty description or category is none.
    pub fn new(
        author: String,
        title: String,
        description: String,
        category: String,
    ) -> Result<Self, Invalid> {
        Invalid::check("author", rules::text(&author, book::AUTHOR_MAX))?;
        Invalid::check("title", rules::text(&title, book::TITLE_MAX))?;
        Invalid::check("description", rules::length(&description, book::DESCRIPTION_MAX))?;
        Invalid::check("category_id", rules::label_value(&category))?;
        let description = Some(description).filter(|text| !text.is_empty());
        let category = Some(category).filter(|category| !category.is_empty());
        Ok(Self {
            spec: BookSpec {
                author,
                title,
                description,
            },
            category,
        })
    }
}

/// What a book's managed-by label says, as precisely as a test of it has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ManagedBy {
    /// The book has no labels at all.
    NoLabels,
    /// It has others.
    NoLabel,
    /// It is there, and empty.
    Nobody,
    /// It names us.
    Bookshelf,
    /// It names somebody else.
    Another,
}

impl ManagedBy {
    fn of(object: &crd::Book) -> Self {
        let labels = object.labels();
        match labels.get(labels::MANAGED_BY).map(String::as_str) {
            // The API server keeps no empty map.
            None if labels.is_empty() => Self::NoLabels,
            None => Self::NoLabel,
            Some("") => Self::Nobody,
            value if labels::is_manageable(value) => Self::Bookshelf,
            Some(_) => Self::Another,
        }
    }

    pub(super) fn is_manageable(self) -> bool {
        self != Self::Another
    }
}

/// A book.
#[derive(Clone, Debug)]
pub struct Book {
    /// The object's name.
    pub id: String,
    /// The object's namespace.
    pub namespace_id: String,
    /// Never blank.
    pub author: String,
    /// Never blank.
    pub title: String,
    /// Never empty.
    pub description: Option<String>,
    /// Never empty.
    pub category_id: Option<String>,
    /// Who manages the object; never empty.
    pub managed_by: Option<String>,
    pub(super) label: ManagedBy,
    pub(super) imprint: Option<Imprint>,
    /// Whether somebody has deleted it and it waits for its finalizers.
    pub is_being_deleted: bool,
    /// Which version this is.
    pub version: Version,
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
    /// Since when.
    pub borrowed_at: Timestamp,
    /// Not kept by the cache.
    pub(super) imprint: Option<Box<Imprint>>,
    /// The book that the loan is of, as its ownerReference says; none on loans made by hand.
    pub book_uid: Option<Uid>,
    /// Which version this is.
    pub version: Version,
}

impl Loan {
    /// Whether the loan is of an earlier book of the same name than the one with this uid.
    #[must_use]
    pub fn is_left_over(&self, book: &Uid) -> bool {
        self.book_uid.as_ref().is_some_and(|of| of != book)
    }
}

/// A custom resource that is not a book or loan, although it passed for one.
#[derive(Debug, thiserror::Error)]
pub enum Unconvertible {
    /// The object lacks what the API server gives every object.
    #[error("metadata.{0} is missing or unusable")]
    Metadata(&'static str),
    /// The content breaks a rule of the domain.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

impl TryFrom<&crd::Book> for Book {
    type Error = Unconvertible;

    fn try_from(object: &crd::Book) -> Result<Self, Unconvertible> {
        let BookSpec {
            author,
            title,
            description,
        } = &object.spec;
        Invalid::check("author", rules::text(author, book::AUTHOR_MAX))?;
        Invalid::check("title", rules::text(title, book::TITLE_MAX))?;
        Ok(Self {
            id: object.name_any(),
            namespace_id: object.namespace().unwrap_or_default(),
            author: author.clone(),
            title: title.clone(),
            description: description.clone().filter(|text| !text.is_empty()),
            category_id: labels::value(object, labels::CATEGORY).map(str::to_owned),
            managed_by: labels::value(object, labels::MANAGED_BY).map(str::to_owned),
            label: ManagedBy::of(object),
            imprint: Imprint::on(object),
            is_being_deleted: object.metadata.deletion_timestamp.is_some(),
            version: version(object)?,
        })
    }
}

impl TryFrom<&crd::BookLoan> for Loan {
    type Error = Unconvertible;

    fn try_from(object: &crd::BookLoan) -> Result<Self, Unconvertible> {
        let mut owners = object.owner_references().iter();
        let book = owners.rfind(|owner| is_book(owner) && owner.name == object.name_any());
        Ok(Self {
            book_id: object.name_any(),
            namespace_id: object.namespace().unwrap_or_default(),
            borrowed_by: object.spec.borrowed_by.as_str().into(),
            borrowed_at: object
                .creation_timestamp()
                .ok_or(Unconvertible::Metadata("creationTimestamp"))?
                .0,
            imprint: Imprint::on(object).map(Box::new),
            book_uid: book.map(|owner| owner.uid.as_str().into()),
            version: version(object)?,
        })
    }
}

/// Whether an ownerReference is to a book, of any version of the API.
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
