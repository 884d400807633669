//! A cluster with bookshelf's CRDs, `ServiceAccounts` and rights in it.

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

/// Names the administrator's kubeconfig of the control plane that all tests of a run share.
const SHARED: &str = "BOOKSHELF_TEST_KUBECONFIG";

/// Longer than any test takes.
const TOKEN_LIFETIME: Duration = Duration::from_hours(2);

/// A cluster that the tests of this crate can use.
#[derive(Clone, Debug)]
pub struct Cluster {
    kubeconfig: PathBuf,
}

impl Cluster {
    /// The one that all tests of a run share, each in a namespace of its own.
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

    /// Installs bookshelf into a control plane of the test's own.
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

    /// The API server holds up the first creates of a new kind for some seconds, which tests with short deadlines do
    /// not have.
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

    /// A control plane of the test's own, as it is.
    #[must_use]
    pub fn at(control_plane: &ControlPlane) -> Self {
        Self {
            kubeconfig: control_plane.kubeconfig().to_owned(),
        }
    }

    /// The administrator's kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A client with the administrator's rights. It belongs to the runtime, and so to the test, it is made in.
    pub async fn client(&self) -> Result<Client> {
        client(Kubeconfig::read_from(&self.kubeconfig)?).await
    }

    /// kubectl with the administrator's rights.
    pub async fn kubectl(&self) -> Result<Kubectl> {
        Kubectl::new(&self.kubeconfig).await
    }

    /// A kubeconfig that holds the token of one API's own `ServiceAccount`, and nothing else.
    pub async fn kubeconfig_of(&self, api: &str) -> Result<Kubeconfig> {
        let account = format!("bookshelf-{api}");
        service_account_kubeconfig(&self.kubeconfig, NAMESPACE, &account, TOKEN_LIFETIME).await
    }
}
