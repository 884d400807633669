//! Images built with buildah, from binaries that cargo builds here, for machines without access to an image registry or
//! a container engine.
//!
//! buildah runs only the last stage of the Dockerfiles: a directory with the binary replaces the stage before it.
//!
//! Builds are reproducible: the same commit and toolchain give the same bytes on every machine, since neither binaries
//! nor images contain paths or times of the machine.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, ensure};
use memchr::memmem;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use super::revision;
use crate::cargo::tool::CargoTool;
use crate::cargo::{at_root, cargo_home, workspace};

pub(super) const NAME: &str = "buildah";

/// Embeds the list of dependencies in each program, where image scanners look for it
/// (<https://github.com/rust-secure-code/cargo-auditable>). The Dockerfiles use the same version.
const CARGO_AUDITABLE: CargoTool = CargoTool {
    name: "cargo-auditable",
    version: "0.7.7",
    purpose: "lists the dependencies in the programs of images",
    build_time: "1 minute",
};

/// The section of a program with its dependencies.
const DEPENDENCIES: &[u8] = b".dep-v0";

/// The maximum size of a binary of the profile `release`, and so of an image.
const MAX_BYTES: usize = 20 << 20;

pub(super) async fn build(profile: &str) -> Result<()> {
    let programs = static_programs(profile).await?;
    let images = workspace().join("target/images");
    fs::create_dir_all(&images)?;
    let revision = revision().await;
    for api in ["admin", "user"] {
        let program = format!("{api}-api");
        let image = Image {
            storage: tempfile::tempdir()?,
            name: format!("bookshelf-{program}:develop"),
            archive: images.join(format!("bookshelf-{program}.tar")),
            program,
        };
        let program = fs::read(programs.join(&image.program))?;
        ensure!(
            memmem::find(&program, DEPENDENCIES).is_some(),
            "{} does not list its dependencies",
            image.program
        );
        for (directory, name) in renamed_directories()? {
            let directory = format!("{}/", directory.display());
            ensure!(
                directory == format!("{name}/") || memmem::find(&program, directory.as_bytes()).is_none(),
                "{} names {directory}, so that it is another program on another machine",
                image.program,
            );
        }
        let bytes = program.len();
        ensure!(
            profile != "release" || bytes <= MAX_BYTES,
            "{} has {bytes} bytes, more than {MAX_BYTES}",
            image.program
        );
        image.build(api, &programs, &revision).await?;
        image.check(&revision).await?;
        println!("{}: {} ({bytes} bytes)", image.name, image.archive.display());
    }
    Ok(())
}

/// Builds both programs without a dynamic linker, and returns the path of their directory.
async fn static_programs(profile: &str) -> Result<PathBuf> {
    let version = output(Command::new("rustc").arg("-vV")).await?;
    let target = version.lines().find_map(|line| line.strip_prefix("host: "));
    let target = target.context("rustc names its host")?;
    let auditable = CARGO_AUDITABLE.find_or_install().await?;
    // With --target, the flags do not apply to proc macros, which are dynamic libraries.
    let mut flags = OsString::from("-Ctarget-feature=+crt-static");
    for (directory, name) in renamed_directories()? {
        // Cargo splits at this character, so paths may contain blanks.
        flags.push("\u{1f}--remap-path-prefix=");
        flags.push(directory);
        flags.push("=");
        flags.push(name);
    }
    // Debug information contains paths too, including that of C code.
    let strip = format!("CARGO_PROFILE_{}_STRIP", profile.to_uppercase().replace('-', "_"));
    let mut build = at_root(auditable, ["auditable", "build", "--locked"]);
    build
        .args(["--profile", profile, "--target", target])
        .args(["--package", "admin-api", "--package", "user-api"])
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
        .env(strip, "true");
    let status = build.status().await.context("cannot run cargo")?;
    ensure!(status.success(), "cargo could not build the programs ({status})");
    let directory = if profile == "dev" { "debug" } else { profile };
    Ok(workspace().join("target").join(target).join(directory))
}

