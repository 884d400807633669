//! `cargo xtask bench`.

use std::{env, os::unix::process::CommandExt as _, process::Command};

use anyhow::{Context, Result};

use crate::cargo::build_with_profile;

pub(crate) use bench::Args;

/// Becomes the bench, built as the measured programs are: it shares a core with the API server, and unoptimised it would
/// take too much of that.
pub(crate) async fn run(args: Args) -> Result<()> {
    let packages = ["bookshelf-crd", "admin-api", "user-api", "bench"];
    let mut programs = build_with_profile(&args.profile, &packages).await?;
    let bench = programs
        .remove("bench")
        .context("package bench has no program bench")?;
    // The first two are this program and the name of this command.
    let error = Command::new(&bench).args(env::args_os().skip(2)).exec();
    Err(error).with_context(|| format!("cannot run {}", bench.display()))
}
