//! `cargo xtask test --only`: runs only the named tests.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use super::{announce, cluster, cluster::Cluster};
use crate::cargo::{self, TestProgram};

/// The test programs whose tests need the shared control plane.
const ON_A_CLUSTER: [&str; 3] = ["it", "any_resource", "api_server"];
/// The prefix of end-to-end tests that start their own control plane.
const ON_THEIR_OWN_CLUSTER: &str = "it::lab::";

/// Builds the tests and the programs they run, and runs the tests whose path contains one of `names`.
///
/// `arguments` are passed to the test programs.
pub(super) async fn run(names: &[String], arguments: &[String], kubeconfig: Option<PathBuf>) -> Result<()> {
    announce("build");
    let mut selected = Vec::new();
    for program in cargo::build_tests().await? {
        let tests = list(&program, names, arguments).await?;
        if !tests.is_empty() {
            selected.push((program, tests));
        }
    }
    let is_found = |name: &String| {
        let mut tests = selected.iter().flat_map(|(_, tests)| tests);
        tests.any(|test| test.contains(name.as_str()))
    };
    for name in names {
        ensure!(is_found(name), "no test has a path that contains {name:?}");
    }

    let cluster = if let Some(kubeconfig) = kubeconfig {
        Some(Cluster::given(kubeconfig)?)
    } else if selected
        .iter()
        .any(|(program, tests)| needs_cluster(program, tests))
    {
        Some(Cluster::find_or_start().await?)
    } else {
        None
    };
    let mut failed = Vec::new();
    for (program, tests) in &selected {
        announce(&format!(
            "{} ({}): {} tests",
            program.package,
            program.name,
            tests.len()
        ));
        let mut command = command(program);
        command.args(names).args(arguments);
        if let Some(cluster) = &cluster {
            command.env(cluster::VARIABLE, cluster.kubeconfig());
        }
        let status = command.status().await;
        if !status.with_context(|| cannot_run(program))?.success() {
            failed.push(format!("{} ({})", program.package, program.name));
        }
    }
    ensure!(
        failed.is_empty(),
        "tests failed in {}; their output is above",
        failed.join(", ")
    );
    Ok(())
}

/// Returns the paths of the tests in a program that `names` and `arguments` select.
async fn list(program: &TestProgram, names: &[String], arguments: &[String]) -> Result<Vec<String>> {
    let mut command = command(program);
    command
        .args(names)
        .args(arguments)
        .args(["--list", "--format", "terse"]);
    let output = command.stderr(Stdio::inherit()).output().await;
    let output = output.with_context(|| cannot_run(program))?;
    ensure!(
        output.status.success(),
        "{} does not list its tests",
        program.path.display()
    );
    let tests = String::from_utf8_lossy(&output.stdout);
    let tests = tests.lines().filter_map(|line| line.strip_suffix(": test"));
    Ok(tests.map(str::to_owned).collect())
}

/// Returns a command that runs a test program as cargo does, in the directory of its package.
fn command(program: &TestProgram) -> Command {
    let mut command = Command::new(&program.path);
    cargo::clean_environment(&mut command);
    command
        .current_dir(program.manifest.parent().unwrap_or(Path::new(".")))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

fn cannot_run(program: &TestProgram) -> String {
    format!("cannot run {}", program.path.display())
}

fn needs_cluster(program: &TestProgram, tests: &[String]) -> bool {
    ON_A_CLUSTER.contains(&program.name.as_str())
        && tests.iter().any(|test| !test.starts_with(ON_THEIR_OWN_CLUSTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tests_on_the_shared_control_plane_need_one() {
        let needs = |name: &str, test: &str| {
            let program = TestProgram {
                package: String::new(),
                name: name.to_owned(),
                manifest: PathBuf::new(),
                path: PathBuf::new(),
            };
            needs_cluster(&program, &[test.to_owned()])
        };
        assert!(needs("it", "it::borrowing::a_book_is_lent"));
        assert!(!needs("it", "it::lab::outages::reads_go_on"));
        assert!(!needs("bookshelf_store", "cache::tests::reads"));
    }
}
