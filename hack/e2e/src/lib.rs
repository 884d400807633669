//! The harness of the end-to-end tests. They run the two real binaries, each with the token of its own
//! `ServiceAccount`, against a real control plane.
//!
//! - [`Library`]: a test's own namespace, with both APIs over HTTP, and the API server as administrator. Enough for
//!   most tests.
//! - [`Api`], [`Answer`]: requests, and assertions about their responses.
//! - [`Listener`], [`Mirror`]: a client of an event stream, and its state.
//! - [`Service`]: a test's own binary, with other flags, that the test can stop and disturb.
//! - [`Certificates`]: the files of a certificate, as in a Secret volume, and their rotation.
//! - [`Browser`]: tests of the pages, run by node.
//! - [`Person`]: a caller in token mode with its own rights.
//! - [`Signer`]: a key that signs tokens; [`Secrets`]: tokens that must not appear in any output.
//! - [`Collector`]: a receiver of traces.
//! - [`Wire`]: a proxy before the API server that can hold watches and lose responses.
//! - [`Cluster`]: the control plane that all tests of a run share, or a test's own, for tests that inject faults or
//!   count requests.

mod answer;
mod api;
mod apis;
mod browser;
mod certificates;
mod cluster;
mod collector;
mod documented;
mod library;
mod listener;
mod log;
mod metrics;
mod person;
mod programs;
mod published;
mod secrets;
mod service;
mod shared;
mod shown;
mod signer;
mod wait;
mod wire;

pub use answer::{Answer, Problem};
pub use api::{Api, Request, raw, tls};
pub use apis::SharedApis;
pub use browser::Browser;
pub use certificates::{Certificates, Issued};
pub use cluster::Cluster;
pub use collector::{Collector, Span};
pub use library::{Library, book, loan};
pub use listener::{Listener, Mirror, StreamEvent};
pub use log::Log;
pub use metrics::Requests;
pub use person::{Grant, Person};
pub use programs::{chart, examples, program, schemathesis};
pub use published::published_crds;
pub use secrets::Secrets;
pub use service::{Program, Service};
pub use shared::Shared;
pub use shown::{show, skipped};
pub use signer::{Signer, unsigned};
pub use wait::{eventually, patiently};
pub use wire::Wire;
