//! Starts, disturbs and stops a control plane.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use http::Request;
use kube::{Client, config::Kubeconfig};

use crate::{
    binaries::find_or_build,
    component::Component,
    credentials::Credentials,
    data_dir::DataDir,
    etcd,
    install::{Installation, install},
    kubeconfig::{client, save_kubeconfig, service_account_kubeconfig},
    ports::Ports,
    process::{POLL, Process},
    setup::Setup,
};

/// The time that a component has to become ready. An idle machine needs seconds, one that compiles needs longer.
const READY_WITHIN: Duration = Duration::from_mins(2);

/// The time that a component has to end after SIGTERM.
const END_WITHIN: Duration = Duration::from_secs(3);

/// The number of attempts to find a port, since another process may take a port before it is used.
const PORT_ATTEMPTS: usize = 5;

/// The settings of a control plane before its start.
#[derive(Debug, Default)]
pub struct Builder {
    data_dir: Option<DataDir>,
    apiserver_arguments: Vec<String>,
}

impl Builder {
    /// Keeps the state in `data_dir`, and starts from the state there. Without it, the state is removed with the
    /// control plane.
    #[must_use]
    pub fn data_dir(mut self, data_dir: DataDir) -> Self {
        self.data_dir = Some(data_dir);
        self
    }

    /// Adds an argument for kube-apiserver, such as `--watch-cache=false`. A later flag overrides an earlier one.
    #[must_use]
    pub fn apiserver_argument(mut self, argument: impl Into<String>) -> Self {
        self.apiserver_arguments.push(argument.into());
        self
    }

    /// Starts etcd, the API server and the controller manager, and waits until all three are ready.
    ///
    /// Programs that are neither installed nor cached are built first, which takes minutes and shows its progress.
    pub async fn start(self) -> Result<ControlPlane> {
        let (setup, programs) = tokio::task::spawn_blocking(move || self.prepare()).await??;
        let mut control_plane = ControlPlane {
            processes: Mutex::default(),
            kubeconfig: setup.admin_kubeconfig_path(),
            programs,
            setup,
        };
        for component in Component::ALL {
            control_plane.start_on_a_free_port(component).await?;
        }
        Ok(control_plane)
    }

    fn prepare(self) -> Result<(Setup, Vec<PathBuf>)> {
        let data_dir = self.data_dir.map_or_else(DataDir::temporary, Ok)?;
        let programs = Component::ALL.map(|component| find_or_build(component.tool()));
        let programs = programs.into_iter().collect::<Result<_>>()?;
        let credentials = Credentials::load_or_create(&data_dir.path().join("pki"))?;
        let ports = Ports::load(&data_dir.path().join("ports.json"));
        Ok((
            Setup {
                data_dir,
                credentials,
                ports,
                apiserver_arguments: self.apiserver_arguments,
            },
            programs,
        ))
    }
}

/// A running control plane. Drop kills it; [`ControlPlane::stop`] shuts it down gracefully.
#[derive(Debug)]
pub struct ControlPlane {
    // Declared before `setup` to be dropped first: the data directory may be removed only when nothing writes to it.
    processes: Mutex<[Option<Process>; 3]>,
    kubeconfig: PathBuf,
    programs: Vec<PathBuf>,
    setup: Setup,
}

impl ControlPlane {
    /// Starts a control plane in a temporary directory.
    pub async fn start() -> Result<Self> {
        Self::builder().start().await
    }

