//! The rendered chart on an API server that also has the kinds of other projects.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use control_plane::{ControlPlane, Kubectl};
use e2e::{Cluster, Shared, eventually, published_crds};
use serde_json::json;
use tokio::sync::Mutex;

use super::{objects, rendered, values_files};

static CHARTS: Shared<Charts> = Shared::new();

/// A control plane without bookshelf.
pub(super) struct Charts {
    pub(super) cluster: Cluster,
    /// Installations take turns, even dry runs, since a cluster has only one set of CRDs and roles for people.
    pub(super) turn: Mutex<()>,
    version: String,
    _control_plane: ControlPlane,
}

/// Waits until the API server serves all custom resources.
pub(super) async fn crds_established(kubectl: &Kubectl) -> Result<()> {
    let established = [
        "wait",
        "--for=condition=Established",
        "--timeout=60s",
        "crd",
        "--all",
    ];
    kubectl.run(&established).await?;
    Ok(())
}

impl Charts {
    pub(super) async fn get() -> Result<Arc<Self>> {
        let charts = CHARTS.get(async || {
            let control_plane = ControlPlane::start().await?;
            let cluster = Cluster::at(&control_plane);
            let kubectl = cluster.kubectl().await?;
            for definition in published_crds().await? {
                // Too large for the annotation of a client-side apply.
                let apply = ["apply", "--server-side", "-f", "-"];
                kubectl.run_with_input(&apply, &definition).await?;
            }
            crds_established(&kubectl).await?;
            let version = cluster.client().await?.apiserver_version().await?.git_version;
            Ok(Self {
                cluster,
                turn: Mutex::default(),
                version,
                _control_plane: control_plane,
            })
        });
        charts.await
    }

    /// Creates a test's own namespace, which admits only Pods of the level `restricted`, and warns of others.
    async fn restricted(&self, kubectl: &Kubectl, name: &str) -> Result<()> {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": name, "labels": {
                "pod-security.kubernetes.io/enforce": "restricted",
                "pod-security.kubernetes.io/warn": "restricted",
            }},
        });
        kubectl.apply(&namespace.to_string()).await?;
        eventually("the namespace takes Pods", async || {
            let account = kubectl
                .run(&["get", "serviceaccount", "default", "-n", name])
                .await;
            Ok(account.is_ok().then_some(()))
        })
        .await
    }
}

/// A dry run that fails on warnings, which the API server sends for unrestricted Pod templates and unknown fields.
const DRY_RUN: [&str; 6] = [
    "apply",
    "--dry-run=server",
    "--warnings-as-errors",
    "--validate=strict",
    "-f",
    "-",
];

#[tokio::test]
async fn it_takes_everything_in_a_restricted_namespace() -> Result<()> {
    let charts = Charts::get().await?;
    // Installations by other tests remove the CRDs.
    let _turn = charts.turn.lock().await;
    let kubectl = charts.cluster.kubectl().await?;
    charts.restricted(&kubectl, "restricted").await?;
    let version = format!("--kube-version={}", charts.version);
    let mut scenarios = vec![vec![
        version.clone(),
        "--set=watchNamespaces={restricted}".to_owned(),
    ]];
    for file in values_files()? {
        let file = file.to_str().context("a path")?.to_owned();
        scenarios.push(vec![version.clone(), "-f".to_owned(), file]);
    }
    // Without values, and last, since its Deployment is used below.
    scenarios.push(vec![version]);
    for scenario in &scenarios {
        let mut arguments = vec!["-n", "restricted"];
        arguments.extend(scenario.iter().map(String::as_str));
        // The Roles of `watchNamespaces` and of the examples' people have their own namespace.
        let manifests = rendered("bookshelf", &arguments).await?;
        let manifests = manifests.replace("namespace: \"science-library\"", "namespace: restricted");
        let manifests = manifests.replace("namespace: science-library", "namespace: restricted");
        let said = kubectl
            .run_with_input(&DRY_RUN, &manifests)
            .await
            .with_context(|| scenario.join(" "))?;
        let taken = said
            .lines()
            .filter(|line| line.ends_with("(server dry run)"))
            .count();
        assert_eq!(taken, objects(&manifests)?.len(), "{scenario:?}: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn a_less_restricted_pod_is_noticed() -> Result<()> {
    let charts = Charts::get().await?;
    // Installations by other tests remove the CRDs.
    let _turn = charts.turn.lock().await;
    let kubectl = charts.cluster.kubectl().await?;
    charts.restricted(&kubectl, "noticed").await?;
    let lax = [
        "-n",
        "noticed",
        "--set=adminApi.securityContext.allowPrivilegeEscalation=true",
        "--show-only=templates/deployments.yaml",
    ];
    let refused = kubectl
        .run_with_input(&DRY_RUN, &rendered("bookshelf", &lax).await?)
        .await;
    let said = refused.err().context("a warning")?.to_string();
    assert!(said.contains("PodSecurity"), "{said}");
    Ok(())
}
