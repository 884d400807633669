//! Review requests to the API server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bookshelf_crd::GROUP;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube_informer::connector::{Connector, PriorityLevel, ResourceClient};
use serde::Deserialize;

use super::user::Hasher;
use super::{Error, Permission, User};

/// Creates reviews at the API server.
pub(super) struct Reviews {
    tokens: ResourceClient<TokenReview>,
    rights: ResourceClient<SubjectAccessReview>,
    audiences: Vec<String>,
}

impl Reviews {
    pub(super) fn new(connector: &Connector, audiences: Vec<String>) -> Self {
        Self {
            tokens: connector.resource().with_priority_level(PriorityLevel::Exempt),
            rights: connector.resource().with_priority_level(PriorityLevel::Exempt),
            audiences,
        }
    }

    /// Reviews a token. Returns its user and its remaining validity, if the token states one; `None` for a token that
    /// is not good or not for one of the audiences.
    pub(super) async fn token(
        &self,
        token: &str,
        hasher: &Hasher,
    ) -> Result<Option<(Arc<User>, Option<Duration>)>, Error> {
        let review = TokenReview {
            spec: TokenReviewSpec {
                audiences: Some(self.audiences.clone()),
                token: token.to_owned(),
            },
            ..TokenReview::default()
        };
        let status = self.tokens.create(&review).await?.status.unwrap_or_default();
        let audiences = status.audiences.unwrap_or_default();
        let is_ours = audiences.iter().any(|audience| self.audiences.contains(audience));
        let user = status.user.unwrap_or_default();
        // An authenticator may set an error along with either answer: only `authenticated` decides.
        let (Some(true), true, Some(name)) = (
            status.authenticated,
            is_ours,
            user.username.filter(|name| !name.is_empty()),
        ) else {
            return Ok(None);
        };
        let valid_for = expiry(token).map(|at| at.duration_since(SystemTime::now()).unwrap_or_default());
        if valid_for == Some(Duration::ZERO) {
            return Ok(None);
        }
        let extra = user.extra.unwrap_or_default();
        let user = User::new(hasher, name, user.uid, user.groups.unwrap_or_default(), extra);
        Ok(Some((Arc::new(user), valid_for)))
    }

    pub(super) async fn right(&self, review: &SubjectAccessReview) -> Result<bool, Error> {
        let status = self.rights.create(review).await?.status;
        Ok(status.is_some_and(|status| status.allowed && status.denied != Some(true)))
    }
}

/// Returns the request that reviews a permission of a user.
pub(super) fn subject_access(user: &User, permission: Permission<'_>) -> SubjectAccessReview {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let extra: BTreeMap<_, _> = user.extra.clone();
    SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(user.name.clone()),
            uid: user.uid.clone(),
            groups: Some(user.groups.clone()),
            extra: Some(extra),
            resource_attributes: Some(ResourceAttributes {
                group: Some(GROUP.to_owned()),
                resource: Some(permission.resource.as_str().to_owned()),
                verb: Some(permission.verb.as_str().to_owned()),
                namespace: text(permission.namespace),
                name: text(permission.name),
                ..ResourceAttributes::default()
            }),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    }
}

/// Returns the expiry that a JSON Web Token claims ([RFC 7519, section
/// 4.1.4](https://www.rfc-editor.org/rfc/rfc7519#section-4.1.4)). The API server has verified the token: the claim can
/// only shorten a decision.
fn expiry(token: &str) -> Option<SystemTime> {
    #[derive(Deserialize)]
    struct Claims {
        exp: f64,
    }

    let mut parts = token.split('.');
    let (_, claims, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
        return None;
    };
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
    let Claims { exp } = serde_json::from_slice(&claims).ok()?;
    let since_epoch = Duration::try_from_secs_f64(exp.max(0.0)).ok()?;
    UNIX_EPOCH.checked_add(since_epoch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Resource, Verb};

    #[test]
    fn a_right_is_asked_for_with_all_that_is_known_of_the_user() {
        let groups = vec!["system:serviceaccounts".to_owned(), "readers".to_owned()];
        let extra = BTreeMap::from([("example.com/pod".to_owned(), vec!["a".to_owned(), "b".to_owned()])]);
        let name = "system:serviceaccount:people:alice".to_owned();
        let uid = Some("a-uid".to_owned());
        let user = User::new(
            &Hasher::new(),
            name.clone(),
            uid.clone(),
            groups.clone(),
            extra.clone(),
        );
        let permission = Permission {
            verb: Verb::ActAs,
            resource: Resource::Tenants,
            namespace: "science",
            name: "bob",
        };
        let attributes = ResourceAttributes {
            group: Some("bookshelf.lostinsoba.com".to_owned()),
            resource: Some("tenants".to_owned()),
            verb: Some("act-as".to_owned()),
            namespace: Some("science".to_owned()),
            name: Some("bob".to_owned()),
            ..ResourceAttributes::default()
        };
        let expected = SubjectAccessReviewSpec {
            user: Some(name),
            uid,
            groups: Some(groups),
            extra: Some(extra),
            resource_attributes: Some(attributes),
            non_resource_attributes: None,
        };
        assert_eq!(subject_access(&user, permission).spec, expected);
    }

    #[test]
    fn a_decision_on_a_json_web_token_ends_with_the_token() {
        let token = |claims: &str| format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims));
        let at = |seconds| Some(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(expiry(&token(r#"{"exp": 1800000000}"#)), at(1_800_000_000));
        assert_eq!(expiry(&token(r#"{"sub": "a", "exp": 1.0}"#)), at(1));
        assert_eq!(expiry(&token(r#"{"exp": -5}"#)), at(0));
        for unlimited in [
            token("{}"),
            token("no JSON"),
            token(r#"{"exp": "soon"}"#),
            token(r#"{"exp": 1e300}"#),
            "opaque".to_owned(),
            "a.b".to_owned(),
            "a.b.c.d".to_owned(),
        ] {
            assert_eq!(expiry(&unlimited), None, "{unlimited}");
        }
    }
}
