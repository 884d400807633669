//! A way to the API server on which what it tells can be held up.

use anyhow::{Context as _, Result};
use http::Uri;
use kube::config::Kubeconfig;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// The state of the watches.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    is_held: bool,
    /// Set once they have been held.
    was_held: bool,
}

/// Passes bytes on between a service and the API server, as they are.
///
/// A service that has asked for nothing yet has no other connections than those of its watches, and with a long
/// `--watch-timeout` it keeps them. Those that there are when they are first held are what is held, then and later;
/// requests get through.
#[derive(Debug)]
pub struct HeldWatches {
    held: watch::Sender<Held>,
    task: JoinHandle<()>,
}

impl HeldWatches {
    /// A way past a proxy, before the API server of this kubeconfig, which is made to lead to the proxy.
    pub async fn before(kubeconfig: &mut Kubeconfig) -> Result<Self> {
        let cluster = kubeconfig.clusters.first_mut().context("a cluster")?;
        let server = cluster
            .cluster
            .as_mut()
            .and_then(|cluster| cluster.server.as_mut());
        let server = server.context("the cluster's server")?;
        let uri: Uri = server.parse()?;
        let upstream = uri.authority().context("the server's address")?.to_string();

        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        *server = format!("https://{address}");
        let (held, seen) = watch::channel(Held::default());
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (upstream, seen) = (upstream.clone(), seen.clone());
                // A connection that breaks is what it is to both ends.
                tokio::spawn(async move { _ = pass_on(client, &upstream, seen).await });
            }
        });
        Ok(Self { held, task })
    }

    /// Holds up what the watches tell.
    pub fn hold(&self) {
        self.held.send_replace(Held {
            is_held: true,
            was_held: true,
        });
    }

    /// Lets it go on.
    pub fn release(&self) {
        self.held.send_modify(|held| held.is_held = false);
    }
}

impl Drop for HeldWatches {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass_on(client: TcpStream, upstream: &str, mut held: watch::Receiver<Held>) -> Result<()> {
    let is_of_a_watch = !held.borrow().was_held;
    let server = TcpStream::connect(upstream).await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let there = tokio::io::copy(&mut from_client, &mut to_server);
    let back = async {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let length = from_server.read(&mut buffer).await?;
            if length == 0 {
                return anyhow::Ok(());
            }
            held.wait_for(|held| !(held.is_held && is_of_a_watch)).await?;
            to_client.write_all(&buffer[..length]).await?;
        }
    };
    tokio::select! {
        copied = there => { copied?; }
        copied = back => copied?,
    }
    Ok(())
}
