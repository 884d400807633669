//! Compares every response that a test receives with the OpenAPI documents.

use std::sync::LazyLock;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::Value;

use crate::Answer;

/// The documents of both APIs, since a response does not tell which API sent it.
static DOCUMENTS: LazyLock<[Value; 2]> = LazyLock::new(|| {
    [
        include_str!("../../../docs/admin-api.openapi.json"),
        include_str!("../../../docs/user-api.openapi.json"),
    ]
    .map(|document| serde_json::from_str(document).unwrap_or_default())
});

/// Checks a response against the documents.
///
/// # Panics
///
/// Panics if the documents have the operation, but not such a response.
pub(crate) fn check(answer: &Answer) {
    let objections = objections(&answer.what, |document, operation| {
        let response = match response(document, operation, answer.status, &answer.headers) {
            Ok(response) => response,
            Err(objection) => return Some(objection),
        };
        let kinds = &response["content"]["application/problem+json"]["schema"]["properties"]["type"]["enum"];
        let kind = &problem(answer)["type"];
        // A response to HEAD has no body, and so no type of problem.
        let is_head = answer.what.starts_with("HEAD ");
        let is_documented = is_head || kinds.as_array().is_none_or(|kinds| kinds.contains(kind));
        (!is_documented).then(|| format!("{} is documented as {kinds}, and is {kind}", answer.status))
    });
    // A request without an operation gets 404 or 405, which the tests of routes check.
    let is_documented = objections.is_empty() || objections.contains(&None);
    let is_no_route =
        || answer.status == 404 && problem(answer)["message"] == "not found: the route does not exist";
    assert!(is_documented || is_no_route(), "{}: {objections:?}", answer.what);
}

/// Checks the head of an event stream. No other program compares streams with the documents, as their bodies do not
/// end.
///
/// # Panics
///
/// Panics if the documents do not have such an event stream.
pub(crate) fn check_stream(what: &str, status: u16, headers: &HeaderMap) {
    let objections = objections(what, |document, operation| {
        response(document, operation, status, headers).err()
    });
    assert!(objections.contains(&None), "{what}: {objections:?}");
}

/// Returns one objection, or `None`, for each document that has the operation.
fn objections(what: &str, objection: impl Fn(&Value, &Value) -> Option<String>) -> Vec<Option<String>> {
    let Some((method, path)) = what.split_once(' ') else {
        return Vec::new();
    };
    let path = path.split('?').next().unwrap_or_default();
    let operations = DOCUMENTS.iter().filter_map(|document| {
        let mut paths = document["paths"].as_object()?.iter();
        let (_, operations) = paths.find(|(template, _)| fits(template, path))?;
        // HEAD is documented as GET: it has the same response without the body.
        let method = if method == "HEAD" {
            "get".to_owned()
        } else {
            method.to_lowercase()
        };
        Some((document, operations.get(method)?))
    });
    operations
        .map(|(document, operation)| objection(document, operation))
        .collect()
}

fn fits(template: &str, path: &str) -> bool {
    let (mut of_template, mut of_path) = (template.split('/'), path.split('/'));
    loop {
        match (of_template.next(), of_path.next()) {
            (None, None) => return true,
            (Some(part), Some(given)) if part == given || (part.starts_with('{') && !given.is_empty()) => {}
            _ => return false,
        }
    }
}

/// Returns the documented response for this status and these headers, or the difference from it.
fn response<'a>(
    document: &'a Value,
    operation: &'a Value,
    status: u16,
    headers: &HeaderMap,
) -> Result<&'a Value, String> {
    let response = operation["responses"].get(status.to_string());
    let response = response.map(|response| resolve(document, response));
    let response = response.ok_or_else(|| format!("{status} is not documented"))?;
    let documented = response["headers"].as_object().into_iter().flatten();
    for (name, header) in documented {
        let header = resolve(document, header);
        let Some(value) = headers.get(name) else {
            if header["required"] == true {
                return Err(format!("{status} lacks {name}"));
            }
            continue;
        };
        let constant = header["schema"]["const"].as_str();
        if constant.is_some_and(|constant| value != constant) {
            return Err(format!("{name} of {status} is {value:?}, and not {constant:?}"));
        }
    }
    // A response to HEAD has the content type of GET, but no body.
    let kinds = response["content"].as_object();
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next());
    if kinds.is_some_and(|kinds| !kind.is_some_and(|kind| kinds.contains_key(kind))) {
        return Err(format!("{status} is of the type {kind:?}"));
    }
    Ok(response)
}

fn problem(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let reference = value["$ref"].as_str().and_then(|path| path.strip_prefix('#'));
    reference.map_or(value, |pointer| document.pointer(pointer).unwrap_or(&Value::Null))
}
