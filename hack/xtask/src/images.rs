//! `cargo xtask images`.

use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use tokio::process::Command;

use crate::cargo::workspace;

/// The builders, in order of preference, and how each is asked to build.
const BUILDERS: [(&str, &[&str]); 3] = [
    ("minikube", &["image", "build"]),
    ("docker", &["build"]),
    ("podman", &["build"]),
];

/// Build the container images of both APIs, tagged as the Helm chart expects them.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Builder: minikube (the images are in its cluster at once), docker or podman [default: the first of
    /// them that is installed].
    #[arg(long, env = "BOOKSHELF_IMAGE_BUILDER", value_parser = ["minikube", "docker", "podman"])]
    builder: Option<String>,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let wanted = |name: &str| args.builder.as_deref().is_none_or(|builder| builder == name);
    let found = BUILDERS
        .into_iter()
        .find(|(name, _)| wanted(name) && which::which(name).is_ok());
    let Some((builder, build)) = found else {
        bail!(
            "{} is not on PATH; images are needed only to run bookshelf in a cluster of your own, `cargo xtask up` \
             does without",
            args.builder
                .as_deref()
                .unwrap_or("none of minikube, docker and podman")
        );
    };
    for api in ["admin", "user"] {
        let image = format!("bookshelf-{api}-api:develop");
        let status = Command::new(builder)
            .args(build)
            .args(["-f", &format!("Dockerfile.{api}"), "-t", &image, "."])
            .current_dir(workspace())
            .stdin(Stdio::null())
            .status()
            .await
            .with_context(|| format!("cannot run {builder}"))?;
        ensure!(
            status.success(),
            "{builder} could not build {image} ({status}); its messages are above"
        );
    }
    Ok(())
}