/// The directories whose paths panic messages would contain, and their names in the programs.
fn renamed_directories() -> Result<[(PathBuf, &'static str); 2]> {
    Ok([
        (cargo_home().context("cargo has no home directory")?, "/cargo"),
        (workspace().to_owned(), "/src"),
    ])
}

struct Image {
    storage: TempDir,
    name: String,
    archive: PathBuf,
    program: String,
}

impl Image {
    fn buildah(&self) -> Command {
        let mut command = Command::new(NAME);
        let (root, run) = (self.storage.path().join("root"), self.storage.path().join("run"));
        command.args(["--storage-driver", "vfs", "--root"]).arg(root);
        command.arg("--runroot").arg(run);
        command
    }

    async fn build(&self, api: &str, programs: &Path, revision: &str) -> Result<()> {
        let context = self.storage.path().join("context");
        fs::create_dir_all(&context)?;
        fs::copy(programs.join(&self.program), context.join(&self.program))?;
        let mut build = self.buildah();
        build
            .args(["build", "--quiet", "--isolation", "chroot", "--tag", &self.name])
            // Sets the times of the files and of the image itself.
            .arg("--timestamp=0")
            .arg(format!("--build-context=build={}", context.display()))
            .arg(format!("--build-arg=REVISION={revision}"))
            .arg("--file")
            .arg(workspace().join(format!("Dockerfile.{api}")))
            .arg(&context);
        output(&mut build).await?;
        if self.archive.exists() {
            fs::remove_file(&self.archive)?;
        }
        let archive = format!("docker-archive:{}:{}", self.archive.display(), self.name);
        output(self.buildah().args(["push", "--quiet", &self.name, &archive])).await?;
        Ok(())
    }

    /// Fails if the chart cannot run the image: it must contain only the program, and run it, not as root.
    async fn check(&self, revision: &str) -> Result<()> {
        let inspected = output(self.buildah().args(["inspect", "--type", "image", &self.name])).await?;
        let inspected: Value = serde_json::from_str(&inspected)?;
        let config = &inspected["OCIv1"]["config"];
        let path = format!("/{}", self.program);
        let labels = &config["Labels"];
        ensure!(config["User"] == "65532:65532", "the user is {}", config["User"]);
        ensure!(
            config["Entrypoint"][0] == path,
            "the entry point is {}",
            config["Entrypoint"]
        );
        ensure!(
            labels["org.opencontainers.image.revision"] == revision
                && labels["org.opencontainers.image.title"] == format!("bookshelf-{}", self.program),
            "the labels are {labels}"
        );
        let files = self.files().await?;
        ensure!(
            files == [self.program.as_str()],
            "the image has the files {files:?}"
        );
        let container = output(self.buildah().args(["from", &self.name])).await?;
        let run = [
            "run",
            "--isolation",
            "chroot",
            container.trim(),
            "--",
            &path,
            "--help",
        ];
        let help = output(self.buildah().args(run)).await?;
        ensure!(help.contains("--listen"), "{path} does not run: {help}");
        Ok(())
    }

    async fn files(&self) -> Result<Vec<String>> {
        let unpacked = self.storage.path().join("unpacked");
        fs::create_dir_all(&unpacked)?;
        let mut unpack = Command::new("tar");
        output(unpack.arg("-xf").arg(&self.archive).arg("-C").arg(&unpacked)).await?;
        let mut files = Vec::new();
        for entry in fs::read_dir(unpacked)? {
            let path = entry?.path();
            // Layers are files. Directories contain only links to them.
            if path.extension().is_some_and(|extension| extension == "tar") && path.is_file() {
                let listed = output(Command::new("tar").arg("-tf").arg(path)).await?;
                files.extend(listed.lines().map(str::to_owned));
            }
        }
        Ok(files)
    }
}

/// Runs a command to completion, and returns its standard output.
async fn output(command: &mut Command) -> Result<String> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("cannot run {program}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{program} failed ({}): {said}",
        output.status
    );
    Ok(String::from_utf8(output.stdout)?)
}
