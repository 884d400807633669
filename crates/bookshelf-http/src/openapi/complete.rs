//! Adds the common parameters, headers and problems to each operation.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

use super::components::{self, reference};
use super::{links, refusals};
use crate::args::AuthMode;
use crate::docs;
use crate::problem::{self, Code};
use crate::route::Routes;

/// The extension in which an operation lists its problems.
const PROBLEMS: &str = "x-problems";
/// The headers that say how new an answer is.
const VERSIONED: [&str; 4] = ["Age", "Cache-Control", "Vary", "X-Resource-Version"];

/// The schemas that operations refer to without naming a type.
#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(problem::Body, docs::File)))]
struct Schemas;

/// The tag of operations of the service itself.
const SERVICE: &str = "service";

/// Completes the document of an API: `openapi` has its title and tags, `routes` its operations.
///
/// # Panics
///
/// If an operation lists an unknown problem: a mistake in the code, which a test of the document finds.
#[must_use]
pub fn document(mut openapi: OpenApi, routes: Routes, auth_mode: AuthMode) -> Value {
    openapi.merge(Schemas::openapi());
    let rights = routes.rights().filter_map(|(path, method, right, has_stream)| {
        let sentence = right.sentence(path, has_stream)?;
        Some(((path.to_owned(), method.as_str().to_lowercase()), sentence))
    });
    let rights = rights.collect::<BTreeMap<_, _>>();
    let mut document = json!(routes.document(openapi));
    let mut shared = Shared {
        parameters: components::parameters(),
        responses: Map::new(),
        urns: BTreeSet::new(),
    };
    let mut ids = BTreeSet::new();
    for (path, operations) in members(&mut document["paths"]) {
        for (method, operation) in members(operations) {
            shared.complete(path, method, operation);
            if let Some(sentence) = rights.get(&(path.clone(), method.clone())) {
                let described = operation["description"].as_str().unwrap_or_default();
                operation["description"] = json!(format!("{described}\n\n{sentence}").trim_start());
                if auth_mode == AuthMode::Token {
                    operation["security"] = json!([{"bearer": []}]);
                }
            }
            let id = operation["operationId"].as_str().unwrap_or_default();
            // One handler may have several methods.
            let id = if ids.contains(id) {
                format!("{id}_{method}")
            } else {
                id.to_owned()
            };
            operation["operationId"] = json!(id);
            ids.insert(id);
        }
    }
    links::link(&mut document);
    if auth_mode == AuthMode::Token {
        document["components"]["securitySchemes"] = json!({"bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "A token that the Kubernetes API accepts for the audience of this API, such as that of a \
                            ServiceAccount. RBAC decides what its user may do.",
        }});
    }
    document["components"]["parameters"] = json!(shared.parameters);
    document["components"]["responses"] = json!(shared.responses);
    let used = document.to_string();
    let mut headers = components::headers();
    headers.retain(|name, _| used.contains(&reference("headers", name).to_string()));
    document["components"]["headers"] = json!(headers);
    document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"] = json!(shared.urns);
    document
}

fn members(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flatten()
}

/// Adds the entity tag as an optional header, since only lists have one.
fn add_tag_of_list(headers: &mut Value, others: &str) {
    headers["ETag"] = components::headers()["ETag"].clone();
    headers["ETag"]["required"] = json!(false);
    headers["ETag"]["description"] = json!(format!("The entity tag of the list; {others} none."));
}

/// Adds the header that only streams have.
fn add_stream_headers(headers: &mut Value) {
    add_tag_of_list(headers, "a stream has");
    headers["X-Accel-Buffering"] = json!({
        "description": "`no` for a stream, so that proxies do not buffer its events.",
        "schema": {"type": "string", "const": "no"},
    });
}

/// Marks a header as required, unless the handler declares it as an `Option`.
fn require_unless_nullable(header: &mut Value) {
    let kind = &mut header["schema"]["type"];
    if *kind == json!(["string", "null"]) {
        *kind = json!("string");
    } else {
        header["required"] = json!(true);
    }
}

/// The components that operations refer to.
struct Shared {
    parameters: Map<String, Value>,
    responses: Map<String, Value>,
    /// The types of all problems.
    urns: BTreeSet<String>,
}

impl Shared {
    fn complete(&mut self, path: &str, method: &str, operation: &mut Value) {
        let is_own = operation["tags"] == json!([SERVICE]);
        let is_read = method == "get";
        if is_read && !is_own {
            let known = "`If-None-Match` names the current entity tag";
            operation["responses"]["304"] = json!({"description": known});
        }
        let is_conditional = operation["responses"].get("304").is_some();
        self.add_parameters(path, operation, is_own, is_conditional);
        for (status, response) in members(&mut operation["responses"]) {
            for (name, header) in members(&mut response["headers"]) {
                if name == "Location" {
                    *header = reference("headers", name);
                } else {
                    require_unless_nullable(header);
                }
            }
            if response["content"].get("text/event-stream").is_some() {
                add_stream_headers(&mut response["headers"]);
            }
            if response["content"].get("application/x-ndjson").is_some() {
                add_tag_of_list(&mut response["headers"], "JSON lines have");
            }
            let is_tagged = match status.as_str() {
                "200" => is_conditional || !is_read,
                "201" | "304" => true,
                _ => false,
            };
            let versioned = VERSIONED.into_iter().filter(|_| !is_own);
            for name in versioned
                .chain(["X-Request-Id"])
                .chain(is_tagged.then_some("ETag"))
            {
                let headers = &mut response["headers"];
                if headers.get(name).is_none() {
                    headers[name] = reference("headers", name);
                }
            }
        }
        self.add_refusals(operation, is_own, is_read, is_conditional);
    }

