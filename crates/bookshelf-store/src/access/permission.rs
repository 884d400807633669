//! Permissions in the sense of RBAC.

use std::fmt;

use bookshelf_crd::GROUP;

/// A permission: a verb on a resource of bookshelf's API group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Permission<'a> {
    /// The verb.
    pub verb: Verb,
    /// The resource.
    pub resource: Resource,
    /// The namespace; empty: all namespaces.
    pub namespace: &'a str,
    /// The name of the object; empty: every object.
    pub name: &'a str,
}

/// A verb of an API request ([Kubernetes
/// documentation](https://kubernetes.io/docs/reference/access-authn-authz/authorization/)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Reads one object.
    Get,
    /// Reads objects.
    List,
    /// Follows the changes of objects.
    Watch,
    /// Creates an object.
    Create,
    /// Replaces an object.
    Update,
    /// Changes parts of an object.
    Patch,
    /// Deletes an object.
    Delete,
    /// Acts as a tenant.
    ActAs,
}

impl Verb {
    /// Returns the verb as it appears in roles.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::ActAs => "act-as",
        }
    }
}

/// A resource of bookshelf's API group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Books.
    Books,
    /// Loans.
    BookLoans,
    /// Loan journals, which contain the history.
    LoanJournals,
    /// Tenants. No such objects exist: a role names the tenants that its users may act as.
    Tenants,
}

impl Resource {
    /// Returns the plural name as it appears in roles.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Books => "books",
            Self::BookLoans => "bookloans",
            Self::LoanJournals => "loanjournals",
            Self::Tenants => "tenants",
        }
    }
}

impl fmt::Display for Permission<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, resource) = (self.verb.as_str(), self.resource.as_str());
        write!(f, "{verb} {resource}.{GROUP}")?;
        if !self.name.is_empty() {
            write!(f, " {:?}", self.name)?;
        }
        match self.namespace {
            "" => write!(f, " in all namespaces"),
            namespace => write!(f, " in the namespace {namespace:?}"),
        }
    }
}
