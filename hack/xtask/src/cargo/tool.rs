//! Programs that `cargo install` provides.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use control_plane::binaries::cache_dir;

use super::cargo;

pub(crate) struct CargoTool {
    /// The name of the package and of its program.
    pub(crate) name: &'static str,
    /// The version to build if the program is not installed.
    pub(crate) version: &'static str,
    /// The use of the program, for errors.
    pub(crate) purpose: &'static str,
    /// The duration of the build, such as "3 minutes".
    pub(crate) build_time: &'static str,
}

impl CargoTool {
    /// Returns the path of the program, from PATH or from the user's cache, into which it is built once.
    pub(crate) async fn find_or_install(&self) -> Result<PathBuf> {
        let Self {
            name,
            version,
            purpose,
            build_time,
        } = self;
        if let Ok(installed) = which::which(name) {
            return Ok(installed);
        }
        let root = cache_dir()?.join(format!("{name}-{version}"));
        let program = root.join("bin").join(name);
        if !program.exists() {
            eprintln!("building {name} {version} (about {build_time} on 2 cores, once)");
            let mut install = cargo([
                "install",
                name,
                "--version",
                version,
                "--locked",
                "--quiet",
                "--root",
            ]);
            install.arg(&root);
            let status = install.status().await.context("cannot run `cargo install`")?;
            ensure!(
                status.success(),
                "{name}, which {purpose}, is not on PATH and could not be built ({status}); the messages are above"
            );
        }
        Ok(program)
    }
}
