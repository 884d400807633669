//! End-to-end tests: the two real binaries, each under its own `ServiceAccount`'s token, against a real API server.
//!
//! `cargo xtask test` runs them; `cargo xtask test -- -p e2e NAME` runs those whose name contains NAME.

mod it {
    mod agreement;
    mod bodies;
    mod borrowing;
    mod bystanders;
    mod category;
    mod chart;
    mod command_line;
    mod creating;
    mod deleting;
    mod flags;
    mod kubectl;
    mod lab;
    mod logs;
    mod managed_elsewhere;
    mod own_writes;
    mod races;
    mod reading;
    mod relabelling;
    mod request_ids;
    mod returning;
    mod rights;
    mod routes;
    mod seed;
    mod stopping;
    mod tenants;
    mod updating;
}
