//! What the end-to-end tests are made with: the two real binaries, each under the token of its own
//! `ServiceAccount`, on a real control plane.
//!
//! - [`Library`]: a namespace of a test's own, both APIs over HTTP, and the API server as administrator. Most tests
//!   need no more.
//! - [`Api`], [`Answer`]: requests, and what is asserted of their answers.
//! - [`Service`]: a binary of a test's own, with other flags, to be stopped and disturbed.
//! - [`Cluster`]: the control plane that all tests of a run share, or one of a test's own: those that inject faults
//!   or count requests need that.

mod answer;
mod api;
mod apis;
mod cluster;
mod library;
mod log;
mod metrics;
mod programs;
mod service;
mod shared;
mod wait;

pub use answer::{Answer, Problem};
pub use api::{Api, Request, raw};
pub use apis::SharedApis;
pub use cluster::Cluster;
pub use library::{Library, book, loan};
pub use log::Log;
pub use metrics::Requests;
pub use programs::{chart, examples, program};
pub use service::{Program, Service};
pub use shared::Shared;
pub use wait::eventually;
