//! `cargo xtask bench`.

use std::{env, os::unix::process::CommandExt as _, process::Command};

use anyhow::{Context, Result};

use crate::cargo::build_with_profile;

pub(crate) use bench::Args;

/// Replaces this process with the benchmark, built in the same profile as the measured programs. It shares a core with
/// the API server, of which an unoptimised build would take too much.
pub(crate) async fn run(args: Args) -> Result<()> {
    let packages = ["bookshelf-crd", "admin-api", "user-api", "bench"];
    let mut programs = build_with_profile(&args.profile, &packages).await?;
    let bench = programs
        .remove("bench")
        .context("package bench has no program bench")?;
    // The first two are this program and its command name.
    let error = Command::new(&bench).args(env::args_os().skip(2)).exec();
    Err(error).with_context(|| format!("cannot run {}", bench.display()))
}
