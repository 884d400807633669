//! A connection to the API server that a test can disturb.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use anyhow::{Context as _, Result};
use http::Uri;
use kube::config::Kubeconfig;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// A proxy that passes bytes unchanged between a service and the API server.
///
/// [`hold`](Self::hold) delays watches, [`lose_next_answer`](Self::lose_next_answer) drops a response.
#[derive(Debug)]
pub struct Wire {
    kubeconfig: Kubeconfig,
    held: watch::Sender<Held>,
    loss: Arc<Loss>,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Held {
    is_held: bool,
    /// Set once watches have been held.
    was_held: bool,
}

#[derive(Debug, Default)]
struct Loss {
    is_due: AtomicBool,
    answers: AtomicUsize,
}

impl Wire {
    /// Starts a proxy to the server of a kubeconfig.
    pub async fn to(mut kubeconfig: Kubeconfig) -> Result<Self> {
        let cluster = kubeconfig.clusters.first_mut();
        let cluster = cluster.and_then(|cluster| cluster.cluster.as_mut());
        let server = cluster.and_then(|cluster| cluster.server.as_mut());
        let server = server.context("a server in the kubeconfig")?;
        let uri: Uri = server.parse()?;
        let upstream = uri.authority().context("the server's address")?.to_string();

        let listener = TcpListener::bind("127.0.0.1:0").await?;
        *server = format!("https://{}", listener.local_addr()?);
        let (held, seen) = watch::channel(Held::default());
        let loss = Arc::<Loss>::default();
        let connections = Arc::clone(&loss);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (upstream, seen, loss) = (upstream.clone(), seen.clone(), Arc::clone(&connections));
                // A broken connection shows at the service and the API server.
                tokio::spawn(async move { _ = pass_on(client, &upstream, seen, &loss).await });
            }
        });
        Ok(Self {
            kubeconfig,
            held,
            loss,
            task,
        })
    }

    /// Returns the kubeconfig with the address of the proxy.
    #[must_use]
    pub fn kubeconfig(&self) -> &Kubeconfig {
        &self.kubeconfig
    }

    /// Holds back the events of watches. Other requests pass.
    ///
    /// Before the first call, the service must have sent no requests other than its watches, so that it has no other
    /// connections. With a long `--watch-timeout` it keeps them. The connections of the first call are also the ones
    /// that later calls hold.
    pub fn hold(&self) {
        self.held.send_replace(Held {
            is_held: true,
            was_held: true,
        });
    }

    /// Releases the events.
    pub fn release(&self) {
        self.held.send_modify(|held| held.is_held = false);
    }

    /// Closes the connection of the next request when its response arrives: the API server has executed the request,
    /// but the service does not learn of it. The request must be sent on an open connection.
    pub fn lose_next_answer(&self) {
        self.loss.is_due.store(true, Ordering::SeqCst);
    }

    /// The number of lost responses.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.loss.answers.load(Ordering::SeqCst)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass_on(
    mut client: TcpStream,
    upstream: &str,
    mut held: watch::Receiver<Held>,
    loss: &Loss,
) -> Result<()> {
    let is_of_a_watch = !held.borrow().was_held;
    let mut server = TcpStream::connect(upstream).await?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    // Set by a request that is sent while a loss is due.
    let has_request = AtomicBool::new(false);
    let requests = async {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let length = from_client.read(&mut buffer).await?;
            if length == 0 {
                return anyhow::Ok(());
            }
            if loss.is_due.load(Ordering::SeqCst) {
                has_request.store(true, Ordering::SeqCst);
            }
            to_server.write_all(&buffer[..length]).await?;
        }
    };
    let answers = async {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let length = from_server.read(&mut buffer).await?;
            if length == 0 {
                return anyhow::Ok(());
            }
            if has_request.load(Ordering::SeqCst) && loss.is_due.swap(false, Ordering::SeqCst) {
                loss.answers.fetch_add(1, Ordering::SeqCst);
                return Ok(());
            }
            held.wait_for(|held| !(held.is_held && is_of_a_watch)).await?;
            to_client.write_all(&buffer[..length]).await?;
        }
    };
    tokio::select! {
        ended = requests => ended,
        ended = answers => ended,
    }
}
