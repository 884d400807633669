//! The measured commit and the machine.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};
use tokio::process::Command;

use crate::workspace;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    cpu: String,
    cores: usize,
    memory_bytes: u64,
    kernel: String,
    /// The load average of the minute before the run, including the build.
    load_before: f64,
}

impl Machine {
    pub(crate) fn look() -> Self {
        let what = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing())
            .with_memory(MemoryRefreshKind::nothing().with_ram());
        let system = System::new_with_specifics(what);
        let cpu = system.cpus().first();
        Self {
            cpu: cpu
                .map(|cpu| cpu.brand().trim().to_owned())
                .filter(|brand| !brand.is_empty())
                .unwrap_or_else(|| "unknown CPU".to_owned()),
            cores: system.cpus().len(),
            memory_bytes: system.total_memory(),
            kernel: System::long_os_version()
                .into_iter()
                .chain(System::kernel_version())
                .collect::<Vec<_>>()
                .join(", kernel "),
            load_before: System::load_average().one,
        }
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            cpu,
            cores,
            kernel,
            load_before,
            ..
        } = self;
        let gibibytes = self.memory_bytes.div_ceil(1 << 30);
        write!(
            formatter,
            "{cpu}, {cores} cores, {gibibytes} GiB, {kernel}; load average {load_before:.1} before"
        )
    }
}

pub(crate) async fn rustc() -> Result<String> {
    output("rustc", &["--version"]).await
}

/// The commit of the working tree, marked if there are uncommitted changes.
pub(crate) async fn commit() -> Result<String> {
    let commit = output("git", &["rev-parse", "--short=12", "HEAD"]).await?;
    let changes = output("git", &["status", "--porcelain"]).await?;
    Ok(if changes.is_empty() {
        commit
    } else {
        format!("{commit} with changes")
    })
}

async fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let what = || format!("`{program} {}`", arguments.join(" "));
    let output = Command::new(program)
        .args(arguments)
        .current_dir(workspace())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("cannot run {}", what()))?;
    ensure!(
        output.status.success(),
        "{} failed: {}",
        what(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
