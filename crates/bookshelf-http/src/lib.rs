//! The code that both HTTP APIs of bookshelf share. Its only routes are `/namespace` and those of the service itself:
//!
//! - [`run`](run()) — an API from its flags to its shutdown; [`api`] — the differences between the APIs;
//! - [`auth`] — authentication and authorization: the decision on every request;
//! - [`args`] — flags and environment variables, grouped by concern;
//! - [`telemetry`] — logs and traces;
//! - [`problem`] — errors, as `application/problem+json`;
//! - [`extract`] — requests and the arguments of handlers, whose problems name the field;
//! - [`answer`] — JSON bodies;
//! - [`document`] — JSON with its entity tag;
//! - [`list`] — lists, kept until a member changes;
//! - [`page`] — pages of lists: `limit` and `continue`;
//! - [`openapi`] — the document of an API, generated from its handlers and types; `docs` — the page that shows it;
//! - [`ui`] — the web page, as far as both APIs share it;
//! - [`route`] — the route table, including `HEAD` and 405; [`service`] — the routes of the service itself;
//! - `request` — the lifecycle of a request: its id, its route, its line in the access log; `freshness` — how new its
//!   answer is;
//! - [`view`] — the wire types of both APIs; [`namespaces`] — the route that both have;
//! - [`history`] — the history of books and loans, as pages and as JSON lines;
//! - `stream` — lists as event streams; [`books`], [`loans`] — the lists and streams of both APIs;
//! - `tls` — the certificate of the API port;
//! - `serve` — the server, its probes and its shutdown;
//! - `testing` — an in-process API for tests (with the feature of that name).

pub mod answer;
pub mod api;
pub mod args;
pub mod auth;
pub mod books;
mod connection;
mod docs;
pub mod document;
mod entity_tag;
pub mod extract;
mod freshness;
mod grant;
pub mod history;
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
mod request_id;
pub mod route;
mod run;
mod serve;
pub mod service;
mod stream;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
mod tls;
mod trace;
pub mod ui;
pub mod view;

pub use run::{ApiArgs, end, run};

/// The repository of both APIs, which caches the JSON of each book.
pub type Repository = bookshelf_store::repository::Repository<document::Document>;
