//! The binary: parses the flags and runs.

use std::process::ExitCode;

// The server brings a thread for each worker; this one feeds the cache.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    bookshelf_http::end(user_api::run(bookshelf_http::args::parse()).await)
}
