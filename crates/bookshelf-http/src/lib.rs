//! What both HTTP APIs of bookshelf share, and no business route:
//!
//! - [`api`] — an API from its flags to its end;
//! - [`args`] — flags and environment variables, grouped by concern;
//! - [`telemetry`] — logs;
//! - [`problem`] — every error an API answers, as `application/problem+json`;
//! - [`extract`] — bodies, query strings and the tenant's header, with errors that name the field;
//! - [`answer`] — JSON bodies and entity tags;
//! - [`list`] — lists, kept until a member changes;
//! - [`route`] — a resource's methods, `HEAD` and 405 included;
//! - [`request`] — request ids and the access log;
//! - [`serve`] — the server, its probes, and how it ends.

pub mod answer;
pub mod api;
pub mod args;
pub mod extract;
pub mod list;
mod probes;
pub mod problem;
pub mod request;
pub mod route;
pub mod serve;
pub mod telemetry;
