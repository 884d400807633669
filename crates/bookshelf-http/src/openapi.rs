//! The OpenAPI document of an API, made from the code.
//!
//! [utoipa](https://docs.rs/utoipa) makes an operation of each handler and a schema of each wire type. [`document`] adds
//! what is true of every operation, once: the headers, the problems, `HEAD`. A handler lists what it may refuse beside
//! that as the extension `x-problems`: [`Code`](crate::problem::Code)s, which become responses with their status.

mod complete;
mod components;
mod events;
pub mod fields;
mod links;
mod parameters;
mod refusals;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub use complete::document;
pub use events::{EventStream, event_stream};
pub use parameters::{LastEventId, LastEventIdOfBoth};

use crate::document::Document;
use crate::route::{self, Routes};
use crate::{docs, problem};

/// The operations that every API has, and what each may answer.
#[derive(utoipa::OpenApi)]
#[openapi(
    paths(route::health, get, docs::page, docs::file),
    components(schemas(problem::Body, docs::File))
)]
struct Own;

/// The path of [`get`].
pub(crate) const PATH: &str = "/openapi.json";

/// The tag of operations that are about the service itself.
pub const OWN: &str = "service";

/// The document of an API, made when it is asked for first.
pub(crate) struct Description {
    make: fn() -> Value,
    made: OnceLock<Document>,
}

impl Description {
    /// The document that `make` makes.
    pub(crate) fn new(make: fn() -> Value) -> Self {
        Self {
            make,
            made: OnceLock::new(),
        }
    }

    fn document(&self) -> &Document {
        self.made.get_or_init(|| {
            let json = serde_json::to_vec(&(self.make)()).unwrap_or_default();
            let tag = BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(&json)[..16]);
            Document::with_tag(json, tag)
        })
    }
}

/// This document
///
/// OpenAPI 3.1, for tools; `/docs` shows it to people.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "get_openapi",
    tag = OWN,
    responses(
        (status = 200, description = "The document", body = Object),
        (status = 304, description = "The client has it: `If-None-Match` names its entity tag"),
    )
)]
pub(crate) async fn get(description: Data<Description>, request: HttpRequest) -> HttpResponse {
    description.document().answer(&request)
}

/// The methods and templates of the routes, and those of the document: the same, or one of both is wrong.
///
/// Each is written as `GET /book/{namespace}`.
#[must_use]
pub fn routes_and_operations(routes: &Routes, document: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let routes = routes.operations();
    let routes = routes.map(|(template, method)| format!("{method} {template}"));
    let paths = document["paths"].as_object().into_iter().flatten();
    let operations = paths.flat_map(|(path, operations)| {
        let methods = operations.as_object().into_iter().flatten();
        methods.map(move |(method, _)| format!("{} {path}", method.to_uppercase()))
    });
    (routes.collect(), operations.collect())
}
