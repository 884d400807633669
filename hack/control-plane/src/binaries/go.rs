//! `go build` and its requirements.

use std::{
    io::Read,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::{
    Tool,
    module::{Module, package},
    progress::Progress,
    version::Version,
};
use crate::process::Guard;

const POLL: Duration = Duration::from_millis(200);

pub(super) fn build(tool: Tool, output: &Path) -> Result<()> {
    let module = Module::of(tool);
    check_go(tool, module.go_version())?;
    let mut progress = Progress::start(format!("Building {tool} {}", module.release()), expectation(tool));
    let mut child = Command::new("go")
        .arg("build")
        .args(module.build_flags())
        .arg("-o")
        .args([output.as_os_str(), package(tool).as_ref()])
        .current_dir(module.dir())
        .envs(Module::build_environment())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start `go build`")?;
    let guard = Guard::of(&child).context("cannot start the guard of `go build`")?;
    let errors = child.stderr.take().map(|mut stderr| {
        thread::spawn(move || {
            let mut text = Vec::new();
            // Output that is cut short is still worth showing.
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        })
    });
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        progress.tick();
        thread::sleep(POLL);
    };
    drop(guard);
    if status.success() {
        progress.done();
        return Ok(());
    }
    let errors = errors.and_then(|reader| reader.join().ok()).unwrap_or_default();
    Err(anyhow!("{}", errors.trim_end()).context(format!(
        "`go build {}` in {} failed ({status})",
        package(tool),
        module.dir().display()
    )))
}

fn check_go(tool: Tool, needed: Version) -> Result<()> {
    let advice = format!(
        "{tool} is neither in KUBEBUILDER_ASSETS nor on PATH, and building it takes Go {needed} or newer: install \
         that (https://go.dev/dl), or {tool}"
    );
    let Ok(output) = Command::new("go")
        .arg("version")
        .env("GOTOOLCHAIN", "local")
        .output()
    else {
        bail!("`go` does not run. {advice}");
    };
    let found = Version::find_in(&String::from_utf8_lossy(&output.stdout))
        .with_context(|| format!("`go version` prints no version. {advice}"))?;
    ensure!(found >= needed, "Go is version {found}. {advice}");
    Ok(())
}

/// Returns the duration, measured on 2 cores with an empty cache, including the download of the modules.
fn expectation(tool: Tool) -> &'static str {
    match tool {
        Tool::KubeApiserver => "about 5 minutes on 2 cores, once",
        Tool::KubeControllerManager => "about 2 minutes, once",
        Tool::Etcd | Tool::Kubectl => "about a minute, once",
        Tool::Helm => "about 3 minutes, once",
        Tool::Kubeconform | Tool::Etcdctl | Tool::Etcdutl => "less than a minute, once",
    }
}
