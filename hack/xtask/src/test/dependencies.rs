//! Licences, sources and advisories of the dependencies, by cargo-deny and deny.toml.

use std::{env, fs, path::PathBuf};

use anyhow::{Context, Result, ensure};
use control_plane::binaries::cache_dir;
use tokio::process::Command;

use super::step;
use crate::cargo::{cargo, workspace};

/// The version that is built where no cargo-deny is installed.
const VERSION: &str = "0.20.2";

pub(super) async fn check() -> Result<()> {
    let deny = cargo_deny().await?;
    step("licences", run(&deny, &["check", "bans", "licenses", "sources"])).await?;
    if has_advisories() {
        step("advisories", run(&deny, &["--offline", "check", "advisories"])).await
    } else {
        eprintln!(
            "advisories are not checked: their database is not on this machine (`cargo deny fetch` brings it)"
        );
        Ok(())
    }
}

fn run(deny: &PathBuf, arguments: &[&str]) -> Command {
    let mut command = Command::new(deny);
    command
        .args(arguments)
        .current_dir(workspace())
        .kill_on_drop(true);
    command
}

/// The path of cargo-deny: from PATH, else from the user's cache, into which it is built once.
async fn cargo_deny() -> Result<PathBuf> {
    if let Ok(installed) = which::which("cargo-deny") {
        return Ok(installed);
    }
    let root = cache_dir()?.join(format!("cargo-deny-{VERSION}"));
    let program = root.join("bin").join("cargo-deny");
    if !program.exists() {
        eprintln!("building cargo-deny {VERSION} (about 3 minutes on 2 cores, once)");
        let install = [
            "install",
            "cargo-deny",
            "--version",
            VERSION,
            "--locked",
            "--quiet",
            "--root",
        ];
        let mut install = cargo(install);
        install.arg(&root);
        let status = install.status().await.context("cannot run `cargo install`")?;
        ensure!(
            status.success(),
            "cargo-deny, which checks licences, is not on PATH and could not be built ({status}); the messages are \
             above"
        );
    }
    Ok(program)
}

/// Reports a database of advisories in the place in which cargo-deny looks for it.
fn has_advisories() -> bool {
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    cargo_home
        .and_then(|home| fs::read_dir(home.join("advisory-dbs")).ok())
        .is_some_and(|entries| entries.flatten().any(|entry| entry.path().is_dir()))
}
