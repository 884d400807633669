//! `cargo xtask images`.

mod buildah;

use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use tokio::process::Command;

use crate::cargo::workspace;

/// The builders in order of preference, with their build commands. buildah has its own module.
const BUILDERS: [(&str, &[&str]); 4] = [
    ("minikube", &["image", "build"]),
    ("docker", &["build"]),
    ("podman", &["build"]),
    (buildah::NAME, &[]),
];

/// Build the container images of both APIs, tagged as the Helm chart expects them.
///
/// buildah needs no base image: it uses binaries that cargo builds on this machine, checks the images, and writes them
/// to target/images.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Builder: minikube (the images are in its cluster at once), docker, podman or buildah [default: the first of them
    /// that is installed].
    #[arg(long, env = "BOOKSHELF_IMAGE_BUILDER", value_parser = ["minikube", "docker", "podman", buildah::NAME])]
    builder: Option<String>,

    /// Cargo profile of buildah's binaries; only those of `release` have a size limit.
    #[arg(
        long,
        env = "BOOKSHELF_IMAGE_PROFILE",
        value_name = "PROFILE",
        default_value = "release"
    )]
    profile: String,
}

/// Builds the images with buildah and a quick profile, and checks them. Without buildah, prints that they are not
/// built.
pub(crate) async fn check() -> Result<()> {
    if which::which(buildah::NAME).is_ok() {
        return buildah::build("dev").await;
    }
    eprintln!("images are not built: buildah is not on PATH (Debian: apt install buildah)");
    Ok(())
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
                .unwrap_or("none of minikube, docker, podman and buildah")
        );
    };
    if builder == buildah::NAME {
        return buildah::build(&args.profile).await;
    }
    let revision = format!("REVISION={}", revision().await);
    for api in ["admin", "user"] {
        let image = format!("bookshelf-{api}-api:develop");
        let mut command = Command::new(builder);
        command
            .args(build)
            .args(["-f", &format!("Dockerfile.{api}"), "-t", &image]);
        if builder != "minikube" {
            command.args(["--build-arg", &revision]);
        }
        let status = command
            .arg(".")
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

/// Returns the commit that is built, or `unknown`.
async fn revision() -> String {
    let git = Command::new("git")
        .args(["describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"])
        .current_dir(workspace())
        .output()
        .await;
    let revision = git.ok().filter(|output| output.status.success());
    revision.map_or_else(
        || "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
