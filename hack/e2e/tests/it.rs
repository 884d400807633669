//! End-to-end tests: the two real binaries, each under its own `ServiceAccount`'s token, against a real API server.
//!
//! `cargo xtask test` runs them; `cargo xtask test -- -p e2e NAME` runs those whose name contains NAME.

mod it {
    mod admission_policies;
    mod agreement;
    mod at_a_version;
    mod availability;
    mod bodies;
    mod borrowing;
    mod bystanders;
    mod category;
    mod chart;
    mod clients;
    mod command_line;
    mod conditional_reads;
    mod conditional_writes;
    mod conflicts;
    mod consistency;
    mod creating;
    mod deleting;
    mod descriptions;
    mod events;
    mod everywhere;
    mod flags;
    mod forcing;
    mod idempotency;
    mod kubectl;
    mod lab;
    mod loans;
    mod logs;
    mod managed_elsewhere;
    mod many_writers;
    mod matching_reads;
    mod metrics;
    mod openapi;
    mod own_writes;
    mod paging;
    mod people;
    mod queries;
    mod races;
    mod reading;
    mod relabelling;
    mod request_ids;
    mod returning;
    mod rights;
    mod routes;
    mod search;
    mod seed;
    mod stopping;
    mod streams;
    mod tenants;
    mod traces;
    mod updating;
    mod watch_namespaces;
}
