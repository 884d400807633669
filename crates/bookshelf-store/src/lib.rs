//! The data access of bookshelf: books and loans, kept by the Kubernetes API.
//!
//! - [`access`]: authentication and authorization by the API server;
//! - [`repository`]: the operations on books and loans, with their rules and [errors](error).
//! - [`cache`], [`connector`], [`metrics`], [`object`]: the modules of [`kube_informer`], which serve any resource.

pub use kube_informer::{CachedClient, Failure, ListWatch, cache, connector, metrics, object};

pub mod access;
pub mod repository;

pub use repository::error;
