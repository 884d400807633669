//! The paths of the programs under test and of the project's files.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

/// Returns the path of a program of this workspace, from the build directory of the tests.
pub fn program(name: &str) -> Result<PathBuf> {
    let tests = env::current_exe()?;
    // target/debug/deps/it-0123456789abcdef, target/debug/admin-api
    let directory = tests
        .ancestors()
        .nth(2)
        .context("the tests are in a target directory")?;
    let program = directory.join(name);
    ensure!(
        program.exists(),
        "{} is not built: run `cargo xtask test`, or `cargo build --workspace` first",
        program.display()
    );
    Ok(program)
}

/// The path of the Helm chart.
#[must_use]
pub fn chart() -> PathBuf {
    workspace().join("deploy/bookshelf")
}

/// The directory with the manifests of the example library, and other examples.
#[must_use]
pub fn examples() -> PathBuf {
    workspace().join("deploy/examples")
}

/// The directory of schemathesis's configuration and hooks.
#[must_use]
pub fn schemathesis() -> PathBuf {
    workspace().join("hack/e2e/schemathesis")
}

pub(crate) fn workspace() -> &'static Path {
    let this_crate = Path::new(env!("CARGO_MANIFEST_DIR"));
    this_crate.ancestors().nth(2).unwrap_or(this_crate)
}
