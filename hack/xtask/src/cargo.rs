//! Cargo, in this workspace.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

/// The root of the workspace.
pub(crate) fn workspace() -> &'static Path {
    let this_crate = Path::new(env!("CARGO_MANIFEST_DIR"));
    this_crate.ancestors().nth(2).unwrap_or(this_crate)
}

/// `cargo ARGUMENTS`, to be run at the root of the workspace; ended when it is dropped.
pub(crate) fn cargo(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(arguments)
        .current_dir(workspace())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    // What the cargo that runs us tells us of ourselves: build scripts would take it for a change, and build again.
    for (variable, _) in env::vars_os() {
        let name = variable.to_string_lossy();
        if ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_", "CARGO_CRATE_"]
            .iter()
            .any(|ours| name.starts_with(ours))
        {
            command.env_remove(&variable);
        }
    }
    command
}

/// Builds `packages`, with cargo's own output shown, and returns where their programs are, by name.
pub(crate) async fn build(packages: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
    build_with(&[], packages).await
}

/// The same with another of cargo's profiles.
pub(crate) async fn build_with_profile(
    profile: &str,
    packages: &[&str],
) -> Result<BTreeMap<String, PathBuf>> {
    build_with(&["--profile", profile], packages).await
}

/// The same with the examples of `packages`, and not their programs.
pub(crate) async fn build_examples(packages: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
    build_with(&["--examples"], packages).await
}

async fn build_with(options: &[&str], packages: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
    let mut arguments = vec!["build", "--message-format=json-render-diagnostics"];
    arguments.extend(options);
    for package in packages {
        arguments.extend(["--package", package]);
    }
    // `output` would take what cargo says to the terminal, too.
    let building = cargo(arguments).stdout(Stdio::piped()).spawn();
    let output = building.context("cannot run `cargo build`")?.wait_with_output();
    let output = output.await.context("`cargo build` is lost")?;
    ensure!(
        output.status.success(),
        "`cargo build` of {} failed; its messages are above",
        packages.join(", ")
    );
    Ok(String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(program)
        .collect())
}

/// The program that a line of cargo's messages tells of, if it does.
fn program(message: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(message).ok()?;
    let path = message.get("executable")?.as_str()?;
    let name = message.get("target")?.get("name")?.as_str()?;
    Some((name.to_owned(), path.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_among_cargos_messages() {
        let built = r#"{"reason":"compiler-artifact","target":{"name":"crdgen"},"executable":"/t/crdgen"}"#;
        assert_eq!(
            program(built),
            Some(("crdgen".to_owned(), PathBuf::from("/t/crdgen")))
        );
        let library = r#"{"reason":"compiler-artifact","target":{"name":"bookshelf_crd"},"executable":null}"#;
        assert_eq!(program(library), None);
        assert_eq!(program(r#"{"reason":"build-finished","success":true}"#), None);
    }

    #[test]
    fn the_workspace_is_where_its_manifest_is() {
        assert!(workspace().join("Cargo.lock").exists());
    }
}
