//! The binary: parses the flags and runs.

use clap::Parser as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    user_api::run(user_api::Args::parse()).await
}
