//! The program behind `cargo xtask bench`. It is optimised, since it shares a core with an API server and a load
//! generator.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
};

#[derive(Parser)]
#[command(name = "bench", bin_name = "cargo xtask bench")]
struct Command {
    #[command(flatten)]
    args: bench::Args,
}

fn main() -> ExitCode {
    let Command { args } = bookshelf_http::args::parse();
    let result = Runtime::new().context("cannot start").and_then(|runtime| {
        let result = runtime.block_on(run(&args));
        runtime.shutdown_background();
        result
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &bench::Args) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        measured = bench::run(args) => measured,
        // Dropping the measurement kills the processes that it has started.
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("terminated"),
    }
}
