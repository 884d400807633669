//! Tests in a browser, which node runs with the packages of `hack/e2e/ui` and the Chromium of this machine.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Output,
};

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

use crate::{programs::workspace, skipped};

/// The names of Chromium on PATH.
const CHROMIUMS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// A browser and its driver.
#[derive(Clone, Debug)]
pub struct Browser {
    node: PathBuf,
    chromium: PathBuf,
    directory: PathBuf,
}

impl Browser {
    /// Returns the browser of this machine, and installs its driver. If node, npm or Chromium is not on PATH, returns
    /// `None` and prints so on standard error.
    pub async fn find() -> Result<Option<Self>> {
        let found = |names: &[&str]| names.iter().find_map(|name| which::which(name).ok());
        let programs = (found(&["node"]), found(&["npm"]), found(&CHROMIUMS));
        let (Some(node), Some(npm), Some(chromium)) = programs else {
            skipped(
                "tests of the web pages need node 20, npm and Chromium on PATH (Debian: apt install nodejs npm chromium)",
            );
            return Ok(None);
        };
        let directory = workspace().join("hack/e2e/ui");
        install(&npm, &directory).await?;
        Ok(Some(Self {
            node,
            chromium,
            directory,
        }))
    }

    /// Runs a file of tests with these variables.
    ///
    /// # Panics
    ///
    /// Panics if a test fails; the message contains node's report.
    pub async fn run(&self, file: &str, variables: &[(&str, &str)]) -> Result<()> {
        let arguments = ["--test", "--test-reporter=spec", file];
        let output = self.node(&arguments, variables).await?;
        let report = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{file}:\n{report}\n{errors}");
        // A file without tests also succeeds.
        assert!(!report.contains("tests 0"), "{file} has tests:\n{report}");
        Ok(())
    }

    /// Runs a measuring program with these variables, and returns its output.
    pub async fn measure(&self, file: &str, variables: &[(&str, &str)]) -> Result<String> {
        let output = self.node(&[file], variables).await?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{file}: {errors}");
        Ok(String::from_utf8(output.stdout)?)
    }

    async fn node(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<Output> {
        let mut command = Command::new(&self.node);
        command
            .args(arguments)
            .current_dir(&self.directory)
            .env("BOOKSHELF_CHROMIUM", &self.chromium)
            .envs(variables.iter().copied())
            .kill_on_drop(true);
        command.output().await.context("cannot run node")
    }

    /// Runs a program of the packages.
    ///
    /// # Panics
    ///
    /// Panics if it fails.
    pub async fn run_program(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new(self.directory.join("node_modules/.bin").join(program));
        command
            .args(arguments)
            .current_dir(&self.directory)
            .kill_on_drop(true);
        let output = command
            .output()
            .await
            .with_context(|| format!("cannot run {program}"))?;
        let report = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}:\n{report}\n{errors}");
        Ok(())
    }
}

/// Installs the packages of the lock file, once for each version of that file.
async fn install(npm: &Path, directory: &Path) -> Result<()> {
    let lock_file = fs::read(directory.join("package-lock.json"))?;
    let installed = directory.join("node_modules/.installed");
    let is_installed = || fs::read(&installed).is_ok_and(|installed| installed == lock_file);
    if is_installed() {
        return Ok(());
    }
    let lock = File::create(std::env::temp_dir().join("bookshelf-ui-packages.lock"))?;
    let _lock = tokio::task::spawn_blocking(|| lock.lock().map(|()| lock)).await??;
    if is_installed() {
        return Ok(());
    }
    let mut command = Command::new(npm);
    command
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(directory)
        .kill_on_drop(true);
    let output = command.output().await.context("cannot run npm")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "npm ci in {}: {errors}",
        directory.display()
    );
    // This file is written last: an installation without it is incomplete.
    fs::write(&installed, &lock_file)?;
    Ok(())
}
