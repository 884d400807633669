//! The harness of the end-to-end tests: the two real binaries, each under the token of its own
//! `ServiceAccount`, on a real control plane.
//!
//! - [`Library`]: a namespace of a test's own, both APIs over HTTP, and the API server as administrator. Most tests
//!   need no more.
//! - [`Api`], [`Answer`]: requests, and assertions on their answers.
//! - [`Listener`], [`Mirror`]: a client of an event stream, and its state.
//! - [`Service`]: a binary of a test's own, with other flags, to be stopped and disturbed.
//! - [`Certificates`]: the files of a certificate, as a volume of a Secret has them, and their rotation.
//! - [`Browser`]: tests of the pages, run by node.
//! - [`Person`]: a caller in token mode, with rights of its own.
//! - [`Signer`]: a key that signs tokens; [`Secrets`]: tokens that nothing may repeat.
//! - [`Collector`]: where traces are sent.
//! - [`Wire`]: a way to the API server on which watches can be held and answers lost.
//! - [`Cluster`]: the control plane that all tests of a run share, or one of a test's own: those that inject faults
//!   or count requests need that.

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
