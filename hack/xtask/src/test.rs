//! `cargo xtask test`.

mod dependencies;
mod schemathesis;

use std::{path::Path, time::Instant};

use anyhow::{Context, Result, bail, ensure};
use control_plane::{
    ControlPlane, Installation,
    binaries::{Tool, find_or_build},
};
use tokio::process::Command;

use crate::{
    cargo::{cargo, workspace},
    generate,
    shutdown::Shutdown,
};

/// Names the administrator's kubeconfig of the control plane that all tests of a run share.
const SHARED_KUBECONFIG: &str = "BOOKSHELF_TEST_KUBECONFIG";

/// Check everything: format, lints, documentation, generated files, dependencies, then all tests.
///
/// The tests get a real Kubernetes control plane on loopback. Stops at the first step that fails, and fails with it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// For `cargo test`, such as `-p e2e borrow`: limits the tests, not the checks before them.
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let mut shutdown = Shutdown::listen()?;
    tokio::select! {
        outcome = check_and_test(&args) => outcome,
        // Nothing else is to be done: what was started is ended as it is dropped.
        () = shutdown.requested() => bail!("interrupted"),
    }
}

async fn check_and_test(args: &Args) -> Result<()> {
    step("format", cargo(["fmt", "--all", "--check"])).await?;
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
    let schemathesis = if tests_e2e(&args.arguments) {
        announce("schemathesis");
        Some(schemathesis::find_or_install().await?)
    } else {
        None
    };
    step("build", cargo(["build", "--workspace"])).await?;

    announce("control plane");
    let control_plane = start_control_plane().await?;
    test(
        &args.arguments,
        control_plane.kubeconfig(),
        schemathesis.as_deref(),
    )
    .await
}

async fn start_control_plane() -> Result<ControlPlane> {
    let start = Instant::now();
    tokio::task::spawn_blocking(|| {
        Tool::ALL
            .into_iter()
            .try_for_each(|tool| find_or_build(tool).map(drop))
    })
    .await??;
    let control_plane = ControlPlane::start().await?;
    let crdgen = generate::crdgen().await?;
    let chart = workspace().join("deploy/bookshelf");
    control_plane
        .install(Installation {
            crdgen: &crdgen,
            chart: &chart,
        })
        .await?;
    eprintln!("ready after {} s", start.elapsed().as_secs());
    Ok(control_plane)
}

/// Last, so that a run ends with the words of the test runner.
async fn test(arguments: &[String], kubeconfig: &Path, schemathesis: Option<&Path>) -> Result<()> {
    let mut command = cargo(["test", "--no-fail-fast"]);
    // Cargo lets --workspace win over a choice of packages.
    if packages(arguments).next().is_none() {
        command.arg("--workspace");
    }
    command.args(arguments).env(SHARED_KUBECONFIG, kubeconfig);
    if let Some(schemathesis) = schemathesis {
        command.env(schemathesis::VARIABLE, schemathesis);
    }
    step("tests", command).await
}

/// The packages that arguments for `cargo test` choose.
fn packages(arguments: &[String]) -> impl Iterator<Item = &str> {
    let mut arguments = arguments
        .iter()
        .map(String::as_str)
        .take_while(|argument| *argument != "--");
    std::iter::from_fn(move || {
        loop {
            let argument = arguments.next()?;
            if matches!(argument, "-p" | "--package") {
                return Some(arguments.next().unwrap_or_default());
            }
            let short = argument
                .strip_prefix("-p")
                .map(|name| name.trim_start_matches('='));
            let name = argument.strip_prefix("--package=").or(short);
            if name.is_some() {
                return name;
            }
        }
    })
}

/// Whether the end-to-end tests are among those that arguments for `cargo test` choose.
fn tests_e2e(arguments: &[String]) -> bool {
    let mut packages = packages(arguments).peekable();
    // What is a pattern may fit.
    packages.peek().is_none() || packages.any(|name| name == "e2e" || name.contains(['*', '?', '[']))
}

async fn step(name: &str, mut command: Command) -> Result<()> {
    announce(name);
    let status = command
        .status()
        .await
        .with_context(|| format!("cannot run cargo for the step {name:?}"))?;
    ensure!(
        status.success(),
        "the step {name:?} failed ({status}); what it found is above"
    );
    Ok(())
}

fn announce(step: &str) {
    eprintln!("==> {step}");
}

#[cfg(test)]
mod tests {
    #[test]
    fn schemathesis_is_for_the_end_to_end_tests() {
        let tests_e2e = |line: &str| {
            let arguments = line.split_whitespace().map(str::to_owned);
            super::tests_e2e(&arguments.collect::<Vec<_>>())
        };
        for line in [
            "",
            "borrow",
            "-p e2e",
            "-pe2e borrow",
            "--package=e2e",
            "-p xtask -p e2e",
            "-- -p xtask",
            "-p e*",
        ] {
            assert!(tests_e2e(line), "{line}");
        }
        for line in [
            "-p xtask",
            "--package bookshelf-crd e2e",
            "-p=xtask",
            "-p xtask -- -p e2e",
        ] {
            assert!(!tests_e2e(line), "{line}");
        }
    }
}
