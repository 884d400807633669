//! The OpenAPI document of an API, made from the code.
//!
//! [utoipa](https://docs.rs/utoipa) makes an operation of each handler and a schema of each wire type. [`document`] adds
//! what is true of every operation, once: the headers and the problems. A handler lists what it may refuse beside
//! that as the extension `x-problems`: [`Code`](crate::problem::Code)s, which become responses with their status.

mod complete;
mod components;
mod events;
pub mod fields;
mod links;
mod parameters;
mod refusals;

use std::sync::OnceLock;

use serde_json::Value;

pub use complete::document;
pub use events::{EventStream, event_stream};
pub use parameters::{LastEventId, LastEventIdOfBoth};

use crate::args::AuthMode;
use crate::document::Document;
use crate::entity_tag;

/// The document of an API, made on the first request for it.
pub(crate) struct Description {
    make: fn(AuthMode) -> Value,
    auth_mode: AuthMode,
    made: OnceLock<Document>,
}

impl Description {
    /// The document that `make` makes, for callers that are known in this way.
    pub(crate) fn new(make: fn(AuthMode) -> Value, auth_mode: AuthMode) -> Self {
        Self {
            make,
            auth_mode,
            made: OnceLock::new(),
        }
    }

    /// Returns the document.
    pub(crate) fn document(&self) -> &Document {
        self.made.get_or_init(|| {
            let json = serde_json::to_vec(&(self.make)(self.auth_mode)).unwrap_or_default();
            let tag = entity_tag::of_content(&json);
            Document::with_tag(json, tag)
        })
    }
}
