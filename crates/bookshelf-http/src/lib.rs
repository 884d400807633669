//! What both HTTP APIs of bookshelf share, and no business route:
//!
//! - [`api`] — an API from its flags to its end;
//! - [`args`] — flags and environment variables, grouped by concern;
//! - [`telemetry`] — logs and traces;
//! - [`problem`] — every error an API answers, as `application/problem+json`;
//! - [`extract`] — bodies, query strings, preconditions and the tenant's header, with errors that name the field;
//! - [`answer`] — JSON bodies;
//! - [`document`] — JSON with its entity tag, and whether a client has it already;
//! - [`list`] — lists, kept until a member changes;
//! - [`page`] — pages of lists: `limit` and `continue`;
//! - [`openapi`] — the document of an API, made from its handlers and types; [`docs`] — the page that shows it;
//! - [`route`] — the URL table: paths, methods, `HEAD` and 405 included;
//! - [`request`] — a request's way: its id, its route, its line in the access log;
//! - [`view`] — the wire types of both APIs; [`namespaces`] — the route that both have;
//! - [`stream`] — lists as event streams;
//! - `serve` — the server, its probes, and how it ends.

pub mod answer;
pub mod api;
pub mod args;
pub mod books;
mod connection;
mod docs;
pub mod document;
mod entity_tag;
pub mod extract;
mod freshness;
pub mod list;
pub mod loans;
mod metrics;
pub mod namespaces;
pub mod openapi;
pub mod page;
mod probes;
pub mod problem;
mod protocol;
mod readiness;
mod refused;
mod request;
pub mod route;
mod serve;
pub mod service;
mod stream;
pub mod telemetry;
mod trace;
pub mod view;

/// The repository of both APIs, which keeps each book's JSON at hand.
pub type Repository = bookshelf_store::repository::Repository<document::Document>;
