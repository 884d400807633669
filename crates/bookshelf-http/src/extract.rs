//! What handlers take from a request, with errors that name the field.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{self, BytesMut};
use actix_web::{FromRequest, HttpRequest};
use bookshelf_store::repository::{BookKey, Tenant};
use futures::StreamExt as _;
use futures::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

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
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let parsed = serde_path_to_error::deserialize(&mut deserializer);
    let value = parsed.map_err(|error| {
        let path = error.path().to_string();
        let is_field = path != "." && !error.inner().is_syntax() && !error.inner().is_eof();
        if is_field {
            Problem::invalid(path, format_args!("is not valid: {}", error.inner()))
        } else {
            Problem::new(
                Code::InvalidRequest,
                format!("the body is not valid: {}", error.inner()),
            )
        }
    })?;
    deserializer
        .end()
        .map_err(|error| Problem::new(Code::InvalidRequest, format!("the body is not valid: {error}")))?;
    Ok(value)
}

/// A segment of the request's path, by the name that the route gives it; decoded, and not copied.
#[must_use]
pub fn segment<'a>(request: &'a HttpRequest, name: &str) -> &'a str {
    request.match_info().get(name).unwrap_or_default()
}

/// The book that a path `/book/{namespace}/{id}` names.
pub fn book_key(request: &HttpRequest) -> Result<BookKey<'_>, Problem> {
    Ok(BookKey::parse(
        segment(request, "namespace"),
        segment(request, "id"),
    )?)
}

/// A query string. What does not fit the type is an error.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let parsed = web::Query::<T>::from_query(request.query_string());
        let invalid = |error| {
            Problem::new(
                Code::InvalidRequest,
                format!("the query string is not valid: {error}"),
            )
        };
        ready(parsed.map(|query| Self(query.into_inner())).map_err(invalid))
    }
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
                "is required: it says which tenant borrows or returns",
            )),
            (Some(_), Some(_)) => Err(Problem::invalid(TENANT_HEADER, "must be given once")),
        })
    }
}

#[cfg(test)]
mod tests {
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
    fn an_unknown_field_is_named() {
        assert!(message(r#"{"name": "a", "nmae": "b"}"#).contains("`nmae`"));
    }

    #[test]
    fn a_value_of_the_wrong_type_names_its_field() {
        assert!(message(r#"{"name": 5}"#).starts_with("name is not valid: invalid type: integer `5`"));
    }

    #[test]
    fn malformed_and_trailing_json_are_refused() {
        for body in ["", "{", "[]", r#"{"name": "a"} x"#, "null"] {
            assert!(message(body).contains("not valid"), "{body}");
        }
    }
}
