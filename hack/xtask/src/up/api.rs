//! A process of one of the two APIs.

use std::{
    env,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use control_plane::{ControlPlane, NAMESPACE, process::Process, save_kubeconfig};

use super::{
    Auth, DRAIN_WITHIN,
    listen::{Listen, url},
};

/// Long enough for any run. Every run creates new tokens.
const TOKEN_LIFETIME: Duration = Duration::from_hours(365 * 24);

const READY_WITHIN: Duration = Duration::from_mins(1);

const POLL: Duration = Duration::from_millis(50);

/// A running API.
pub(super) struct Api {
    process: Process,
    readiness: String,
}

impl Api {
    /// Starts a replica of `program` with a kubeconfig that has only the token of its own `ServiceAccount`.
    pub(super) async fn start(
        (name, replica): (&str, usize),
        program: &Path,
        auth: Auth,
        listen: Listen,
        control_plane: &ControlPlane,
    ) -> Result<Self> {
        let account = format!("bookshelf-{name}");
        let name = match replica {
            1 => name.to_owned(),
            _ => format!("{name}-{replica}"),
        };
        let kubeconfig = control_plane
            .service_account_kubeconfig(NAMESPACE, &account, TOKEN_LIFETIME)
            .await?;
        let path = control_plane.data_dir().join(format!("{name}.kubeconfig"));
        save_kubeconfig(&kubeconfig, &path)?;
        let mut command = Command::new(program);
        command
            .args(["--listen", &listen.requests.to_string()])
            .args(["--ops-listen", &listen.operations.to_string()])
            .arg("--kubeconfig")
            .arg(&path);
        // The caller's environment may configure another API, in particular another cluster: only log settings apply
        // here.
        for (variable, _) in env::vars_os() {
            let name = variable.to_string_lossy();
            if name.starts_with("BOOKSHELF_") && !name.starts_with("BOOKSHELF_LOG") {
                command.env_remove(&variable);
            }
        }
        let auth = match auth {
            Auth::Header => "header",
            Auth::Token => "token",
        };
        command.env("BOOKSHELF_AUTH_MODE", auth);
        let process = Process::spawn(&name, &mut command, control_plane.data_dir())?;
        Ok(Self {
            process,
            readiness: format!("{}/readyz", url(listen.operations)),
        })
    }

    /// Waits until the API is ready.
    pub(super) async fn ready(&mut self) -> Result<()> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(2))
            .no_proxy()
            .build()?;
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            self.still_runs()?;
            let answer = client
                .get(&self.readiness)
                .send()
                .await
                .and_then(reqwest::Response::error_for_status);
            let Err(error) = answer else { return Ok(()) };
            if Instant::now() > deadline {
                return Err(error).with_context(|| {
                    format!(
                        "{} was not ready within {} s; {}",
                        self.process.name(),
                        READY_WITHIN.as_secs(),
                        self.process.log_tail()
                    )
                });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until the process has ended, and returns an error about it.
    pub(super) async fn failure(&mut self) -> anyhow::Error {
        loop {
            if let Err(error) = self.still_runs() {
                return error;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Stops the process, if it runs, after it has finished the requests it is serving.
    pub(super) async fn stop(&mut self) -> Result<()> {
        if self.process.exited()?.is_some() {
            return Ok(());
        }
        let in_time = self.process.terminate(DRAIN_WITHIN).await?;
        let status = self.process.exited()?;
        if status.is_some_and(|status| status.success()) {
            return Ok(());
        }
        let (name, log) = (self.process.name(), self.process.log_tail());
        if in_time {
            bail!(
                "{name} did not shut down cleanly ({}); {log}",
                status.map_or_else(String::new, |status| status.to_string())
            )
        }
        bail!(
            "{name} did not end within {} s and was killed; {log}",
            DRAIN_WITHIN.as_secs()
        )
    }

    fn still_runs(&mut self) -> Result<()> {
        match self.process.exited()? {
            Some(status) => bail!(
                "{} has ended ({status}); {}",
                self.process.name(),
                self.process.log_tail()
            ),
            None => Ok(()),
        }
    }
}
