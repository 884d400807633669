//! kubectl against one cluster.

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, process::Command};

use crate::binaries::{Tool, find_or_build};

/// kubectl with a kubeconfig.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    /// kubectl's cache. Each instance has its own, since entries are keyed by server address, which another API server
    /// may have had.
    cache: Arc<TempDir>,
}

impl Kubectl {
    /// Returns kubectl with the rights of `kubeconfig`. Builds it first if it is not installed.
    pub async fn new(kubeconfig: &Path) -> Result<Self> {
        let program = tokio::task::spawn_blocking(|| find_or_build(Tool::Kubectl)).await??;
        Ok(Self {
            program,
            kubeconfig: kubeconfig.to_owned(),
            cache: Arc::new(tempfile::tempdir()?),
        })
    }

    /// The path of the program.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Runs `kubectl ARGUMENTS` and returns its output; fails with its error output.
    pub async fn run(&self, arguments: &[&str]) -> Result<String> {
        self.run_with_input(arguments, "").await
    }

    /// Runs `kubectl ARGUMENTS` with `input` on its standard input.
    pub async fn run_with_input(&self, arguments: &[&str], input: &str) -> Result<String> {
        let mut command = Command::new(&self.program);
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(arguments);
        command.env("KUBECACHEDIR", self.cache.path());
        output_of(command, &format!("kubectl {}", arguments.join(" ")), input).await
    }

    /// Runs `kubectl apply` on `manifests`.
    pub async fn apply(&self, manifests: &str) -> Result<String> {
        self.run_with_input(&["apply", "-f", "-"], manifests).await
    }
}

/// Runs `command` to completion and returns its output. Errors call it `name`.
pub(crate) async fn output_of(mut command: Command, name: &str, input: &str) -> Result<String> {
    let mut run = async || -> std::io::Result<Output> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdin = child.stdin.take();
        let feed = async move {
            if let Some(mut stdin) = stdin {
                // A command that ends without reading its input reports the reason in its exit status.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
        };
        let ((), output) = tokio::join!(feed, child.wait_with_output());
        output
    };
    let output = run().await.with_context(|| format!("cannot run `{name}`"))?;
    if !output.status.success() {
        bail!(
            "`{name}` failed ({}):\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{name}` prints something else than text"))
}
