//! The shared part of both HTTP APIs of bookshelf. It knows books, but no route of its own beside `/namespace`:
//!
//! - [`run`](run()) — an API from its flags to its end; [`api`] — what one API has and the other has not;
//! - [`auth`] — authentication and authorization: the decision on every request;
//! - [`args`] — flags and environment variables, grouped by concern;
//! - [`telemetry`] — logs and traces;
//! - [`problem`] — errors, as `application/problem+json`;
//! - [`extract`] — requests and the arguments of handlers, with problems that name the field;
//! - [`answer`] — JSON bodies;
//! - [`document`] — JSON with its entity tag;
//! - [`list`] — lists, kept until a member changes;
//! - [`page`] — pages of lists: `limit` and `continue`;
//! - [`openapi`] — the document of an API, made from its handlers and types; `docs` — the page that shows it;
//! - [`ui`] — the web page, the part that both APIs share;
//! - [`route`] — the route table, `HEAD` and 405 included; [`service`] — the routes of the service itself;
//! - `request` — the way of a request: its id, its route, its line in the access log; `freshness` — how new its answer is;
//! - [`view`] — the wire types of both APIs; [`namespaces`] — the route that both have;
//! - [`history`] — the history of books and loans, as pages and as JSON lines;
//! - `stream` — lists as event streams; [`books`], [`loans`] — the lists and streams of both APIs;
//! - `tls` — the certificate of the API port;
//! - `serve` — the server, its probes, and how it ends;
//! - `testing` — an API in the process of a test (with the feature of that name).

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

/// The repository of both APIs, which keeps each book's JSON at hand.
pub type Repository = bookshelf_store::repository::Repository<document::Document>;
