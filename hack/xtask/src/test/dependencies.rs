//! Checks licences, sources and advisories of the dependencies with cargo-deny and deny.toml.

use std::{fs, path::PathBuf};

use anyhow::Result;
use tokio::process::Command;

use super::step;
use crate::cargo::tool::CargoTool;
use crate::cargo::{cargo_home, workspace};

const CARGO_DENY: CargoTool = CargoTool {
    name: "cargo-deny",
    version: "0.20.2",
    purpose: "checks licences",
    build_time: "3 minutes",
};

pub(super) async fn check() -> Result<()> {
    let deny = CARGO_DENY.find_or_install().await?;
    step("licences", run(&deny, &["check", "bans", "licenses", "sources"])).await?;
    if has_advisories() {
        step("advisories", run(&deny, &["--offline", "check", "advisories"])).await
    } else {
        eprintln!(
            "advisories are not checked: their database is not on this machine (`cargo deny fetch` downloads it)"
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

/// True if there is an advisory database where cargo-deny looks for it.
fn has_advisories() -> bool {
    cargo_home()
        .and_then(|home| fs::read_dir(home.join("advisory-dbs")).ok())
        .is_some_and(|entries| entries.flatten().any(|entry| entry.path().is_dir()))
}
