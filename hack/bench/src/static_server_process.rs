//! The bare actix-web server, as a process on the server's core.

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

/// A server that answers with the bytes it was given. Dropped, it is killed.
pub(crate) struct StaticServer {
    process: Process,
    address: SocketAddr,
}

impl StaticServer {
    /// Starts one, and returns when it answers with `body`.
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

    /// The URL of a path. It answers all paths alike, but to read a longer one takes longer: a server that is compared with
    /// it gets the same paths.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Ends it.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.process.terminate(END_WITHIN).await.map(drop)
    }
}