    /// Returns a builder for a control plane with other settings.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The path of the administrator's kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The directory that holds its state and its logs.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        self.setup.data_dir.path()
    }

    /// Returns a client with the administrator's rights. It can only be used in the runtime that creates it.
    pub async fn client(&self) -> Result<Client> {
        client(self.setup.admin_kubeconfig()?).await
    }

    /// Returns a kubeconfig with the rights of a `ServiceAccount`; see [`service_account_kubeconfig`].
    pub async fn service_account_kubeconfig(
        &self,
        namespace: &str,
        name: &str,
        lifetime: Duration,
    ) -> Result<Kubeconfig> {
        service_account_kubeconfig(&self.kubeconfig, namespace, name, lifetime).await
    }

    /// Installs bookshelf's CRDs, `ServiceAccounts`, RBAC objects and admission policies; see [`install`].
    pub async fn install(&self, installation: Installation<'_>) -> Result<()> {
        install(&self.kubeconfig, installation).await?;
        // The garbage collector discovers new kinds at its start and every 30 seconds.
        self.restart(Component::ControllerManager).await
    }

    /// The process id of `component`, if it runs.
    #[must_use]
    pub fn process_id(&self, component: Component) -> Option<u32> {
        self.lock()[component as usize].as_ref().map(Process::id)
    }

    /// Suspends `component` (SIGSTOP): requests to it hang.
    pub fn pause(&self, component: Component) -> Result<()> {
        self.with_running(component, Process::pause)
    }

    /// Resumes a paused `component`.
    pub fn resume(&self, component: Component) -> Result<()> {
        self.with_running(component, Process::resume)
    }

    /// Kills `component` (SIGKILL). It stays down until [`ControlPlane::restart`].
    pub fn kill(&self, component: Component) -> Result<()> {
        self.take(component).map_or(Ok(()), |mut process| process.kill())
    }

    /// Stops `component` gracefully if it runs, starts it on the same port, and waits until it is ready.
    pub async fn restart(&self, component: Component) -> Result<()> {
        if let Some(mut process) = self.take(component) {
            process.terminate(END_WITHIN).await?;
        }
        self.spawn(component)?;
        self.ready(component).await
    }

    /// Compacts etcd up to its current revision, and returns that revision.
    ///
    /// The API server still serves older versions from its watch cache. For a watch to fail with 410 Gone, the API
    /// server must not have them there: restart it, or start it with `--watch-cache=false`.
    pub async fn compact(&self) -> Result<i64> {
        etcd::compact(&client(self.setup.kubeconfig_for(Component::Etcd)?).await?).await
    }

    /// Returns etcd's metrics, in the text format of Prometheus.
    pub async fn etcd_metrics(&self) -> Result<String> {
        let client = client(self.setup.kubeconfig_for(Component::Etcd)?).await?;
        let request = Request::get("/metrics").body(Vec::new())?;
        Ok(client.request_text(request).await?)
    }

    /// Waits until a component ends unexpectedly, and returns an error with the end of its log.
    pub async fn failure(&self) -> anyhow::Error {
        loop {
            for component in Component::ALL {
                if let Err(error) = self.still_runs(component) {
                    return error;
                }
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Stops the control plane gracefully: etcd last, since the others write to it.
    pub async fn stop(self) -> Result<()> {
        for component in Component::ALL.into_iter().rev() {
            if let Some(mut process) = self.take(component) {
                process.terminate(END_WITHIN).await?;
            }
        }
        Ok(())
    }

    async fn start_on_a_free_port(&mut self, component: Component) -> Result<()> {
        let mut attempt = 1;
        loop {
            self.setup.ports.make_free(component)?;
            self.setup
                .ports
                .save(&self.setup.data_dir.path().join("ports.json"))?;
            save_kubeconfig(&self.setup.admin_kubeconfig()?, &self.kubeconfig)?;
            self.spawn(component)?;
            let Err(error) = self.ready(component).await else {
                return Ok(());
            };
            let port_taken = self
                .take(component)
                .is_some_and(|process| process.output().to_lowercase().contains("address already in use"));
            if !port_taken || attempt == PORT_ATTEMPTS {
                return Err(error);
            }
            attempt += 1;
        }
    }

    fn spawn(&self, component: Component) -> Result<()> {
        let mut command = self.setup.command(component, &self.programs[component as usize]);
        let process = Process::spawn(component.tool().name(), &mut command, self.data_dir())?;
        self.lock()[component as usize] = Some(process);
        Ok(())
    }

    async fn ready(&self, component: Component) -> Result<()> {
        let client = client(self.setup.kubeconfig_for(component)?).await?;
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            self.still_runs(component)?;
            let request = Request::get(component.ready_path()).body(Vec::new())?;
            let Err(error) = client.request_text(request).await else {
                return Ok(());
            };
            if Instant::now() > deadline {
                let log = self.with_running(component, |process| Ok(process.log_tail()))?;
                return Err(error).with_context(|| {
                    format!(
                        "{component} was not ready within {} s; {log}",
                        READY_WITHIN.as_secs()
                    )
                });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Fails if `component` has ended unexpectedly.
    fn still_runs(&self, component: Component) -> Result<()> {
        let mut processes = self.lock();
        let Some(process) = &mut processes[component as usize] else {
            return Ok(());
        };
        match process.exited()? {
            Some(status) => bail!("{component} has ended ({status}); {}", process.log_tail()),
            None => Ok(()),
        }
    }

    fn with_running<T>(
        &self,
        component: Component,
        action: impl FnOnce(&mut Process) -> Result<T>,
    ) -> Result<T> {
        let mut processes = self.lock();
        let process = processes[component as usize].as_mut();
        action(process.with_context(|| format!("{component} does not run"))?)
    }

    fn take(&self, component: Component) -> Option<Process> {
        self.lock()[component as usize].take()
    }

    fn lock(&self) -> MutexGuard<'_, [Option<Process>; 3]> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
