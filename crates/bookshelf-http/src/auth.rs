//! Authentication and authorization: the only place that decides on a request, before any other work on it.
//!
//! The route table says which [right](crate::route::Right) each route requires; no route can omit it. `Auth::authorize`
//! checks it against the caller, and returns the `Granted` without which no handler runs. The order of refusals: 401;
//! 404 or 405 for the route; 400 for the names in the path and for the tenant; 403. The names in a granted request are
//! checked before any other refusal.
//!
//! In token mode the API server decides ([`bookshelf_store::access`]), and its decisions are kept for a few seconds:
//! with kept decisions, authorization needs no request, no allocation and no wait. In header mode, every caller that
//! can connect is trusted.

mod bearer;
mod header_mode;
mod standing;
#[cfg(test)]
mod tests;
mod token_mode;

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use bookshelf_store::access::User;
use bookshelf_store::repository::Tenant;
use futures::FutureExt as _;

pub(crate) use header_mode::HeaderMode;
pub(crate) use standing::Standing;
pub(crate) use token_mode::TokenMode;

use crate::extract::{Request, TenantId};
use crate::grant::Grant;
use crate::problem::Problem;
use crate::route::{Endpoint, Table};

/// The authorization of requests, by mode.
pub(crate) enum Auth {
    /// Bearer tokens.
    Token(TokenMode),
    /// Trusted callers.
    Header(HeaderMode),
}

/// The attributes of a request that a decision depends on.
#[derive(Clone, Copy)]
pub(crate) struct Attributes<'a> {
    pub(crate) request: &'a Request,
    /// `None` if the route table has no such path or method.
    pub(crate) endpoint: Option<&'a Rc<Endpoint>>,
    pub(crate) is_stream: bool,
    pub(crate) table: &'a Table,
}

/// The permission to run the handler of an endpoint. Only [`Auth`] creates one.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    endpoint: Rc<Endpoint>,
    grant: Grant,
}

/// The refusal of a request, with its user if known.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) problem: Box<Problem>,
    pub(crate) user: Option<Arc<User>>,
}

/// The decisions that an authorization may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reviews {
    /// Kept decisions only. If one is missing, the future never completes.
    Kept,
    /// Kept decisions and new reviews.
    Any,
}

impl Auth {
    /// Authorizes a request by kept decisions. Returns `None` if that needs a review.
    pub(crate) fn authorize_now(&self, attributes: Attributes<'_>) -> Option<Result<Granted, Refused>> {
        self.authorize_with(attributes, Reviews::Kept).now_or_never()
    }

    /// Authorizes a request, by reviews where no decision is kept.
    pub(crate) async fn authorize(&self, attributes: Attributes<'_>) -> Result<Granted, Refused> {
        self.authorize_with(attributes, Reviews::Any).await
    }

    async fn authorize_with(&self, attributes: Attributes<'_>, reviews: Reviews) -> Result<Granted, Refused> {
        if let Some(endpoint) = attributes.endpoint.filter(|endpoint| endpoint.right.is_public()) {
            return Ok(Granted::unrestricted(endpoint));
        }
        match self {
            Self::Token(mode) => mode.authorize(attributes, reviews).await,
            Self::Header(mode) => mode.authorize(attributes),
        }
    }
}

impl Granted {
    /// Permits the handler of an endpoint that requires no credentials, or whose caller is trusted.
    fn unrestricted(endpoint: &Rc<Endpoint>) -> Self {
        Self {
            endpoint: Rc::clone(endpoint),
            grant: Grant::unrestricted(),
        }
    }

    /// Returns the endpoint whose handler may run, and what the handler may see.
    pub(crate) fn into_parts(self) -> (Rc<Endpoint>, Grant) {
        (self.endpoint, self.grant)
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self {
            problem: Box::new(problem),
            user: None,
        }
    }
}

/// Checks the names in the path of a request, then its tenant. Returns the tenant if the route has one.
pub(crate) fn check_names<'a>(
    request: &'a Request,
    endpoint: &Endpoint,
    user: Option<&'a User>,
) -> Result<Option<Cow<'a, str>>, Problem> {
    request.scope()?;
    if !endpoint.right.is_of_tenant() {
        return Ok(None);
    }
    let tenant = TenantId::named_by(request, user)?;
    Tenant::parse(&tenant)?;
    Ok(Some(tenant))
}
