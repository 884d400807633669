//! Schemathesis, which asks both APIs what their OpenAPI documents promise: installed for the end-to-end tests.

use std::{
    fs::{self, File},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, ensure};
use control_plane::binaries::cache_dir;
use sha2::{Digest as _, Sha256};
use tokio::process::Command;

/// Names schemathesis to the tests.
pub(super) const VARIABLE: &str = "BOOKSHELF_SCHEMATHESIS";

/// It and all that it needs, by version and hash.
const REQUIREMENTS: &str = include_str!("../../../e2e/schemathesis/requirements.txt");

/// The file that says that an installation is whole.
const INSTALLED: &str = "installed";

/// What it runs on: for a newer one, not all that it needs is there in the pinned versions.
const PYTHON: RangeInclusive<(u32, u32)> = (3, 11)..=(3, 14);
/// What that may be called.
const PYTHONS: [&str; 5] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11"];

/// The path of schemathesis in the user's cache, into which pip installs it once.
pub(super) async fn find_or_install() -> Result<PathBuf> {
    let (python, version) = python().await?;
    let hash = Sha256::digest(REQUIREMENTS);
    let hash = hash.first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
    let root = cache_dir()?;
    let environment = root.join(format!("schemathesis-{hash:016x}-python-{version}"));
    let program = environment.join("bin/st");
    if works(&program).await {
        return Ok(program);
    }
    fs::create_dir_all(&root).with_context(|| format!("cannot create the cache {}", root.display()))?;
    let lock = File::create(root.join("schemathesis.lock"))?;
    lock.lock().context("cannot lock the cache")?;
    if !works(&program).await {
        install(&python, &environment).await?;
        // Written last: without it, an installation was cut short.
        File::create(environment.join(INSTALLED))?;
    }
    Ok(program)
}

/// Whether it was installed to the end, and still runs: the Python that it was installed with may be gone.
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

async fn install(python: &Path, environment: &Path) -> Result<()> {
    eprintln!("installing schemathesis with pip (about 15 seconds, once)");
    let mut create = Command::new(python);
    create.args(["-m", "venv", "--clear"]).arg(environment);
    run(
        create,
        "make a virtual environment: Debian and Ubuntu have that in the package python3-venv",
    )
    .await?;
    let requirements = environment.join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS)?;
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
    run(install, "install schemathesis").await
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

/// The first Python that schemathesis runs on, and its version.
async fn python() -> Result<(PathBuf, String)> {
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
        "schemathesis, which tests the APIs against their OpenAPI documents, needs Python {major}.{oldest} to \
         {major}.{newest}, and none is on PATH as {}",
        PYTHONS.join(", ")
    )
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

    #[test]
    fn every_requirement_has_hashes() {
        let pinned = REQUIREMENTS
            .lines()
            .filter(|line| line.contains("==") && !line.starts_with('#'));
        assert!(pinned.clone().count() > 20);
        assert!(pinned.clone().all(|line| line.ends_with('\\')), "a hash follows");
    }
}
