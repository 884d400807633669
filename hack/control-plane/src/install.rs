//! Installs bookshelf's part of a cluster without the two APIs: CRDs, namespace, `ServiceAccounts`, RBAC and admission
//! policies.

use std::path::Path;

use anyhow::Result;
use tokio::process::Command;

use crate::{
    binaries::{Tool, find_or_build},
    kubectl::{Kubectl, output_of},
};

/// The namespace of the two APIs and their `ServiceAccounts`.
pub const NAMESPACE: &str = "bookshelf";

/// The templates of the chart to install: all but the CRDs, which crdgen prints, and the APIs.
const TEMPLATES: [&str; 5] = [
    "templates/serviceaccounts.yaml",
    "templates/rbac.yaml",
    "templates/reviews.yaml",
    "templates/people.yaml",
    "templates/admission-policies.yaml",
];

/// The inputs of an installation.
#[derive(Clone, Copy, Debug)]
pub struct Installation<'a> {
    /// The program that prints the CRDs.
    pub crdgen: &'a Path,
    /// The chart with the `ServiceAccounts`, the RBAC rules and the admission policies.
    pub chart: &'a Path,
}

/// Installs bookshelf into the cluster of `kubeconfig`, or updates it, and waits until the CRDs are established.
///
/// In a [`ControlPlane`](crate::ControlPlane), use [`ControlPlane::install`](crate::ControlPlane::install), after which
/// garbage collection works at once.
pub async fn install(kubeconfig: &Path, installation: Installation<'_>) -> Result<()> {
    let kubectl = Kubectl::new(kubeconfig).await?;
    let crds = output_of(Command::new(installation.crdgen), "crdgen", "").await?;
    kubectl.apply(&crds).await?;
    let established = ["wait", "--for=condition=Established", "--timeout=60s", "-f", "-"];
    kubectl.run_with_input(&established, &crds).await?;
    let namespace =
        serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    kubectl.apply(&namespace.to_string()).await?;
    kubectl.apply(&rights(installation.chart).await?).await?;
    Ok(())
}

/// Returns the `ServiceAccounts`, roles, bindings and admission policies that the chart renders.
async fn rights(chart: &Path) -> Result<String> {
    let helm = tokio::task::spawn_blocking(|| find_or_build(Tool::Helm)).await??;
    let mut command = Command::new(helm);
    command
        .args(["template", "bookshelf"])
        .arg(chart)
        .args(["--namespace", NAMESPACE]);
    for template in TEMPLATES {
        command.args(["--show-only", template]);
    }
    output_of(command, "helm template", "").await
}
