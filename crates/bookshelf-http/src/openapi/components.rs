//! The common parameters and headers of operations, each written once.

use serde_json::{Map, Value, json};

use super::fields;

/// An example of an entity tag.
const ENTITY_TAG: &str = "\"37de470e-96ff-4a1d-9936-b658af32c629.229\"";

/// The prefix of the names of optional headers.
const OPTIONAL: &str = "Optional-";

/// Returns the parameters of paths and the common header parameters, by name.
pub(super) fn parameters() -> Map<String, Value> {
    let request_id = "Names the request in answers and logs. The service generates an id unless this is 1 to 128 visible \
                      ASCII characters.";
    let if_match = "The entity tags that the client expects: if the current one is not among them, the answer is 412 (RFC \
                    9110, section 13.1.1). An event stream has no entity tag, so that only `*` matches it.";
    let if_none_match = "The entity tags that the client has: if the current one is among them, the answer is 304. A value \
                         that is not a list of entity tags is ignored (RFC 9110, section 13.1.2).";
    let cache_control = "`no-cache` reads from the API server. Any other directive changes nothing.";
    let resource_version = "The `X-Resource-Version` of an answer of either API and any replica: the answer to this \
                            request is not older. If this version does not arrive within 2 seconds, the answer is 503.";
    let parameters = [
        path("namespace", fields::namespace_id()),
        path("id", fields::id()),
        header(
            "X-Request-Id",
            request_id,
            &json!({"type": "string", "examples": ["3952323968000047412"]}),
        ),
        header("If-Match", if_match, &json!(fields::condition())),
        header(
            "If-None-Match",
            if_none_match,
            &json!({"type": "string", "examples": [ENTITY_TAG]}),
        ),
        header(
            "Cache-Control",
            cache_control,
            &json!({"type": "string", "examples": ["no-cache"]}),
        ),
        header(
            "X-Resource-Version",
            resource_version,
            &json!({"type": "string", "pattern": fields::VERSION, "examples": ["642.229"]}),
        ),
    ];
    parameters.into_iter().collect()
}

fn path(name: &str, schema: impl serde::Serialize) -> (String, Value) {
    let mut parameter = json!({"name": name, "in": "path", "required": true, "schema": schema});
    describe(&mut parameter);
    (name.to_owned(), parameter)
}

fn header(name: &str, description: &str, schema: &Value) -> (String, Value) {
    let parameter = json!({"name": name, "in": "header", "description": description, "schema": schema});
    (name.to_owned(), parameter)
}

/// Moves the description of the schema to the parameter if that has none, since viewers show the parameter's. `utoipa`
/// drops the doc comment of a field whose schema comes from a function.
pub(super) fn describe(parameter: &mut Value) {
    if parameter.get("description").is_none()
        && let Some(schema) = parameter["schema"].as_object_mut()
        && let Some(description) = schema.remove("description")
    {
        parameter["description"] = description;
    }
}

/// Returns the headers of responses by name, and again as optional headers with the prefix [`OPTIONAL`].
pub(super) fn headers() -> Map<String, Value> {
    let headers = [
        ("X-Request-Id", "The request's id.", json!(fields::request_id())),
        (
            "X-Resource-Version",
            "The version of the answer. A request that sends it back gets nothing older.",
            json!({"type": "string", "pattern": fields::VERSION, "examples": ["642.229"]}),
        ),
        (
            "Age",
            "Seconds since the API server last confirmed the answer (RFC 9111).",
            json!({"type": "integer", "minimum": 0, "examples": [0]}),
        ),
        (
            "Cache-Control",
            "Answers are for one caller, who revalidates them each time.",
            json!({"type": "string", "const": "private, no-cache"}),
        ),
        (
            "Vary",
            "The request headers that the answer depends on.",
            json!({"type": "string", "const": "Accept, Authorization, X-TENANT-ID"}),
        ),
        (
            "ETag",
            "The entity tag of the answer.",
            json!({
                "type": "string",
                "pattern": "^\"[!#-~]*\"$",
                "examples": [ENTITY_TAG],
            }),
        ),
        (
            "Location",
            "The path of the new book.",
            json!({
                "type": "string",
                "format": "uri-reference",
                "examples": ["/book/science-library/modenov-analytic-geometry"],
            }),
        ),
        (
            "Retry-After",
            "Seconds to wait before the next try.",
            json!({"type": "integer", "minimum": 1, "examples": [1]}),
        ),
        (
            "WWW-Authenticate",
            "The credentials that the API accepts (RFC 6750, section 3).",
            json!({
                "type": "string",
                "enum": [r#"Bearer realm="bookshelf""#, r#"Bearer realm="bookshelf", error="invalid_token""#],
            }),
        ),
        (
            "Allow",
            "The methods that the resource has.",
            json!({"type": "string", "pattern": "^[A-Z]+(, [A-Z]+)*$", "examples": ["GET, HEAD"]}),
        ),
    ];
    let named = headers.into_iter().flat_map(|(name, description, schema)| {
        let header = |required| json!({"description": description, "required": required, "schema": schema});
        [
            (name.to_owned(), header(true)),
            (format!("{OPTIONAL}{name}"), header(false)),
        ]
    });
    named.collect()
}

/// Returns a reference to a component.
pub(super) fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

/// Returns a reference to an optional header.
pub(super) fn optional(header: &str) -> Value {
    reference("headers", &format!("{OPTIONAL}{header}"))
}
