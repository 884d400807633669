//! The binary: parses the flags and runs.

use clap::Parser as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    admin_api::run(admin_api::Args::parse()).await
}
