//! A way to the API server on which an answer can be lost.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use anyhow::{Context as _, Result};
use kube::config::Kubeconfig;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// Passes connections on to the API server as they are. It belongs to the runtime, and so to the test, it is made in.
#[derive(Debug)]
pub struct Proxy {
    kubeconfig: Kubeconfig,
    wire: Arc<Wire>,
}

#[derive(Debug, Default)]
struct Wire {
    loses_next: AtomicBool,
    lost: AtomicUsize,
}

impl Proxy {
    /// A proxy to the server of a kubeconfig.
    pub async fn to(mut kubeconfig: Kubeconfig) -> Result<Self> {
        let cluster = kubeconfig.clusters.first_mut();
        let cluster = cluster.and_then(|cluster| cluster.cluster.as_mut());
        let server = cluster.and_then(|cluster| cluster.server.as_mut());
        let server = server.context("a server in the kubeconfig")?;
        let upstream: SocketAddr = server.strip_prefix("https://").context("a URL")?.parse()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        *server = format!("https://{}", listener.local_addr()?);
        let wire = Arc::<Wire>::default();
        let of_connections = Arc::clone(&wire);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let wire = Arc::clone(&of_connections);
                // A connection that breaks is what its ends have to live with.
                tokio::spawn(async move { wire.pass_on(client, upstream).await });
            }
        });
        Ok(Self { kubeconfig, wire })
    }

    /// The kubeconfig, with the proxy for its server.
    #[must_use]
    pub fn kubeconfig(&self) -> &Kubeconfig {
        &self.kubeconfig
    }

    /// Closes the connection on which the next request is made when its answer comes: the API server has done what it
    /// was asked, and nobody hears of it. The request has to find a connection that is there already.
    pub fn lose_next_answer(&self) {
        self.wire.loses_next.store(true, Ordering::SeqCst);
    }

    /// The number of lost answers.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.wire.lost.load(Ordering::SeqCst)
    }
}

impl Wire {
    async fn pass_on(&self, mut client: TcpStream, upstream: SocketAddr) -> Result<()> {
        let mut server = TcpStream::connect(upstream).await?;
        let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        let mut is_asked = false;
        loop {
            tokio::select! {
                length = client.read(&mut asked) => match length? {
                    0 => return Ok(()),
                    length => {
                        is_asked |= self.loses_next.load(Ordering::SeqCst);
                        server.write_all(&asked[..length]).await?;
                    }
                },
                length = server.read(&mut answered) => match length? {
                    0 => return Ok(()),
                    _ if is_asked && self.loses_next.swap(false, Ordering::SeqCst) => {
                        self.lost.fetch_add(1, Ordering::SeqCst);
                        return Ok(());
                    }
                    length => client.write_all(&answered[..length]).await?,
                },
            }
        }
    }
}
