//! `cargo xtask test`.

mod cluster;
mod dependencies;
mod dockerfiles;
mod only;
mod spelling;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use cluster::Cluster;
use tokio::process::Command;

use crate::{cargo::cargo, generate, images, shutdown::Shutdown};

/// Check everything: format, spelling, lints, documentation, generated files and dependencies, then run all tests.
///
/// The tests run against a real Kubernetes control plane on loopback. The run stops at the first step that fails.
///
/// With --only, it runs only the named tests, which takes seconds once their crates are compiled.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run only the tests whose path contains one of these names, without the checks
    ///
    /// Names match as in `cargo test`, in every crate: `--only borrowing::` runs the tests of a module. Documentation
    /// tests are left out. End-to-end tests use the control plane of a `cargo xtask up` that runs in the directory
    /// .local, or start their own.
    #[arg(long, env = "BOOKSHELF_ONLY", value_name = "NAME", num_args = 1.., value_delimiter = ' ')]
    only: Vec<String>,

    /// Administrator's kubeconfig of a cluster to test against, instead of starting a control plane
    ///
    /// bookshelf's CRDs, ServiceAccounts and RBAC rules must be installed there, as `cargo xtask up` installs them.
    #[arg(long, env = cluster::VARIABLE, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// Arguments for `cargo test`, such as `-p e2e borrow`: they select tests, and do not affect the checks
    ///
    /// With --only: arguments for the test programs, such as `--nocapture` or `--exact`.
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let mut shutdown = Shutdown::listen()?;
    let work = async {
        if args.only.is_empty() {
            check_and_test(args).await
        } else {
            only::run(&args.only, &args.arguments, args.kubeconfig).await
        }
    };
    tokio::select! {
        outcome = work => outcome,
        // There is nothing to clean up: dropping the work ends its processes.
        () = shutdown.requested() => bail!("interrupted"),
    }
}

async fn check_and_test(args: Args) -> Result<()> {
    step("format", cargo(["fmt", "--all", "--check"])).await?;
    spelling::check().await?;
    dockerfiles::check().await?;
    step(
        "lints",
        cargo([
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ]),
    )
    .await?;
    let mut documentation = cargo(["doc", "--workspace", "--no-deps"]);
    documentation.env("RUSTDOCFLAGS", "--deny warnings");
    step("documentation", documentation).await?;
    announce("generated files");
    generate::check().await?;
    dependencies::check().await?;
    step("build", cargo(["build", "--workspace"])).await?;
    announce("images");
    images::check().await?;
    let cluster = match args.kubeconfig {
        Some(kubeconfig) => Cluster::given(kubeconfig)?,
        None => Cluster::start().await?,
    };
    test(&args.arguments, cluster.kubeconfig()).await
}

/// Runs the tests, as the last step, so that a run ends with the output of the test runner.
async fn test(arguments: &[String], kubeconfig: &Path) -> Result<()> {
    let mut command = cargo(["test", "--no-fail-fast"]);
    // In cargo, --workspace overrides a selection of packages.
    if !choose_packages(arguments) {
        command.arg("--workspace");
    }
    command.args(arguments).env(cluster::VARIABLE, kubeconfig);
    step("tests", command).await
}

/// True if arguments for `cargo test` select packages.
fn choose_packages(arguments: &[String]) -> bool {
    let mut of_cargo = arguments.iter().take_while(|argument| *argument != "--");
    of_cargo.any(|argument| argument.starts_with("-p") || argument.starts_with("--package"))
}

async fn step(name: &str, mut command: Command) -> Result<()> {
    announce(name);
    let status = command
        .status()
        .await
        .with_context(|| format!("cannot run the step {name:?}"))?;
    ensure!(
        status.success(),
        "the step {name:?} failed ({status}); its output is above"
    );
    Ok(())
}

fn announce(step: &str) {
    eprintln!("==> {step}");
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_choice_of_packages_is_recognised() {
        let chosen = |line: &str| {
            let arguments = line.split_whitespace().map(str::to_owned);
            super::choose_packages(&arguments.collect::<Vec<_>>())
        };
        for line in [
            "-p e2e",
            "-pe2e borrow",
            "--package=e2e",
            "borrow -p=xtask",
            "--package e*",
        ] {
            assert!(chosen(line), "{line}");
        }
        for line in ["", "borrow", "--profile dev borrow", "-- -p xtask"] {
            assert!(!chosen(line), "{line}");
        }
    }
}
