//! The OpenAPI document of an API, generated from the code.
//!
//! [utoipa](https://docs.rs/utoipa) generates an operation for each handler and a schema for each wire type.
//! [`document`] adds the headers and problems that operations share. A handler lists further problems in the extension
//! `x-problems`: [`Code`](crate::problem::Code)s, which become responses with their status.

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

/// The document of an API, generated on the first request for it.
pub(crate) struct Description {
    make: fn(AuthMode) -> Value,
    auth_mode: AuthMode,
    made: OnceLock<Document>,
}

impl Description {
    /// Creates a description whose document `make` generates, for this authentication mode.
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
