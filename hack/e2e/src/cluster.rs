//! A cluster with bookshelf's CRDs, `ServiceAccounts` and RBAC rules.

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use control_plane::{ControlPlane, Installation, Kubectl, NAMESPACE, client, service_account_kubeconfig};
use kube::{Api, Client, api::PostParams, config::Kubeconfig};

use crate::{
    library::{book, loan},
    programs::{chart, program},
};

/// The environment variable with the administrator's kubeconfig of the control plane that all tests of a run share.
const SHARED: &str = "BOOKSHELF_TEST_KUBECONFIG";

/// Longer than any test takes.
const TOKEN_LIFETIME: Duration = Duration::from_hours(2);

/// A cluster that the tests of this crate can use.
#[derive(Clone, Debug)]
pub struct Cluster {
    kubeconfig: PathBuf,
}

impl Cluster {
    /// Returns the cluster that all tests of a run share, each in its own namespace.
    pub fn shared() -> Result<Self> {
        let kubeconfig = env::var_os(SHARED).with_context(|| {
            format!(
                "{SHARED} is not set: run these tests with `cargo xtask test` (some of them: `cargo xtask test --only \
                 NAME`), which starts a control plane for them"
            )
        })?;
        Ok(Self {
            kubeconfig: kubeconfig.into(),
        })
    }

    /// Installs bookshelf into a test's own control plane.
    pub async fn install(control_plane: &ControlPlane) -> Result<Self> {
        let installation = Installation {
            crdgen: &program("crdgen")?,
            chart: &chart(),
        };
        control_plane.install(installation).await?;
        let cluster = Self::at(control_plane);
        cluster.wait_for_creates().await?;
        Ok(cluster)
    }

    /// Waits until creates are served: the API server delays the first creates of a new kind by some seconds, longer
    /// than the deadlines of some tests.
    async fn wait_for_creates(&self) -> Result<()> {
        let dry_run = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        let client = self.client().await?;
        let (books, loans) = (
            Api::default_namespaced(client.clone()),
            Api::default_namespaced(client),
        );
        let (first_book, first_loan) = (book("first"), loan("first", "nobody"));
        tokio::try_join!(
            books.create(&dry_run, &first_book),
            loans.create(&dry_run, &first_loan)
        )?;
        Ok(())
    }

    /// Returns a test's own control plane without changes to it.
    #[must_use]
    pub fn at(control_plane: &ControlPlane) -> Self {
        Self {
            kubeconfig: control_plane.kubeconfig().to_owned(),
        }
    }

    /// The path of the administrator's kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Returns a client with the administrator's rights. It can only be used in the runtime, and so in the test, that
    /// creates it.
    pub async fn client(&self) -> Result<Client> {
        client(Kubeconfig::read_from(&self.kubeconfig)?).await
    }

    /// Returns kubectl with the administrator's rights.
    pub async fn kubectl(&self) -> Result<Kubectl> {
        Kubectl::new(&self.kubeconfig).await
    }

    /// Returns a kubeconfig that has only the token of one API's own `ServiceAccount`.
    pub async fn kubeconfig_of(&self, api: &str) -> Result<Kubeconfig> {
        let account = format!("bookshelf-{api}");
        service_account_kubeconfig(&self.kubeconfig, NAMESPACE, &account, TOKEN_LIFETIME).await
    }
}
