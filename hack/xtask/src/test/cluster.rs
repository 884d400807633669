//! The control plane that all tests of a run share.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Result, ensure};
use control_plane::{
    ControlPlane, Installation, Kubectl, NAMESPACE,
    binaries::{Tool, find_or_build},
};

use super::announce;
use crate::{cargo::workspace, generate};

/// The environment variable with the path of the administrator's kubeconfig, for the tests.
pub(super) const VARIABLE: &str = "BOOKSHELF_TEST_KUBECONFIG";

/// A cluster with bookshelf's CRDs, `ServiceAccounts` and RBAC rules.
pub(super) enum Cluster {
    /// A control plane that this run has started. Drop kills it.
    Own(Box<ControlPlane>),
    /// A cluster that was already running.
    Running(PathBuf),
}

impl Cluster {
    /// Returns the cluster of the kubeconfig in --kubeconfig.
    pub(super) fn given(kubeconfig: PathBuf) -> Result<Self> {
        ensure!(
            kubeconfig.exists(),
            "there is no kubeconfig {} (--kubeconfig, or {VARIABLE})",
            kubeconfig.display()
        );
        // The tests run in the directories of their packages.
        Ok(Self::Running(std::path::absolute(kubeconfig)?))
    }

    /// Returns the control plane of a running `cargo xtask up`, or starts a new one.
    pub(super) async fn find_or_start() -> Result<Self> {
        let kubeconfig = workspace().join(".local/kubeconfig");
        if serves_bookshelf(&kubeconfig).await {
            eprintln!("using the running `cargo xtask up`, with the CRDs and RBAC rules of its start");
            return Ok(Self::Running(kubeconfig));
        }
        Self::start().await
    }

    /// Starts a control plane and installs bookshelf's CRDs, `ServiceAccounts` and RBAC rules.
    pub(super) async fn start() -> Result<Self> {
        announce("control plane");
        let start = Instant::now();
        tokio::task::spawn_blocking(|| {
            Tool::CONTROL_PLANE
                .into_iter()
                .try_for_each(|tool| find_or_build(tool).map(drop))
        })
        .await??;
        let control_plane = ControlPlane::start().await?;
        let crdgen = generate::crdgen().await?;
        let chart = workspace().join("deploy/bookshelf");
        control_plane
            .install(Installation {
                crdgen: &crdgen,
                chart: &chart,
            })
            .await?;
        eprintln!("ready after {} s", start.elapsed().as_secs());
        Ok(Self::Own(Box::new(control_plane)))
    }

    pub(super) fn kubeconfig(&self) -> &Path {
        match self {
            Self::Own(control_plane) => control_plane.kubeconfig(),
            Self::Running(kubeconfig) => kubeconfig,
        }
    }
}

/// True if the API server of this kubeconfig answers and has bookshelf installed.
async fn serves_bookshelf(kubeconfig: &Path) -> bool {
    // The kubeconfig of an `up` that has ended stays.
    let installed = async {
        let kubectl = Kubectl::new(kubeconfig).await?;
        let accounts = [
            "get",
            "serviceaccount",
            "bookshelf-admin-api",
            "bookshelf-user-api",
        ];
        let within = ["--namespace", NAMESPACE, "--request-timeout=3s"];
        kubectl.run(&[accounts.as_slice(), &within].concat()).await
    };
    kubeconfig.exists() && installed.await.is_ok()
}
