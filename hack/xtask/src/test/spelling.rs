//! Checks the spelling of code and documents with typos and typos.toml.

use anyhow::Result;
use control_plane::binaries::PythonTool;
use tokio::process::Command;

use super::step;
use crate::cargo::workspace;

const TYPOS: PythonTool = PythonTool {
    package: "typos",
    program: "typos",
    requirements: include_str!("../../typos/requirements.txt"),
};

pub(super) async fn check() -> Result<()> {
    let mut typos = Command::new(TYPOS.find_or_install().await?);
    // Hidden files belong to the project too. typos skips those that git ignores.
    typos
        .args(["--hidden", "--exclude", ".git/"])
        .current_dir(workspace())
        .kill_on_drop(true);
    step("spelling", typos).await
}
