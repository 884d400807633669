//! The Kubernetes API as a database.
//!
//! - [`connector`]: typed create, read, update, patch and delete for any resource, each call with a deadline.
//! - [`cache`]: a copy of a resource in memory, fed by a watch: indexed, consistent, and showing our own
//!   writes at once.
//! - [`metrics`]: what these two count, for Prometheus.
//! - [`repository`]: books and loans, the one place that knows connector and cache both.
//!
//! Connector and cache know no book: they serve any resource.

pub mod cache;
pub mod connector;
mod decode;
pub mod error;
mod interner;
pub mod metrics;
pub mod object;
pub mod repository;
