//! Extractors of handler arguments, whose problems name the field.

mod body;
mod query;
mod request;

use std::borrow::Cow;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use actix_web::{FromRequest, HttpRequest};
use bookshelf_store::access::User;
use bookshelf_store::repository::{Expected, IdempotencyKey, Tenant, Version};

pub use body::{Json, MaxBody};
pub use query::{FromQuery, Parameters, Query};
pub(crate) use request::PathParameters;
pub use request::{FromHead, Request};

use crate::entity_tag::{Condition, EntityTag, condition, malformed};
use crate::problem::Problem;

/// The versions of an object that a write may change, from `If-Match` and `If-None-Match`
/// ([RFC 9110, section 13.1](https://www.rfc-editor.org/rfc/rfc9110#section-13.1)).
#[derive(Debug)]
pub struct Preconditions(pub Expected);

impl FromRequest for Preconditions {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(preconditions(request.headers()))
    }
}

fn preconditions(headers: &HeaderMap) -> Result<Preconditions, Problem> {
    let matching = condition(headers, &IF_MATCH).transpose();
    let expected = match matching.map_err(|_| malformed("If-Match"))? {
        None | Some(Condition::Any) => Expected::Any,
        // The comparison is strong.
        Some(Condition::OneOf(tags)) => Expected::OneOf(versions(tags.iter().filter(|tag| !tag.is_weak))),
    };
    let unwanted = condition(headers, &IF_NONE_MATCH).transpose();
    Ok(Preconditions(
        match unwanted.map_err(|_| malformed("If-None-Match"))? {
            None => expected,
            // No version matches; a missing object is still not found.
            Some(Condition::Any) => Expected::OneOf(Vec::new()),
            // The comparison is weak.
            Some(Condition::OneOf(tags)) => expected.except(versions(tags.iter())),
        },
    ))
}

/// Returns the versions of these tags. A tag that this service cannot have sent matches no version.
fn versions<'a>(tags: impl Iterator<Item = &'a EntityTag<'a>>) -> Vec<Version> {
    tags.filter_map(|tag| std::str::from_utf8(tag.opaque).ok()?.parse().ok())
        .collect()
}

/// The header that names the tenant.
const TENANT_HEADER: &str = "X-TENANT-ID";
const TENANT: HeaderName = HeaderName::from_static("x-tenant-id");

/// The tenant: the value of the only `X-TENANT-ID` or, in token mode without that header, the user.
#[derive(Clone, Debug)]
pub struct TenantId(String);

impl TenantId {
    /// Returns the tenant that the head of a request names; without the header, the user's name.
    pub(crate) fn named_by<'a>(
        request: &'a HttpRequest,
        user: Option<&'a User>,
    ) -> Result<Cow<'a, str>, Problem> {
        let mut values = request.headers().get_all(TENANT);
        match (values.next(), values.next(), user) {
            (Some(value), None, _) => Ok(String::from_utf8_lossy(value.as_bytes())),
            (Some(_), Some(_), _) => Err(Problem::invalid(TENANT_HEADER, "must be given once")),
            (None, _, Some(user)) if Tenant::parse(&user.name).is_ok() => Ok(Cow::Borrowed(&user.name)),
            (None, _, Some(_)) => Err(Problem::invalid(
                TENANT_HEADER,
                "is required: the user's name is not a valid tenant",
            )),
            (None, _, None) => Err(Problem::invalid(
                TENANT_HEADER,
                "is required: it names the tenant",
            )),
        }
    }

    /// Parses the tenant for the repository.
    pub fn tenant(&self) -> Result<Tenant<'_>, Problem> {
        Ok(Tenant::parse(&self.0)?)
    }
}

impl FromHead for TenantId {
    fn from_head(request: &Request) -> Result<Self, Problem> {
        let tenant = Self::named_by(request, request.user())?;
        Ok(Self(tenant.into_owned()))
    }
}

impl FromRequest for TenantId {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::from_head(&Request::of(request)))
    }
}

/// The header that lets a client safely repeat a request
/// ([draft-ietf-httpapi-idempotency-key-header](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/)).
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The key of a request, from at most one `Idempotency-Key`.
#[derive(Debug)]
pub struct Idempotency(Option<String>);

impl Idempotency {
    /// Parses the key for the repository.
    pub fn key(&self) -> Result<Option<IdempotencyKey<'_>>, Problem> {
        Ok(self.0.as_deref().map(IdempotencyKey::parse).transpose()?)
    }
}

impl FromRequest for Idempotency {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut values = request.headers().get_all(IDEMPOTENCY_KEY);
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        ready(match (values.next(), values.next()) {
            (first, None) => Ok(Self(first.map(text))),
            (_, Some(_)) => Err(Problem::invalid(IDEMPOTENCY_KEY, "must be given once")),
        })
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_write_is_meant_for_the_versions_that_its_headers_leave() {
        let [one, two] = ["a.1", "a.2"];
        let is_meant = |headers: &[(HeaderName, &'static str)]| {
            let mut request = TestRequest::default();
            for (name, value) in headers {
                request = request.append_header((name.clone(), *value));
            }
            let expected = preconditions(request.to_http_request().headers());
            expected
                .map(|Preconditions(expected)| {
                    [one, two].map(|version| expected.accepts(&version.parse().unwrap()))
                })
                .map_err(|problem| problem.to_string())
        };
        for (headers, expected) in [
            (&[][..], [true, true]),
            (&[(IF_MATCH, "*")], [true, true]),
            (&[(IF_MATCH, r#""a.1", W/"a.2""#)], [true, false]),
            (&[(IF_NONE_MATCH, "*")], [false, false]),
            (&[(IF_NONE_MATCH, r#""a.1""#)], [false, true]),
            (&[(IF_NONE_MATCH, r#"W/"a.1", "other""#)], [false, true]),
            (
                &[(IF_MATCH, r#""a.1", "a.2""#), (IF_NONE_MATCH, r#""a.2""#)],
                [true, false],
            ),
            (&[(IF_MATCH, "*"), (IF_NONE_MATCH, "*")], [false, false]),
        ] {
            assert_eq!(is_meant(headers), Ok(expected), "{headers:?}");
        }
        for name in [IF_MATCH, IF_NONE_MATCH] {
            let refusal = is_meant(&[(name.clone(), "a.1")]).unwrap_err();
            assert!(
                refusal.to_lowercase().starts_with(&format!("{name} must be")),
                "{refusal}"
            );
        }
    }
}
