//! The Helm chart.

mod answers;
mod api_server;
mod dashboards;
mod releases;
mod rendering;
mod schemas;
mod values;

use std::{path::PathBuf, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use control_plane::binaries::{Tool, find_or_build};
use e2e::chart;
use serde_json::Value;
use tokio::process::Command;

pub(super) async fn helm(arguments: &[&str]) -> Result<String> {
    let helm = tokio::task::spawn_blocking(|| find_or_build(Tool::Helm)).await??;
    let output = Command::new(helm)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .await?;
    let said = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8(output.stdout)?;
    ensure!(
        output.status.success(),
        "helm {}: {said}{printed}",
        arguments.join(" ")
    );
    Ok(printed)
}

/// Returns the rendered chart for a release with additional `arguments`.
async fn rendered(release: &str, arguments: &[&str]) -> Result<String> {
    let chart = chart();
    let fixed = ["template", release, chart.to_str().context("a path")?];
    helm(&[&fixed, arguments].concat()).await
}

fn objects(manifests: &str) -> Result<Vec<Value>> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(manifests)?;
    Ok(documents.into_iter().filter(|object| !object.is_null()).collect())
}

fn of_kind(manifests: &str, kind: &str) -> Result<Vec<Value>> {
    let objects = objects(manifests)?.into_iter();
    Ok(objects.filter(|object| object["kind"] == kind).collect())
}

/// Returns the values files that the chart must render: those of the tests and the examples.
fn values_files() -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("values");
    for directory in [tests, e2e::examples()] {
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            let name = path.to_string_lossy();
            if path.parent().is_some_and(|parent| parent.ends_with("values")) || name.ends_with("values.yaml")
            {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn values_file(name: &str) -> String {
    format!("{}/values/{name}", env!("CARGO_MANIFEST_DIR"))
}
