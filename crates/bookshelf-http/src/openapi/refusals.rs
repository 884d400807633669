//! The responses that are problems.

use serde_json::{Map, Value, json};

use super::components::{optional, reference};
use crate::problem::Code;

/// Returns the name of the response with these codes, which share a status.
pub(super) fn name(codes: &[Code]) -> String {
    let names = codes.iter().map(|code| format!("{code:?}"));
    names.collect::<Vec<_>>().join("Or")
}

/// Returns the response with these codes, which share a status. In addition to the request's id, it has `headers` and
/// may have those in `maybe`.
pub(super) fn response(codes: &[Code], headers: &[&str], maybe: &[&str]) -> Value {
    let status = codes.first().map(|code| code.status().as_u16());
    let descriptions = codes
        .iter()
        .map(|code| format!("`{}`: {}", last_part(*code), code.title()));
    let examples = codes
        .iter()
        .map(|code| (last_part(*code), json!({"value": example(*code)})));
    let urns = codes.iter().map(|code| code.urn()).collect::<Vec<_>>();
    let headers = headers
        .iter()
        .chain(&["X-Request-Id"])
        .map(|name| ((*name).to_owned(), reference("headers", name)))
        .chain(maybe.iter().map(|name| ((*name).to_owned(), optional(name))));
    json!({
        "description": descriptions.collect::<Vec<_>>().join("; "),
        "headers": headers.collect::<Map<_, _>>(),
        "content": {"application/problem+json": {
            "schema": {
                "allOf": [reference("schemas", "Problem")],
                "properties": {"type": {"enum": urns}, "status": {"const": status}},
            },
            "examples": examples.collect::<Map<_, _>>(),
        }},
    })
}

/// Returns the last part of the problem's type.
fn last_part(code: Code) -> String {
    code.urn().rsplit(':').next().unwrap_or_default().to_owned()
}

fn example(code: Code) -> Value {
    let (message, more) = match code {
        Code::InvalidRequest => (
            "author must not contain the character U+0098",
            json!({"field": "author"}),
        ),
        Code::Unauthenticated => (
            "unauthenticated: send one Authorization header with a bearer token for this API",
            json!({}),
        ),
        Code::Forbidden => ("forbidden", json!({})),
        Code::NotManageable => ("not manageable", json!({})),
        Code::NotFound => (
            "not found: the namespace \"science-library\" does not exist",
            json!({}),
        ),
        Code::MethodNotAllowed => ("this resource allows GET, HEAD", json!({})),
        Code::RequestTimeout => ("the body did not arrive within 30 s", json!({})),
        Code::AlreadyExists => ("already exists", json!({})),
        Code::KeyReused => ("the Idempotency-Key was used with another body", json!({})),
        Code::InProgress => (
            "another request with this Idempotency-Key is in progress",
            json!({}),
        ),
        Code::AlreadyBorrowed => ("already borrowed", json!({})),
        Code::OnLoan => ("on loan", json!({})),
        Code::UpdateConflict => ("update conflict", json!({})),
        Code::BeingDeleted => ("being deleted", json!({})),
        Code::NamespaceTerminating => ("the namespace is being deleted", json!({})),
        Code::PreconditionFailed => (
            "update conflict",
            json!({"etag": "\"37de470e-96ff-4a1d-9936-b658af32c629.635\""}),
        ),
        Code::TooLarge => ("the request body has more than 262144 bytes", json!({})),
        Code::UnsupportedMediaType => ("Content-Type must be application/json", json!({})),
        Code::Overloaded => (
            "too many requests are waiting for the Kubernetes API, nothing was written",
            json!({"retry_after": 1}),
        ),
        Code::Rejected => ("exceeded quota: books", json!({})),
        Code::Internal => ("internal error", json!({})),
        Code::Unavailable => (
            "the Kubernetes API is unavailable, nothing was written",
            json!({"retry_after": 1}),
        ),
        Code::OutcomeUnknown => (
            "the Kubernetes API did not answer, the write may have happened",
            json!({}),
        ),
    };
    let mut example = json!({
        "type": code.urn(),
        "title": code.title(),
        "status": code.status().as_u16(),
        "message": message,
        "request_id": "3952323968000047412",
    });
    if let (Some(example), Value::Object(more)) = (example.as_object_mut(), more) {
        example.extend(more);
    }
    example
}
