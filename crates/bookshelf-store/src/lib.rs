//! Data access of bookshelf: books and loans, stored in the Kubernetes API.
//!
//! - [`access`]: authentication and authorization by the API server.
//! - [`repository`]: the operations on books and loans, with their rules and [errors](error).
//! - [`cache`], [`connector`], [`metrics`], [`object`]: modules of [`kube_informer`], which work with any resource.

pub use kube_informer::{CachedClient, Failure, ListWatch, cache, connector, metrics, object};

pub mod access;
pub mod repository;

pub use repository::error;
