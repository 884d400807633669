//! The binaries under test, as processes.

use std::{
    env,
    net::SocketAddr,
    path::PathBuf,
    process::{Command, ExitStatus},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use control_plane::{
    process::{Process, log_path},
    save_kubeconfig,
};
use kube::config::Kubeconfig;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{Api, Cluster, Log, eventually, program};

/// The time that a service has to end after SIGTERM.
const END_WITHIN: Duration = Duration::from_secs(30);

/// The two binaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The librarians' API.
    Admin,
    /// The tenants' API.
    User,
}

impl Program {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Admin, Self::User];

    /// The file name of the program.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin-api",
            Self::User => "user-api",
        }
    }

    /// Returns a command for the program without the variables of the developer's shell that would configure it.
    pub fn command(self) -> Result<Command> {
        let mut command = Command::new(program(self.name())?);
        for (name, _) in env::vars_os() {
            if name == "KUBECONFIG" || name.to_string_lossy().starts_with("BOOKSHELF_") {
                command.env_remove(name);
            }
        }
        Ok(command)
    }
}

/// A running binary with the token of its own `ServiceAccount`. Drop kills it and removes its log.
#[derive(Debug)]
pub struct Service {
    // Declared before the directory to be dropped first: the directory may be removed only when nothing writes to it.
    process: Process,
    listen: SocketAddr,
    ops_listen: SocketAddr,
    log: PathBuf,
    _directory: TempDir,
}

/// The state of a listening socket in `/proc/net/tcp`.
const LISTENING: &str = "0A";

impl Service {
    /// Starts a binary with additional `arguments`, and waits until it is ready.
    pub async fn start(program: Program, cluster: &Cluster, arguments: &[&str]) -> Result<Self> {
        let service = Self::launch(program, cluster, arguments).await?;
        service.ready().await?;
        Ok(service)
    }

    /// Starts a binary with additional `arguments`, and waits until it listens.
    pub async fn launch(program: Program, cluster: &Cluster, arguments: &[&str]) -> Result<Self> {
        Self::launch_as(program, &cluster.kubeconfig_of(program.name()).await?, arguments).await
    }

    /// Does the same with an existing kubeconfig, and so without a request to the API server.
    pub async fn launch_as(program: Program, kubeconfig: &Kubeconfig, arguments: &[&str]) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("kubeconfig");
        save_kubeconfig(kubeconfig, &path)?;
        let mut command = program.command()?;
        command
            // Arguments override these.
            .env("BOOKSHELF_AUTH_MODE", "header")
            // The tests share the API server, which may be slow.
            .env("BOOKSHELF_KUBE_TIMEOUT", "30")
            .env("BOOKSHELF_LISTEN", "127.0.0.1:0")
            .env("BOOKSHELF_OPS_LISTEN", "127.0.0.1:0")
            .arg("--kubeconfig")
            .arg(path)
            .args(arguments);
        let process = Process::spawn(program.name(), &mut command, directory.path())?;
        let mut service = Self {
            process,
            listen: SocketAddr::from(([0; 4], 0)),
            ops_listen: SocketAddr::from(([0; 4], 0)),
            log: log_path(directory.path(), program.name()),
            _directory: directory,
        };
        service.read_addresses().await?;
        Ok(service)
    }

    async fn read_addresses(&mut self) -> Result<()> {
        let mut log = self.log();
        let line = eventually("the log says where the service listens", async || {
            let exited = self.process.exited()?;
            let line = log.find(|line| line["message"] == "serving")?;
            ensure!(
                line.is_some() || exited.is_none(),
                "{} has ended; {}",
                self.process.name(),
                self.process.log_tail()
            );
            Ok(line)
        });
        let line = line.await?;
        let address = |field: &str| {
            let address = line[field].as_str().context("an address")?;
            address.parse().context("an address")
        };
        (self.listen, self.ops_listen) = (address("listen")?, address("ops_listen")?);
        Ok(())
    }

    /// Waits until the service is ready.
    pub async fn ready(&self) -> Result<()> {
        let ops = self.ops()?;
        let what = format!("{} is ready; {}", self.process.name(), self.process.log_tail());
        eventually(&what, async || {
            let answer = ops.get("/readyz").await?;
            Ok((answer.status == 200).then_some(()))
        })
        .await
    }

    /// Returns a client of its API.
    pub fn api(&self) -> Result<Api> {
        Api::new(self.listen)
    }

    /// Returns a client of its operations port.
    pub fn ops(&self) -> Result<Api> {
        Api::new(self.ops_listen)
    }

    /// The address of its API.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listen
    }

    /// The address of its operations port.
    #[must_use]
    pub fn ops_address(&self) -> SocketAddr {
        self.ops_listen
    }

    /// The number of open connections to its API, from the kernel's table of sockets.
    pub fn connections(&self) -> Result<usize> {
        // Columns: number, local address and port in hexadecimal, remote ones, state, five more, inode.
        let port = format!(":{:04X}", self.listen.port());
        let table = std::fs::read_to_string(format!("/proc/{}/net/tcp", self.process.id()))?;
        let is_open = |line: &&str| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            // A socket that its process has closed has no inode.
            columns.get(1).is_some_and(|local| local.ends_with(&port))
                && columns.get(3).is_some_and(|state| *state != LISTENING)
                && columns.get(9).is_some_and(|inode| *inode != "0")
        };
        Ok(table.lines().filter(is_open).count())
    }

    /// Its resident memory in MiB.
    pub fn memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let mut lines = status.lines();
        let kib = lines.find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
        Ok(kib.context("a size")?.trim().parse::<u64>()? / 1024)
    }

    /// Its log, from the start.
    #[must_use]
    pub fn log(&self) -> Log {
        Log::new(self.log.clone())
    }

    /// The end of its log, for error messages.
    #[must_use]
    pub fn log_tail(&self) -> String {
        self.process.log_tail()
    }

    /// Suspends the service until [`Service::resume`].
    pub fn pause(&mut self) -> Result<()> {
        self.process.pause()
    }

    /// Resumes the service.
    pub fn resume(&mut self) -> Result<()> {
        self.process.resume()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let id = i32::try_from(self.process.id())?;
        Ok(kill_process(Pid::from_raw(id).context("a process id")?, signal)?)
    }

    /// Waits until the service has ended, and returns its exit status.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        eventually("the service ends", async || self.process.exited()).await
    }

    /// Sends SIGTERM, and returns true if the service ends in time.
    pub async fn terminate(&mut self) -> Result<bool> {
        self.process.terminate(END_WITHIN).await
    }
}
