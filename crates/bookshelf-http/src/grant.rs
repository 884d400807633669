//! The permission to answer a request.

use std::sync::Arc;
use std::time::Instant;

use bookshelf_store::access::User;

/// The permission to answer a request, as its handler sees it.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    /// The user of a token; `None` where no token is needed.
    pub(crate) user: Option<Arc<User>>,
    /// The namespaces that a list of all namespaces includes.
    pub(crate) visible: Visible,
    /// The expiry of the decisions behind it; `None` if they do not expire.
    pub(crate) until: Option<Instant>,
}

/// The namespaces that a list of all namespaces includes.
#[derive(Clone, Debug)]
pub(crate) enum Visible {
    /// All.
    All,
    /// These, sorted.
    Only(Arc<[Box<str>]>),
}

impl Grant {
    /// Returns the permission for a trusted caller, or for a route that requires no credentials.
    pub(crate) fn unrestricted() -> Self {
        Self {
            user: None,
            visible: Visible::All,
            until: None,
        }
    }

    /// Returns true if it depends on the namespaces in the cache.
    pub(crate) fn depends_on_cache(&self) -> bool {
        matches!(self.visible, Visible::Only(_))
    }
}
