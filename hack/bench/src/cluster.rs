//! A control plane whose books stay for the next run.

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

/// A control plane with bookshelf's CRDs and rights.
pub(crate) struct Cluster {
    control_plane: ControlPlane,
    accounts: [Account; 2],
    /// The API server, as administrator.
    pub(crate) client: Client,
}

/// The identity of an API towards the API server.
pub(crate) struct Account {
    /// The file.
    pub(crate) kubeconfig: PathBuf,
    /// The URL of the API server.
    pub(crate) server: String,
    /// The token in the file.
    pub(crate) token: String,
}

impl Cluster {
    /// Starts the one for so many books.
    pub(crate) async fn start(args: &Args, crdgen: &Path, books: u64) -> Result<Self> {
        let data_dir = DataDir::open(&args.data_dir.join(books.to_string()))?;
        if args.fresh {
            data_dir.clear()?;
        }
        // The logs are of this run only, since errors quote their end and figures count their lines.
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
        // Nothing here needs it, and its requests would be measured.
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

    /// A new token of an API's own account, for the API server.
    pub(crate) async fn token(&self, api: Api) -> Result<String> {
        let name = format!("bookshelf-{}", api.name());
        let kubeconfig = self
            .control_plane
            .service_account_kubeconfig(NAMESPACE, &name, TOKEN_LIFETIME);
        let kubeconfig = serde_json::to_value(kubeconfig.await?)?;
        let token = kubeconfig.pointer("/users/0/user/token").and_then(Value::as_str);
        token.map(str::to_owned).context("the kubeconfig has no token")
    }

    /// The certificate that the API server is trusted by.
    pub(crate) fn ca(&self) -> PathBuf {
        self.data_dir().join("pki/ca.crt")
    }

    /// The processes of the control plane.
    pub(crate) fn process_ids(&self) -> impl Iterator<Item = u32> {
        let components = Component::ALL.into_iter();
        components.filter_map(|component| self.control_plane.process_id(component))
    }

    /// The process of one component, where it runs.
    pub(crate) fn process_id(&self, component: Component) -> Option<u32> {
        self.control_plane.process_id(component)
    }

    /// The bytes that etcd has written to its log.
    pub(crate) async fn bytes_written(&self) -> Result<f64> {
        const BYTES: &str = "etcd_disk_wal_write_bytes_total ";
        let metrics = self.control_plane.etcd_metrics().await?;
        let bytes = metrics.lines().find_map(|line| line.strip_prefix(BYTES));
        Ok(bytes.with_context(|| format!("etcd has no {BYTES}"))?.parse()?)
    }

    /// Ends it in order.
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
