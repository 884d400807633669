//! The permission to answer a request.

use std::sync::Arc;
use std::time::Instant;

use bookshelf_store::access::User;

/// The permission to answer a request, as its handler sees it.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    /// The user of a token; `None` where no token is needed.
    pub(crate) user: Option<Arc<User>>,
    /// The namespaces of a list of all namespaces.
    pub(crate) visible: Visible,
    /// The end of the decisions that it was made of; `None`: they do not end.
    pub(crate) until: Option<Instant>,
}

/// The namespaces of which a list of all namespaces consists.
#[derive(Clone, Debug)]
pub(crate) enum Visible {
    /// All.
    All,
    /// These, in order.
    Only(Arc<[Box<str>]>),
}

impl Grant {
    /// Returns the permission of a caller that is believed, or of a route that takes no credentials.
    pub(crate) fn to_all() -> Self {
        Self {
            user: None,
            visible: Visible::All,
            until: None,
        }
    }

    /// Returns true if it depends on the namespaces that the cache has.
    pub(crate) fn depends_on_cache(&self) -> bool {
        matches!(self.visible, Visible::Only(_))
    }
}
