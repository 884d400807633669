//! The rights that routes require.

pub use bookshelf_store::access::{Resource, Verb};

/// The right that a route requires of its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right(Option<Required>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Required {
    pub(crate) verb: Verb,
    pub(crate) resource: Resource,
    pub(crate) if_forced: Option<(Verb, Resource)>,
    pub(crate) is_of_tenant: bool,
}

impl Right {
    /// No right and no credentials required.
    pub const PUBLIC: Self = Self(None);

    /// Requires a verb on the resource, in the namespace and on the name in the path. A route without a namespace
    /// requires it in all namespaces; if the caller has it only in some, the answer has only these. An event stream
    /// requires `watch` instead of the verb.
    #[must_use]
    pub const fn to(verb: Verb, resource: Resource) -> Self {
        Self(Some(Required {
            verb,
            resource,
            if_forced: None,
            is_of_tenant: false,
        }))
    }

    /// Adds a right that a request with `force=true` also requires.
    #[must_use]
    pub const fn and_if_forced(self, verb: Verb, resource: Resource) -> Self {
        match self.0 {
            Some(required) => Self(Some(Required {
                if_forced: Some((verb, resource)),
                ..required
            })),
            None => self,
        }
    }

    /// Adds the right to act as the tenant of the request, unless the tenant has the user's own name.
    #[must_use]
    pub const fn of_tenant(self) -> Self {
        match self.0 {
            Some(required) => Self(Some(Required {
                is_of_tenant: true,
                ..required
            })),
            None => self,
        }
    }

    /// Returns true if no credentials are required.
    pub(crate) const fn is_public(self) -> bool {
        self.0.is_none()
    }

    /// Returns true if the route belongs to a tenant.
    pub(crate) const fn is_of_tenant(self) -> bool {
        matches!(
            self.0,
            Some(Required {
                is_of_tenant: true,
                ..
            })
        )
    }

    pub(crate) const fn required(self) -> Option<Required> {
        self.0
    }

    /// Returns the rights as a sentence of the OpenAPI document; `None` for a public route.
    pub(crate) fn sentence(self, path: &str, has_stream: bool) -> Option<String> {
        let required = self.0?;
        let (verb, resource) = (required.verb.as_str(), required.resource.as_str());
        let mut sentence = format!("In token mode: the right to `{verb}` `{resource}`");
        if has_stream {
            sentence += ", for an event stream to `watch` them";
        }
        if let Some((verb, resource)) = required.if_forced {
            let (verb, resource) = (verb.as_str(), resource.as_str());
            sentence.push_str(&[", with `force=true` also to `", verb, "` `", resource, "`"].concat());
        }
        if !path.contains("{namespace}") {
            sentence +=
                ", in all namespaces; a caller who has it only in some gets an answer with only these";
            if has_stream {
                sentence += ", and an event stream is refused";
            }
        }
        if required.is_of_tenant {
            sentence += ". To act for another tenant, the user also needs the right to `act-as` the `tenants` of that name";
        }
        Some(sentence + ".")
    }
}