    /// Adds the common parameters, and replaces shared ones by references.
    fn add_parameters(&mut self, path: &str, operation: &mut Value, is_own: bool, is_conditional: bool) {
        let of_path = ["namespace", "id"]
            .into_iter()
            .filter(|name| path.contains(&format!("{{{name}}}")));
        let mut parameters = of_path
            .map(|name| reference("parameters", name))
            .collect::<Vec<_>>();
        for mut parameter in operation["parameters"].as_array().cloned().unwrap_or_default() {
            components::describe(&mut parameter);
            let name = parameter["name"].as_str().unwrap_or_default();
            let shared = self.parameters.entry(name).or_insert_with(|| parameter.clone());
            parameters.push(if *shared == parameter {
                reference("parameters", name)
            } else {
                parameter
            });
        }
        let of_all = [
            ("If-Match", is_conditional),
            ("If-None-Match", is_conditional),
            ("Cache-Control", is_conditional && !is_own),
            ("X-Resource-Version", !is_own),
            ("X-Request-Id", true),
        ];
        let of_all = of_all.into_iter().filter(|(_, is_there)| *is_there);
        parameters.extend(of_all.map(|(name, _)| reference("parameters", name)));
        operation["parameters"] = json!(parameters);
    }

    fn add_refusals(&mut self, operation: &mut Value, is_own: bool, is_read: bool, is_conditional: bool) {
        let listed = operation
            .as_object_mut()
            .and_then(|fields| fields.remove(PROBLEMS));
        let listed = listed.map(serde_json::from_value::<Vec<Code>>);
        let mut codes = match listed.transpose() {
            Ok(codes) => codes.unwrap_or_default(),
            Err(error) => panic!("{PROBLEMS} of {operation}: {error}"),
        };
        codes.extend([Code::InvalidRequest, Code::MethodNotAllowed]);
        if is_conditional {
            codes.push(Code::PreconditionFailed);
        }
        if !is_own {
            codes.extend([Code::Unauthenticated, Code::Forbidden]);
            codes.extend([Code::Overloaded, Code::Internal, Code::Unavailable]);
            if !is_read {
                // The encoding of a body is refused even if the operation needs no body.
                codes.extend([Code::OutcomeUnknown, Code::UnsupportedMediaType]);
            }
        }
        if operation.get("requestBody").is_some() {
            codes.extend([Code::RequestTimeout, Code::TooLarge]);
        }
        let mut by_status = BTreeMap::<u16, Vec<Code>>::new();
        for code in codes {
            by_status.entry(code.status().as_u16()).or_default().push(code);
        }
        for (status, mut codes) in by_status {
            codes.sort();
            codes.dedup();
            operation["responses"][status.to_string()] = self.refusal(&codes, is_own);
        }
    }

    /// Returns the response with these codes, or a reference to it.
    fn refusal(&mut self, codes: &[Code], is_own: bool) -> Value {
        self.urns.extend(codes.iter().map(|code| code.urn()));
        let (headers, maybe) = match codes {
            // These have a version once the books are loaded.
            [Code::MethodNotAllowed] => (vec!["Allow"], &VERSIONED[..]),
            [Code::Unavailable | Code::Overloaded] => (vec!["Retry-After"], &VERSIONED[..]),
            [Code::Unauthenticated] => (vec!["Cache-Control", "Vary", "WWW-Authenticate"], &[][..]),
            // A refusal of the caller has no version, a refusal by the repository has one.
            [Code::Forbidden, ..] => (vec!["Cache-Control", "Vary"], &["Age", "X-Resource-Version"][..]),
            [Code::Internal] => (Vec::new(), &VERSIONED[..]),
            _ if is_own => return refusals::response(codes, &[], &[]),
            // A stream has no entity tag.
            [Code::PreconditionFailed] => (VERSIONED.to_vec(), &["ETag"][..]),
            // An invalid `Host` is refused even before the books are loaded.
            [Code::InvalidRequest] => (Vec::new(), &VERSIONED[..]),
            _ => (VERSIONED.to_vec(), &[][..]),
        };
        let name = refusals::name(codes);
        self.responses
            .entry(name.as_str())
            .or_insert_with(|| refusals::response(codes, &headers, maybe));
        reference("responses", &name)
    }
}
