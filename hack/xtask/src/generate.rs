//! `cargo xtask generate`.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, bail, ensure};
use tokio::process::Command;

use crate::cargo::{build, workspace};

/// Write the files that are made from code: the CRDs in the Helm chart.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail when a file is not as it would be written.
    #[arg(long, env = "BOOKSHELF_CHECK")]
    check: bool,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    if args.check { check().await } else { write().await }
}

async fn write() -> Result<()> {
    let path = crds_path();
    let parent = path.parent().context("the CRDs have a place in the chart")?;
    fs::create_dir_all(parent)?;
    fs::write(&path, crds().await?).with_context(|| format!("cannot write {}", path.display()))?;
    println!("wrote {}", path.display());
    Ok(())
}

/// Fails when a generated file is not up to date.
pub(crate) async fn check() -> Result<()> {
    let path = crds_path();
    match fs::read(&path) {
        Ok(committed) if committed == crds().await? => Ok(()),
        Ok(_) => bail!(
            "{} is not what crdgen prints: run `cargo xtask generate`, and commit it",
            path.display()
        ),
        Err(error) => Err(error).with_context(|| {
            format!(
                "cannot read {}: run `cargo xtask generate`, and commit it",
                path.display()
            )
        }),
    }
}

/// Exactly what crdgen prints.
async fn crds() -> Result<Vec<u8>> {
    let crdgen = crdgen().await?;
    let output = Command::new(&crdgen)
        .output()
        .await
        .with_context(|| format!("cannot run {}", crdgen.display()))?;
    ensure!(
        output.status.success(),
        "crdgen failed ({}): {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output.stdout)
}

/// The path of crdgen, built.
pub(crate) async fn crdgen() -> Result<PathBuf> {
    build(&["bookshelf-crd"])
        .await?
        .remove("crdgen")
        .context("package bookshelf-crd has no program crdgen")
}

fn crds_path() -> PathBuf {
    workspace().join("deploy/bookshelf/files/crds.yaml")
}
