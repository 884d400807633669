//! Runs cargo in this workspace.

pub(crate) mod tool;

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

pub(crate) fn workspace() -> &'static Path {
    let this_crate = Path::new(env!("CARGO_MANIFEST_DIR"));
    this_crate.ancestors().nth(2).unwrap_or(this_crate)
}

/// The directory in which cargo keeps the sources of dependencies.
pub(crate) fn cargo_home() -> Option<PathBuf> {
    let named = env::var_os("CARGO_HOME").map(PathBuf::from);
    named.or_else(|| Some(env::home_dir()?.join(".cargo")))
}

/// Returns `cargo ARGUMENTS`, run at the root of the workspace. Drop kills it.
pub(crate) fn cargo(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    at_root(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), arguments)
}

/// Returns a program with these arguments, which runs cargo, in the same way.
pub(crate) fn at_root(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(workspace())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    clean_environment(&mut command);
    command
}

/// Removes the variables with which cargo describes xtask. Build scripts would see them as changes and run again.
pub(crate) fn clean_environment(command: &mut Command) {
    for (variable, _) in env::vars_os() {
        let name = variable.to_string_lossy();
        if ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_", "CARGO_CRATE_"]
            .iter()
            .any(|ours| name.starts_with(ours))
        {
            command.env_remove(&variable);
        }
    }
}

/// Builds `packages` with cargo's own output, and returns the paths of their programs by name.
pub(crate) async fn build(packages: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
    build_with(&[], packages).await
}

/// Builds them with the given cargo profile.
pub(crate) async fn build_with_profile(
    profile: &str,
    packages: &[&str],
) -> Result<BTreeMap<String, PathBuf>> {
    build_with(&["--profile", profile], packages).await
}

/// Builds the examples of `packages` instead of their programs.
pub(crate) async fn build_examples(packages: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
    build_with(&["--examples"], packages).await
}

async fn build_with(options: &[&str], packages: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
    let mut arguments = options.to_vec();
    for package in packages {
        arguments.extend(["--package", package]);
    }
    let messages = messages_of_build(&arguments).await?;
    Ok(messages.lines().filter_map(program).collect())
}

/// Builds the programs and the test programs of the workspace, and returns the test programs.
///
/// A single build unifies features, so every dependency is built once.
pub(crate) async fn build_tests() -> Result<Vec<TestProgram>> {
    let messages = messages_of_build(&["--workspace", "--lib", "--bins", "--tests"]).await?;
    Ok(messages.lines().filter_map(TestProgram::of).collect())
}

/// Runs `cargo build` with these arguments and returns its JSON messages, one on each line.
async fn messages_of_build(arguments: &[&str]) -> Result<String> {
    let mut building = cargo(["build", "--message-format=json-render-diagnostics"]);
    building.args(arguments);
    // `output` would also capture cargo's progress on stderr.
    let building = building.stdout(Stdio::piped()).spawn();
    let output = building.context("cannot run `cargo build`")?.wait_with_output();
    let output = output.await.context("cannot read the output of `cargo build`")?;
    ensure!(
        output.status.success(),
        "`cargo build {}` failed; its messages are above",
        arguments.join(" ")
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Returns name and path of the program in a cargo message.
fn program(message: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(message).ok()?;
    let path = message.get("executable")?.as_str()?;
    let name = message.get("target")?.get("name")?.as_str()?;
    Some((name.to_owned(), path.into()))
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TestProgram {
    pub(crate) package: String,
    /// The library, program or file in `tests` that it tests.
    pub(crate) name: String,
    pub(crate) manifest: PathBuf,
    pub(crate) path: PathBuf,
}

impl TestProgram {
    /// Returns the test program in a cargo message.
    fn of(message: &str) -> Option<Self> {
        let (name, path) = program(message)?;
        let message: Value = serde_json::from_str(message).ok()?;
        if message.get("profile")?.get("test")? != true {
            return None;
        }
        let manifest = PathBuf::from(message.get("manifest_path")?.as_str()?);
        let package = manifest.parent()?.file_name()?.to_string_lossy().into_owned();
        Some(Self {
            package,
            name,
            manifest,
            path,
        })
    }
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
    fn test_programs_are_distinguished_from_programs() {
        let message = |test: bool| {
            let profile = format!(r#"{{"test":{test}}}"#);
            let target = r#"{"name":"it","kind":["test"]}"#;
            format!(
                r#"{{"manifest_path":"/w/hack/e2e/Cargo.toml","target":{target},"profile":{profile},"executable":"/t/it"}}"#
            )
        };
        assert_eq!(
            TestProgram::of(&message(true)),
            Some(TestProgram {
                package: "e2e".to_owned(),
                name: "it".to_owned(),
                manifest: "/w/hack/e2e/Cargo.toml".into(),
                path: "/t/it".into(),
            })
        );
        assert_eq!(TestProgram::of(&message(false)), None);
    }

    #[test]
    fn the_workspace_is_where_its_manifest_is() {
        assert!(workspace().join("Cargo.lock").exists());
    }
}
