//! Token mode: the API server decides.

use std::borrow::Cow;
use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bookshelf_store::access::{Access as Decisions, Decision, Error, Permission, Resource, User, Verb};
use bookshelf_store::repository::{Namespaces, Place};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::{Attributes, Granted, Refused, Reviews, bearer, check_names};
use crate::extract::{Parameters, Request};
use crate::grant::{Grant, Visible};
use crate::problem::{Code, Problem};
use crate::route::Endpoint;

/// The maximum number of concurrent reviews of one request.
const REVIEWS_AT_ONCE: usize = 16;

/// The message to a caller without valid credentials. The log has the reason.
const UNAUTHENTICATED: &str =
    "unauthenticated: send one Authorization header with a bearer token for this API";

/// Decides on requests by their bearer tokens.
pub(crate) struct TokenMode {
    decisions: Decisions,
}

impl TokenMode {
    pub(crate) fn new(decisions: Decisions) -> Self {
        Self { decisions }
    }

    pub(super) async fn authorize(
        &self,
        attributes: Attributes<'_>,
        reviews: Reviews,
    ) -> Result<Granted, Refused> {
        let now = Instant::now();
        let Decision { value: user, until } = self.authenticate(attributes, reviews, now).await?;
        let granted = async {
            let refusal = || attributes.table.refusal(attributes.request.decoded_path());
            let authorization = Authorization {
                decisions: &self.decisions,
                request: attributes.request,
                endpoint: attributes.endpoint.ok_or_else(refusal)?,
                reviews,
                now,
                user: &user,
            };
            authorization.grant(attributes.is_stream, until).await
        };
        granted.await.map_err(|problem| Refused {
            problem: Box::new(problem),
            user: Some(Arc::clone(&user)),
        })
    }

    /// Returns the user of the request's token.
    async fn authenticate(
        &self,
        attributes: Attributes<'_>,
        reviews: Reviews,
        now: Instant,
    ) -> Result<Decision<Arc<User>>, Problem> {
        let refused = |reason: &'static str, has_token| {
            Problem::unauthenticated(UNAUTHENTICATED, has_token).with_cause(reason)
        };
        let token = bearer::token(attributes.request.headers());
        let token = token.map_err(|none| refused(none.reason(), false))?;
        // A token with a kept decision has been checked before.
        let decided = if let Some(kept) = self.decisions.kept_user(token, now) {
            kept
        } else {
            let checked = bearer::checked(token);
            let checked = checked.map_err(|none| refused(none.reason(), bearer::is_one_word(token)))?;
            reviews.allowed().await;
            self.decisions.user(checked).await.map_err(no_decision)?
        };
        match decided.value {
            Some(user) => Ok(Decision {
                value: user,
                until: decided.until,
            }),
            None => Err(refused(
                "the Kubernetes API does not accept the token for this audience",
                true,
            )),
        }
    }
}

/// The authorization of a request whose user is known.
struct Authorization<'a> {
    decisions: &'a Decisions,
    request: &'a Request,
    endpoint: &'a Rc<Endpoint>,
    reviews: Reviews,
    now: Instant,
    user: &'a Arc<User>,
}

