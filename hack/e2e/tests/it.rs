//! End-to-end tests: the two real binaries, each with the token of its own `ServiceAccount`, against a real API server.
//!
//! `cargo xtask test` runs all of them, `cargo xtask test --only NAME` those whose path contains NAME.

mod it {
    mod admission_policies;
    mod all_namespaces;
    mod auth;
    mod availability;
    mod backup;
    mod bodies;
    mod borrowing;
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
    mod flags;
    mod forcing;
    mod header_mode;
    mod history;
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
    mod page;
    mod paging;
    mod people;
    mod queries;
    mod races;
    mod reading;
    mod relabelling;
    mod request_ids;
    mod resource_version;
    mod returning;
    mod rights;
    mod routes;
    mod rules_agree;
    mod search;
    mod seed;
    mod stopping;
    mod streams;
    mod tenants;
    mod third_party_fields;
    mod tls;
    mod traces;
    mod updating;
    mod watch_namespaces;
}
