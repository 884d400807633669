//! Authentication and authorization: the one place that decides on a request, before anything else of it happens.
//!
//! The route table says which [right](crate::route::Right) each route requires; there is no route without. `Auth::authorize`
//! compares that with the caller, and makes the `Granted` without which nothing runs a handler. The order of refusals: 401; 404
//! or 405 of the route; 400 of the names in the path and of the tenant; 403. The names in a request that is granted are
//! checked before anything else of it is refused.
//!
//! In token mode the API server decides ([`bookshelf_store::access`]), and its decisions are kept for a few seconds: a request
//! whose decisions are kept costs no request, no allocation and no wait. In header mode, every caller that can connect is
//! believed.

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

/// The decisions on requests.
pub(crate) enum Auth {
    /// Bearer tokens.
    Token(TokenMode),
    /// Callers are believed.
    Header(HeaderMode),
}

/// The attributes of a request that a decision is made of.
#[derive(Clone, Copy)]
pub(crate) struct Attributes<'a> {
    pub(crate) request: &'a Request,
    /// `None` where the route table has no such path, or no such method.
    pub(crate) endpoint: Option<&'a Rc<Endpoint>>,
    pub(crate) is_stream: bool,
    pub(crate) table: &'a Table,
}

/// The permission to run the handler of an endpoint. Only [`Auth::authorize`] makes one.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    endpoint: Rc<Endpoint>,
    grant: Grant,
}

/// A request that is refused, and its user where that is known.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) problem: Box<Problem>,
    pub(crate) user: Option<Arc<User>>,
}

/// The decisions that may be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reviews {
    /// The kept ones. Without one that it needs, the future never completes.
    Kept,
    /// All.
    Any,
}

impl Auth {
    /// Authorizes a request by kept decisions; `None` if that takes a review.
    pub(crate) fn authorize_now(&self, attributes: Attributes<'_>) -> Option<Result<Granted, Refused>> {
        self.authorize_with(attributes, Reviews::Kept).now_or_never()
    }

    /// Authorizes a request, by reviews where no decision is kept.
    pub(crate) async fn authorize(&self, attributes: Attributes<'_>) -> Result<Granted, Refused> {
        self.authorize_with(attributes, Reviews::Any).await
    }

    async fn authorize_with(&self, attributes: Attributes<'_>, reviews: Reviews) -> Result<Granted, Refused> {
        if let Some(endpoint) = attributes.endpoint.filter(|endpoint| endpoint.right.is_public()) {
            return Ok(Granted::to_all(endpoint));
        }
        match self {
            Self::Token(mode) => mode.authorize(attributes, reviews).await,
            Self::Header(mode) => mode.authorize(attributes),
        }
    }
}

impl Granted {
    /// Permits the handler of an endpoint that takes no credentials, or whose caller is believed.
    fn to_all(endpoint: &Rc<Endpoint>) -> Self {
        Self {
            endpoint: Rc::clone(endpoint),
            grant: Grant::to_all(),
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

/// Checks the names in the path of a request and then its tenant, which it returns where the route has one.
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
