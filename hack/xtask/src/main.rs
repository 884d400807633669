//! The project's commands; `cargo xtask --help` lists them.

mod bench;
mod cargo;
mod generate;
mod images;
mod shutdown;
mod test;
mod up;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use tokio::runtime::Runtime;

/// Runs, tests and maintains bookshelf.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    Up(up::Args),
    Test(test::Args),
    Bench(bench::Args),
    Generate(generate::Args),
    Images(images::Args),
}

impl Command {
    async fn run(self) -> Result<()> {
        match self {
            Self::Up(args) => up::run(args).await,
            Self::Test(args) => test::run(args).await,
            Self::Bench(args) => bench::run(args).await,
            Self::Generate(args) => generate::run(args).await,
            Self::Images(args) => images::run(args).await,
        }
    }
}

fn main() -> ExitCode {
    let command: Command = bookshelf_http::args::parse();
    let result = Runtime::new().context("cannot start").and_then(|runtime| {
        let result = runtime.block_on(command.run());
        // Do not wait for a running build: it ends with this process.
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Command::command().debug_assert();
    }

    #[test]
    fn every_flag_can_be_set_by_the_environment() {
        for command in Command::command().get_subcommands() {
            for argument in command
                .get_arguments()
                .filter(|argument| argument.get_long().is_some())
            {
                let variable = argument.get_env().map(|name| name.to_string_lossy().into_owned());
                assert!(
                    variable.is_some_and(|name| name.starts_with("BOOKSHELF_")),
                    "--{} of {}",
                    argument.get_long().unwrap_or_default(),
                    command.get_name()
                );
            }
        }
    }
}
