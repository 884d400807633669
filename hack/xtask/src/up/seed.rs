//! The example library.

use anyhow::Result;
use control_plane::Kubectl;

use crate::cargo::workspace;

/// Creates the namespace `science-library` and its two books, unless the namespace exists. In an existing namespace,
/// books may have been changed or removed on purpose.
pub(super) async fn plant(kubectl: &Kubectl) -> Result<()> {
    let there = kubectl
        .run(&[
            "get",
            "namespace",
            "science-library",
            "--ignore-not-found",
            "-o",
            "name",
        ])
        .await?;
    if !there.trim().is_empty() {
        return Ok(());
    }
    for file in ["namespace.yaml", "books.yaml"] {
        let path = workspace().join("deploy/examples").join(file);
        kubectl.run(&["apply", "-f", &path.to_string_lossy()]).await?;
    }
    Ok(())
}
