//! The binary: parses the flags and runs.

// The server brings a thread for each worker; this one feeds the cache.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    user_api::run(bookshelf_http::args::parse()).await
}
