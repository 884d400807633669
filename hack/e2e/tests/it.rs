//! End-to-end tests: the two real binaries, each under its own `ServiceAccount`'s token, against a real API server.
//!
//! `cargo xtask test` runs them; `cargo xtask test -- -p e2e NAME` runs those whose name contains NAME.

mod it {
    mod borrowing;
    mod category;
    mod creating;
    mod deleting;
    mod own_writes;
    mod reading;
    mod returning;
    mod updating;
}
