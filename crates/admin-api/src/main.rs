//! The binary: parses the flags and runs.

use std::process::ExitCode;

// The server starts its own worker threads. This thread feeds the cache.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    bookshelf_http::end(admin_api::run(bookshelf_http::args::parse()).await)
}