impl Authorization<'_> {
    async fn grant(&self, is_stream: bool, mut until: Instant) -> Result<Granted, Problem> {
        let Some(required) = self.endpoint.right.required() else {
            return Ok(Granted::unrestricted(self.endpoint));
        };
        // An invalid tenant is refused before a missing right.
        let tenant = if required.is_of_tenant {
            self.check_names()?
        } else {
            None
        };
        let verb = if is_stream { Verb::Watch } else { required.verb };
        let mut visible = Visible::All;
        if self.request.raw_namespace().is_none() && !is_stream {
            visible = self.visible(verb, required.resource, &mut until).await?;
        } else {
            self.require(verb, required.resource, &mut until).await?;
        }
        if let Some((verb, resource)) = required.if_forced.filter(|_| self.is_forced()) {
            self.require(verb, resource, &mut until).await?;
        }
        if let Some(tenant) = tenant.filter(|tenant| *tenant != self.user.name) {
            let namespace = self.request.raw_namespace().unwrap_or_default();
            self.require_of(Verb::ActAs, Resource::Tenants, namespace, &tenant, &mut until)
                .await?;
        }
        Ok(Granted {
            endpoint: Rc::clone(self.endpoint),
            grant: Grant {
                user: Some(Arc::clone(self.user)),
                visible,
                until: Some(until),
            },
        })
    }

    /// Requires a verb on the object in the path: for all objects of its namespace, or for its name.
    async fn require(&self, verb: Verb, resource: Resource, until: &mut Instant) -> Result<(), Problem> {
        let (namespace, name) = self.request.raw_book_key();
        // A journal does not have its book's name.
        let name = if resource == Resource::LoanJournals {
            ""
        } else {
            name
        };
        self.require_of(verb, resource, namespace, name, until).await
    }

    async fn require_of(
        &self,
        verb: Verb,
        resource: Resource,
        namespace: &str,
        name: &str,
        until: &mut Instant,
    ) -> Result<(), Problem> {
        let for_all_names = Permission {
            verb,
            resource,
            namespace,
            name: "",
        };
        if self.may(for_all_names, until).await? {
            return Ok(());
        }
        let permission = Permission {
            name,
            ..for_all_names
        };
        if !name.is_empty() && self.may(permission, until).await? {
            return Ok(());
        }
        self.check_names()?;
        Err(Problem::new(
            Code::Forbidden,
            format!("forbidden: this takes the right to {permission}"),
        ))
    }

    /// Returns the namespaces that a list of all namespaces includes.
    async fn visible(&self, verb: Verb, resource: Resource, until: &mut Instant) -> Result<Visible, Problem> {
        let in_all = Permission {
            verb,
            resource,
            namespace: "",
            name: "",
        };
        if self.may(in_all, until).await? {
            return Ok(Visible::All);
        }
        let namespaces = self.request.repository()?.namespaces(Namespaces::All);
        let namespaces = namespaces.iter_after(Place::default());
        let namespaces = namespaces.map(|(namespace, _)| namespace.into());
        let decisions = stream::iter(namespaces.collect::<Vec<Box<str>>>()).map(async |namespace| {
            let mut until = self.now + bookshelf_store::access::KEPT_FOR;
            let permission = Permission {
                namespace: &namespace,
                ..in_all
            };
            let may = self.may(permission, &mut until).await?;
            Ok::<_, Problem>((may.then_some(namespace), until))
        });
        let decisions: Vec<_> = decisions.buffered(REVIEWS_AT_ONCE).try_collect().await?;
        let mut visible = Vec::new();
        for (namespace, kept_until) in decisions {
            *until = kept_until.min(*until);
            visible.extend(namespace);
        }
        Ok(Visible::Only(visible.into()))
    }

    /// Returns true if the user has a permission. Lowers `until` to the expiry of the decision.
    async fn may(&self, permission: Permission<'_>, until: &mut Instant) -> Result<bool, Problem> {
        let decided = if let Some(kept) = self.decisions.kept_right(self.user, permission, self.now) {
            kept
        } else {
            // Only valid names are sent to the API server.
            self.check_names()?;
            self.reviews.allowed().await;
            let decided = self.decisions.may(self.user, permission).await;
            decided.map_err(no_decision)?
        };
        *until = decided.until.min(*until);
        Ok(decided.value)
    }

    fn check_names(&self) -> Result<Option<Cow<'_, str>>, Problem> {
        check_names(self.request, self.endpoint, Some(self.user))
    }

    /// Returns true if the query has `force=true`. An invalid query is refused later.
    fn is_forced(&self) -> bool {
        let query = Parameters::of(self.request);
        query.is_ok_and(|query| query.flag("force").unwrap_or_default())
    }
}

impl Reviews {
    /// Never completes unless reviews are allowed.
    async fn allowed(self) {
        if self == Self::Kept {
            pending::<()>().await;
        }
    }
}

/// Returns the problem of a request that cannot be decided on now.
fn no_decision(error: Error) -> Problem {
    let message = error.to_string();
    match error {
        Error::Overloaded { retry_after } => {
            Problem::new(Code::Overloaded, message).with_retry_after(Some(retry_after))
        }
        Error::Unavailable { retry_after, cause } => {
            Problem::new(Code::Unavailable, format!("{message}, nothing was written"))
                .with_retry_after(retry_after)
                .with_cause(&cause)
        }
        Error::Internal { cause } => Problem::new(Code::Internal, message).with_cause(&cause),
    }
}
