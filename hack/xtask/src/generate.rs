//! `cargo xtask generate`.

mod rights;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use tokio::process::Command;

use crate::cargo::{build, build_examples, workspace};

/// The program that prints the custom resource definitions.
const CRDGEN: &str = "crdgen";

/// Write the files that are generated from code: the CRDs in the Helm chart, the OpenAPI documents in docs, and the
/// table of rights in docs/security.md.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail if a file is not up to date.
    #[arg(long, env = "BOOKSHELF_CHECK")]
    check: bool,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    if args.check { check().await } else { write().await }
}

async fn write() -> Result<()> {
    for generated in generated().await? {
        let path = &generated.path;
        let parent = path.parent().context("a generated file has a place")?;
        fs::create_dir_all(parent)?;
        fs::write(path, generated.content).with_context(|| format!("cannot write {}", path.display()))?;
        println!("wrote {}", path.display());
    }
    Ok(())
}

/// Fails if a generated file is not up to date.
pub(crate) async fn check() -> Result<()> {
    for generated in generated().await? {
        let path = generated.path.display();
        match fs::read(&generated.path) {
            Ok(committed) if committed == generated.content => {}
            Ok(_) => bail!(
                "{path} is not what {} prints: run `cargo xtask generate`, and commit it",
                generated.printer
            ),
            Err(error) => {
                return Err(error).with_context(|| {
                    format!("cannot read {path}: run `cargo xtask generate`, and commit it")
                });
            }
        }
    }
    Ok(())
}

struct Generated {
    path: PathBuf,
    /// The program that prints exactly this file.
    printer: &'static str,
    content: Vec<u8>,
}

async fn generated() -> Result<Vec<Generated>> {
    let mut printers = build(&["bookshelf-crd"]).await?;
    printers.extend(build_examples(&["admin-api", "user-api"]).await?);
    let mut generated = Vec::new();
    for (printer, path) in [
        (CRDGEN, "deploy/bookshelf/files/crds.yaml"),
        ("admin-openapi", "docs/admin-api.openapi.json"),
        ("user-openapi", "docs/user-api.openapi.json"),
    ] {
        let program = printers
            .get(printer)
            .with_context(|| format!("there is no program {printer}"))?;
        generated.push(Generated {
            path: workspace().join(path),
            printer,
            content: print(program).await?,
        });
    }
    let openapi = |path: &str| {
        let generated = generated.iter().find(|generated| generated.path.ends_with(path));
        generated
            .map(|generated| generated.content.as_slice())
            .context("an OpenAPI document")
    };
    let apis = [
        ("admin-api", openapi("admin-api.openapi.json")?),
        ("user-api", openapi("user-api.openapi.json")?),
    ];
    let path = workspace().join("docs/security.md");
    let content = rights::fill(&fs::read_to_string(&path)?, &apis)?.into_bytes();
    generated.push(Generated {
        path,
        printer: "the route table",
        content,
    });
    Ok(generated)
}

/// Runs a program and returns its standard output.
async fn print(program: &Path) -> Result<Vec<u8>> {
    let output = Command::new(program)
        .output()
        .await
        .with_context(|| format!("cannot run {}", program.display()))?;
    ensure!(
        output.status.success(),
        "{} failed ({}): {}",
        program.display(),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output.stdout)
}

pub(crate) async fn crdgen() -> Result<PathBuf> {
    build(&["bookshelf-crd"])
        .await?
        .remove(CRDGEN)
        .context("package bookshelf-crd has no program crdgen")
}
