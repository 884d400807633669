//! What handlers take from a request, with errors that name the field.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use actix_web::web::{self, BytesMut};
use actix_web::{FromRequest, HttpRequest};
use bookshelf_store::repository::{BookKey, Expected, IdempotencyKey, Namespace, Tenant, Version};
use futures::StreamExt as _;
use futures::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::entity_tag::{Condition, EntityTag, condition};
use crate::problem::{Code, Problem};

/// How long a request's body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest body, as `--max-body` says.
#[derive(Clone, Copy, Debug)]
pub struct MaxBody(pub usize);

/// A JSON body. Unknown fields are the type's business (`deny_unknown_fields`); a value of the wrong type is
/// an error that names its field.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            check_content_type(&request)?;
            let limit = request
                .app_data::<web::Data<MaxBody>>()
                .map_or(usize::MAX, |limit| limit.0);
            let body = timeout(BODY_TIMEOUT, read(payload, limit)).await.map_err(|_| {
                Problem::new(
                    Code::RequestTimeout,
                    format!("the body did not arrive within {} s", BODY_TIMEOUT.as_secs()),
                )
            })??;
            parse(&body).map(Self)
        })
    }
}

fn check_content_type(request: &HttpRequest) -> Result<(), Problem> {
    let content_type = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(Problem::new(
            Code::UnsupportedMediaType,
            "Content-Type has to be application/json",
        ))
    }
}

async fn read(mut payload: Payload, limit: usize) -> Result<BytesMut, Problem> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| {
            Problem::new(
                Code::InvalidRequest,
                format!("the request body cannot be read: {error}"),
            )
        })?;
        if body.len() + chunk.len() > limit {
            return Err(Problem::new(
                Code::TooLarge,
                format!("the request body has more than {limit} bytes"),
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // An array would be taken for the values of the fields in their order.
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::new(
            Code::InvalidRequest,
            "the body is not valid: it has to be an object",
        ));
    }
    serde_json::from_slice(body).map_err(|error| {
        // Only where something is wrong is it worth knowing where: to keep track of that takes as long as all the rest.
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
            Err(at) if !error.is_syntax() && !error.is_eof() && at.path().iter().next().is_some() => {
                Problem::invalid(at.path().to_string(), format_args!("is not valid: {error}"))
            }
            _ => Problem::new(Code::InvalidRequest, format!("the body is not valid: {error}")),
        }
    })
}

/// The namespace that a path `/{collection}/{namespace}` names, and those under it.
pub fn namespace(request: &HttpRequest) -> Result<Namespace<'_>, Problem> {
    let (namespace, _) = split(below_collection(request));
    Ok(Namespace::parse(namespace)?)
}

/// The book that a path `/{collection}/{namespace}/{id}` names, and those under it.
pub fn book_key(request: &HttpRequest) -> Result<BookKey<'_>, Problem> {
    let (namespace, id) = book_path(request);
    Ok(BookKey::parse(namespace, id)?)
}

/// The same namespace and id, whether they obey the rules or not.
#[must_use]
pub fn book_path(request: &HttpRequest) -> (&str, &str) {
    let (namespace, rest) = split(below_collection(request));
    (namespace, split(rest).0)
}

/// The request's path, decoded and not copied, without its first segment.
fn below_collection(request: &HttpRequest) -> &str {
    let path = request.match_info().as_str();
    split(path.strip_prefix('/').unwrap_or(path)).1
}

/// The first segment of a path, and what follows it.
fn split(path: &str) -> (&str, &str) {
    // Not what is fast for long texts: segments are as short as it takes to begin.
    match path.bytes().position(|byte| byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (path, ""),
    }
}

/// A query string. What does not fit the type is an error.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}

impl<T: DeserializeOwned> Query<T> {
    /// That of a request.
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let parsed = web::Query::<T>::from_query(request.query_string());
        let invalid = |error| {
            Problem::new(
                Code::InvalidRequest,
                format!("the query string is not valid: {error}"),
            )
        };
        parsed.map(|query| Self(query.into_inner())).map_err(invalid)
    }
}

/// Which versions of an object a write is meant for, as `If-Match` and `If-None-Match` say
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
    let malformed =
        |name| move |_| Problem::invalid(name, "must be * or entity tags as an ETag has them, in quotes");
    let matching = condition(headers, &IF_MATCH).transpose();
    let expected = match matching.map_err(malformed("If-Match"))? {
        None | Some(Condition::Any) => Expected::Any,
        // The comparison is strong.
        Some(Condition::OneOf(tags)) => Expected::OneOf(versions(tags.iter().filter(|tag| !tag.is_weak))),
    };
    let unwanted = condition(headers, &IF_NONE_MATCH).transpose();
    Ok(Preconditions(
        match unwanted.map_err(malformed("If-None-Match"))? {
            None => expected,
            // There is no version that this is meant for: what is not there is not found.
            Some(Condition::Any) => Expected::OneOf(Vec::new()),
            // The comparison is weak.
            Some(Condition::OneOf(tags)) => expected.except(versions(tags.iter())),
        },
    ))
}

/// A tag that we cannot have given is that of no version.
fn versions<'a>(tags: impl Iterator<Item = &'a EntityTag<'a>>) -> Vec<Version> {
    tags.filter_map(|tag| std::str::from_utf8(tag.opaque).ok()?.parse().ok())
        .collect()
}

/// The header that says which tenant asks.
const TENANT_HEADER: &str = "X-TENANT-ID";

/// The tenant who asks, from exactly one `X-TENANT-ID`.
#[derive(Debug)]
pub struct TenantId(String);

impl TenantId {
    /// The tenant, for the repository.
    pub fn tenant(&self) -> Result<Tenant<'_>, Problem> {
        Ok(Tenant::parse(&self.0)?)
    }
}

impl FromRequest for TenantId {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut values = request.headers().get_all(TENANT_HEADER);
        ready(match (values.next(), values.next()) {
            (Some(value), None) => Ok(Self(String::from_utf8_lossy(value.as_bytes()).into_owned())),
            (None, _) => Err(Problem::invalid(
                TENANT_HEADER,
                "is required: it says which tenant asks",
            )),
            (Some(_), Some(_)) => Err(Problem::invalid(TENANT_HEADER, "must be given once")),
        })
    }
}

/// The header that lets a client repeat a request
/// ([draft-ietf-httpapi-idempotency-key-header](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/)).
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// What the client calls the request, from one `Idempotency-Key` at most.
#[derive(Debug)]
pub struct Idempotency(Option<String>);

impl Idempotency {
    /// The key, for the repository.
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
    use actix_web::http::header::HeaderName;
    use actix_web::test::TestRequest;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Example {
        #[expect(dead_code, reason = "only its type matters")]
        name: String,
    }

    fn message(body: &str) -> String {
        parse::<Example>(body.as_bytes()).unwrap_err().to_string()
    }

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

    #[test]
    fn an_unknown_field_is_named() {
        assert!(message(r#"{"name": "a", "nmae": "b"}"#).contains("`nmae`"));
    }

    #[test]
    fn a_value_of_the_wrong_type_names_its_field() {
        assert!(message(r#"{"name": 5}"#).starts_with("name is not valid: invalid type: integer `5`"));
    }

    #[test]
    fn malformed_and_trailing_json_are_refused() {
        for body in ["", "{", "[]", r#"{"name": "a"} x"#, "null", r#" ["a"]"#] {
            assert!(message(body).contains("not valid"), "{body}");
        }
    }
}
