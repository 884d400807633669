//! The programs under test as processes, on the server's core or on all cores.

use std::{
    env, fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use control_plane::process::{Process, log_path};

use crate::{args::Api, rig::Rig, wait::until};

/// The time that a program has to end after SIGTERM.
const END_WITHIN: Duration = Duration::from_secs(20);

/// The interval at which the readiness of a program is polled. With a shorter one, polls would take much of the time of
/// its core.
const ASK_EVERY: Duration = Duration::from_millis(5);

/// A running API with a token of its `ServiceAccount`. Drop kills it.
pub(crate) struct Service {
    process: Process,
    pub(crate) address: SocketAddr,
    operations: String,
    log: PathBuf,
}

impl Service {
    /// Starts `api` with additional `arguments` and without a limit on requests to the API server, and waits until it
    /// is ready.
    pub(crate) async fn start(rig: &Rig<'_>, api: Api, arguments: &[&str]) -> Result<Self> {
        let mut service = Self::launch(rig, api, arguments)?;
        service.ready(rig).await?;
        Ok(service)
    }

    /// Starts `api` with the defaults of its flags, on the cores of this program, and waits until it is ready.
    pub(crate) async fn start_with_defaults(rig: &Rig<'_>, api: Api) -> Result<Self> {
        let mut service = Self::spawn(rig, api, &[], |spawn| spawn())?;
        service.ready(rig).await?;
        Ok(service)
    }

    /// Starts `api` like [`Service::start`], but returns before it is ready.
    pub(crate) fn launch(rig: &Rig<'_>, api: Api, arguments: &[&str]) -> Result<Self> {
        let arguments = [&["--workers=1", "--kube-qps=0"], arguments].concat();
        Self::spawn(rig, api, &arguments, |spawn| rig.cores.on_server(spawn))
    }

    fn spawn(
        rig: &Rig<'_>,
        api: Api,
        arguments: &[&str],
        on_cores: impl FnOnce(&mut (dyn FnMut() -> Result<Process> + Send)) -> Result<Process>,
    ) -> Result<Self> {
        let (address, operations) = (free_address()?, free_address()?);
        let mut command = program(rig.programs.api(api));
        command
            // A flag overrides the variable, and a version without the flag ignores it.
            .env("BOOKSHELF_AUTH_MODE", "header")
            .arg(format!("--listen={address}"))
            .arg(format!("--ops-listen={operations}"))
            .arg("--kubeconfig")
            .arg(&rig.cluster.account(api).kubeconfig)
            .args(arguments);
        let dir = rig.cluster.data_dir();
        let process = on_cores(&mut || Process::spawn(api.name(), &mut command, dir))?;
        Ok(Self {
            process,
            address,
            operations: format!("http://{operations}"),
            log: log_path(dir, api.name()),
        })
    }

    /// Waits until the API is ready.
    pub(crate) async fn ready(&mut self, rig: &Rig<'_>) -> Result<()> {
        until("the API is ready", ASK_EVERY, async || {
            if let Some(status) = self.process.exited()? {
                bail!(
                    "{} has ended ({status}); {}",
                    self.process.name(),
                    self.process.log_tail()
                );
            }
            // Until it listens, requests fail.
            let answer = rig.http.get(format!("{}/readyz", self.operations)).send().await;
            Ok(answer.is_ok_and(|answer| answer.status() == 200).then_some(()))
        })
        .await
    }

    /// Returns the URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns the sum of a metric's series whose labels contain `label`.
    pub(crate) async fn metric(&self, rig: &Rig<'_>, name: &str, label: &str) -> Result<f64> {
        let answer = rig
            .http
            .get(format!("{}/metrics", self.operations))
            .send()
            .await?;
        let metrics = answer.error_for_status()?.text().await?;
        let series = metrics.lines().filter_map(|line| line.strip_prefix(name));
        let series = series.filter(|line| line.starts_with('{') && line.contains(label));
        let values = series.map(|line| Ok(line.rsplit_once(' ').context("a value")?.1.parse::<f64>()?));
        values.sum()
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The length of its log in bytes, including the logs of earlier processes.
    pub(crate) fn log_length(&self) -> Result<u64> {
        Ok(self.log.metadata()?.len())
    }

    /// The number of lines in its log from byte `start` on.
    pub(crate) fn log_lines(&self, start: u64) -> Result<usize> {
        let log = fs::read(&self.log).with_context(|| format!("cannot read {}", self.log.display()))?;
        let written = log.get(usize::try_from(start)?..).unwrap_or_default();
        Ok(String::from_utf8_lossy(written).lines().count())
    }

    /// Stops the process.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.process.terminate(END_WITHIN).await.map(drop)
    }
}

/// Returns a command without the environment variables of the caller that would configure the program.
pub(crate) fn program(path: &Path) -> Command {
    let mut command = Command::new(path);
    for (name, _) in env::vars_os() {
        if name == "KUBECONFIG" || name.to_string_lossy().starts_with("BOOKSHELF_") {
            command.env_remove(name);
        }
    }
    command
}

/// Returns an address that nothing listens on. It is known before the start, so that a start can be timed from outside.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?)
}
