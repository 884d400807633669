//! The bare actix-web server as a process on the server's core.

use std::{fs, net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use control_plane::process::Process;

use crate::{
    rig::Rig,
    service::{free_address, program},
    wait::until,
};

const NAME: &str = "static-server";
const END_WITHIN: Duration = Duration::from_secs(5);
const ASK_EVERY: Duration = Duration::from_millis(10);

/// A server that answers every request with the given bytes. Drop kills it.
pub(crate) struct StaticServer {
    process: Process,
    address: SocketAddr,
}

impl StaticServer {
    /// Starts a server and waits until it answers with `body`.
    pub(crate) async fn start(rig: &Rig<'_>, body: &[u8]) -> Result<Self> {
        let address = free_address()?;
        let dir = rig.cluster.data_dir();
        let file = dir.join("static-body");
        fs::write(&file, body).with_context(|| format!("cannot write {}", file.display()))?;
        let mut command = program(&rig.programs.static_server);
        command
            .arg(format!("--listen={address}"))
            .arg("--body")
            .arg(&file);
        let process = rig.cores.on_server(|| Process::spawn(NAME, &mut command, dir))?;
        let mut server = Self { process, address };
        until("the static server answers", ASK_EVERY, async || {
            ensure!(
                server.process.exited()?.is_none(),
                "{NAME} has ended; {}",
                server.process.log_tail()
            );
            let Ok(answer) = rig.http.get(server.url("/")).send().await else {
                return Ok(None);
            };
            ensure!(
                answer.bytes().await? == body,
                "{NAME} does not answer with the bytes it was given"
            );
            Ok(Some(()))
        })
        .await?;
        Ok(server)
    }

    /// Returns the URL of a path. All paths have the same response, but a longer path takes longer to read, so compared
    /// servers must get the same paths.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Stops the process.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.process.terminate(END_WITHIN).await.map(drop)
    }
}
