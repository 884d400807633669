//! Two processes of each API, which are killed and restarted.

use anyhow::{Context as _, Result};
use e2e::{Api, Cluster, Program, Service, Wire};
use k8s_openapi::jiff::Timestamp;
use tokio::sync::RwLock;

/// The processes: two of admin-api, then two of user-api.
pub(super) const PROCESSES: [Program; 4] = [Program::Admin, Program::Admin, Program::User, Program::User];
/// Requests must end within `IN_FLIGHT` of the comparison.
const KUBE_TIMEOUT: &str = "--kube-timeout=5";
/// A limit that no long run reaches.
const HISTORY_ENTRIES: &str = "--history-entries=10000000";
/// The process whose connections to the API server can be disturbed.
const ON_THE_WIRE: usize = 3;

pub(super) struct Fleet {
    cluster: Cluster,
    pub(super) wire: Wire,
    processes: RwLock<[Option<(Service, Api)>; PROCESSES.len()]>,
}

impl Fleet {
    pub(super) async fn start(cluster: &Cluster) -> Result<Self> {
        let kubeconfig = cluster.kubeconfig_of(PROCESSES[ON_THE_WIRE].name()).await?;
        let fleet = Self {
            cluster: cluster.clone(),
            wire: Wire::to(kubeconfig).await?,
            processes: RwLock::default(),
        };
        for process in 0..PROCESSES.len() {
            fleet.start_one(process).await?;
        }
        Ok(fleet)
    }

    /// Starts a process, and waits until it is ready.
    pub(super) async fn start_one(&self, process: usize) -> Result<()> {
        let program = PROCESSES[process];
        let arguments: &[&str] = match program {
            Program::Admin => &[KUBE_TIMEOUT, HISTORY_ENTRIES],
            Program::User => &[KUBE_TIMEOUT],
        };
        let service = if process == ON_THE_WIRE {
            let service = Service::launch_as(program, self.wire.kubeconfig(), arguments).await?;
            service.ready().await?;
            service
        } else {
            Service::start(program, &self.cluster, arguments).await?
        };
        let api = service.api()?;
        self.processes.write().await[process] = Some((service, api));
        Ok(())
    }

    /// Kills a process. Returns the time just before the kill.
    pub(super) async fn kill(&self, process: usize) -> Timestamp {
        let killed = Timestamp::now();
        self.processes.write().await[process] = None;
        killed
    }

    /// Returns a client of a process, or `None` if it is killed.
    pub(super) async fn api(&self, process: usize) -> Option<Api> {
        let processes = self.processes.read().await;
        processes[process].as_ref().map(|(_, api)| api.clone())
    }

    pub(super) async fn running(&self, process: usize) -> Result<Api> {
        self.api(process).await.context("a process that runs")
    }
}
