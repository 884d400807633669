//! A control plane that keeps its books for the next run.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use control_plane::{Component, ControlPlane, DataDir, Installation, NAMESPACE, save_kubeconfig};
use kube::Client;
use serde_json::Value;

use crate::{
    args::{Api, Args},
    workspace,
};

/// Longer than any run takes.
const TOKEN_LIFETIME: Duration = Duration::from_hours(24);

/// A control plane with the CRDs and the RBAC objects of bookshelf.
pub(crate) struct Cluster {
    control_plane: ControlPlane,
    accounts: [Account; 2],
    /// A client of the API server, as administrator.
    pub(crate) client: Client,
}

/// The identity with which an API authenticates to the API server.
pub(crate) struct Account {
    pub(crate) kubeconfig: PathBuf,
    /// The URL of the API server.
    pub(crate) server: String,
    pub(crate) token: String,
}

impl Cluster {
    /// Starts the control plane whose data directory is for this number of books.
    pub(crate) async fn start(args: &Args, crdgen: &Path, books: u64) -> Result<Self> {
        let data_dir = DataDir::open(&args.data_dir.join(books.to_string()))?;
        if args.fresh {
            data_dir.clear()?;
        }
        // Errors quote the end of the logs and figures count their lines, so the logs must be of this run only.
        match fs::remove_dir_all(data_dir.path().join("logs")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).context("cannot remove the logs of the run before");
            }
            _ => {}
        }
        eprintln!("starting the control plane in {}", data_dir.path().display());
        let control_plane = ControlPlane::builder().data_dir(data_dir).start().await?;
        let chart = workspace().join("deploy/bookshelf");
        let installation = Installation {
            crdgen,
            chart: &chart,
        };
        control_plane.install(installation).await?;
        // Nothing here needs the controller manager, and its requests would be measured.
        control_plane.kill(Component::ControllerManager)?;
        let [admin, user] = Api::ALL;
        Ok(Self {
            accounts: [
                account(&control_plane, admin).await?,
                account(&control_plane, user).await?,
            ],
            client: control_plane.client().await?,
            control_plane,
        })
    }

    /// The directory of the state and the logs.
    pub(crate) fn data_dir(&self) -> &Path {
        self.control_plane.data_dir()
    }

    pub(crate) fn account(&self, api: Api) -> &Account {
        &self.accounts[api as usize]
    }

    /// Creates a token for the API server, for the `ServiceAccount` of an API.
    pub(crate) async fn token(&self, api: Api) -> Result<String> {
        let name = format!("bookshelf-{}", api.name());
        let kubeconfig = self
            .control_plane
            .service_account_kubeconfig(NAMESPACE, &name, TOKEN_LIFETIME);
        let kubeconfig = serde_json::to_value(kubeconfig.await?)?;
        let token = kubeconfig.pointer("/users/0/user/token").and_then(Value::as_str);
        token.map(str::to_owned).context("the kubeconfig has no token")
    }

    /// The path of the CA certificate of the API server.
    pub(crate) fn ca(&self) -> PathBuf {
        self.data_dir().join("pki/ca.crt")
    }

    pub(crate) fn process_ids(&self) -> impl Iterator<Item = u32> {
        let components = Component::ALL.into_iter();
        components.filter_map(|component| self.control_plane.process_id(component))
    }

    pub(crate) fn process_id(&self, component: Component) -> Option<u32> {
        self.control_plane.process_id(component)
    }

    /// The number of bytes that etcd has written to its WAL.
    pub(crate) async fn bytes_written(&self) -> Result<f64> {
        const BYTES: &str = "etcd_disk_wal_write_bytes_total ";
        let metrics = self.control_plane.etcd_metrics().await?;
        let bytes = metrics.lines().find_map(|line| line.strip_prefix(BYTES));
        Ok(bytes.with_context(|| format!("etcd has no {BYTES}"))?.parse()?)
    }

    pub(crate) async fn stop(self) -> Result<()> {
        self.control_plane.stop().await
    }
}

async fn account(control_plane: &ControlPlane, api: Api) -> Result<Account> {
    let name = format!("bookshelf-{}", api.name());
    let kubeconfig = control_plane
        .service_account_kubeconfig(NAMESPACE, &name, TOKEN_LIFETIME)
        .await?;
    let path = control_plane
        .data_dir()
        .join(format!("{}.kubeconfig", api.name()));
    save_kubeconfig(&kubeconfig, &path)?;
    let kubeconfig = serde_json::to_value(&kubeconfig)?;
    let text = |pointer: &str| {
        let value = kubeconfig.pointer(pointer).and_then(Value::as_str);
        value
            .map(str::to_owned)
            .with_context(|| format!("the kubeconfig has no {pointer}"))
    };
    Ok(Account {
        kubeconfig: path,
        server: text("/clusters/0/cluster/server")?,
        token: text("/users/0/user/token")?,
    })
}
