//! `cargo xtask up`.

mod api;
mod greeting;
mod listen;
mod people;
mod seed;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use control_plane::{
    ControlPlane, DataDir, Installation, Kubectl,
    binaries::{Tool, find_or_build},
};

use futures::future::{join_all, select_all};

use crate::{
    cargo::{build, workspace},
    shutdown::Shutdown,
};
use api::Api;

/// The time that an API has to finish the requests it is serving.
const DRAIN_WITHIN: Duration = Duration::from_secs(30);

/// Run bookshelf on this machine: a Kubernetes control plane on loopback, and both APIs, each with its own rights.
///
/// Builds what is missing (the first time, this takes about a quarter of an hour on 2 cores), prints how to reach the
/// APIs, and runs until Ctrl-C or SIGTERM. Books and loans are kept for the next time.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    listen: listen::Addresses,

    /// Directory for the state, the logs and the kubeconfigs.
    #[arg(long, env = "BOOKSHELF_DATA_DIR", value_name = "DIRECTORY", default_value_os_t = workspace().join(".local"))]
    data_dir: PathBuf,

    /// Remove the books and loans of earlier runs, and start with the two example books again.
    #[arg(long, env = "BOOKSHELF_FRESH", value_parser = clap::builder::FalseyValueParser::new())]
    fresh: bool,

    /// Source of the callers' identity, for both APIs.
    #[arg(long, env = "BOOKSHELF_UP_AUTH", value_enum, default_value_t = Auth::Header, value_name = "MODE")]
    auth: Auth,
}

/// The authentication of callers by both APIs, their `--auth-mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Auth {
    /// Callers are trusted: the tenants' API reads the tenant from X-TENANT-ID.
    Header,
    /// Bearer tokens. Creates two librarians and two tenants as ServiceAccounts, and prints how to get their tokens.
    Token,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let mut shutdown = Shutdown::listen()?;
    let mut running = tokio::select! {
        started = Running::start(&args) => started?,
        () = shutdown.requested() => bail!("interrupted before everything was up"),
    };
    greeting::print(&args, &running.control_plane, &running.kubectl);
    let failure = tokio::select! {
        failure = running.failure() => Some(failure),
        () = shutdown.requested() => None,
    };
    eprintln!("stopping; press Ctrl-C again to exit at once");
    let stopped = tokio::select! {
        stopped = running.stop() => stopped,
        // Drop kills a process that still runs.
        () = shutdown.requested() => Ok(()),
    };
    // The user needs the first failure, which may have caused the others.
    failure.map_or(stopped, Err)
}

/// Everything that `up` runs.
struct Running {
    // Fields are dropped in this order, so everything ends before what it needs.
    apis: Vec<Api>,
    kubectl: Kubectl,
    control_plane: ControlPlane,
}

impl Running {
    async fn start(args: &Args) -> Result<Self> {
        // First, since it ends processes of a killed run, which may still hold the ports.
        let data_dir = DataDir::open(&args.data_dir)?;
        args.listen.check(args.auth)?;
        if args.fresh {
            data_dir.clear()?;
        }
        tokio::task::spawn_blocking(|| {
            Tool::CONTROL_PLANE
                .into_iter()
                .try_for_each(|tool| find_or_build(tool).map(drop))
        })
        .await??;
        let programs = build(&["bookshelf-crd", "admin-api", "user-api"]).await?;
        let program = |name: &str| {
            programs
                .get(name)
                .with_context(|| format!("no package has a program {name}"))
        };

        eprintln!("starting the control plane in {}", data_dir.path().display());
        let control_plane = ControlPlane::builder().data_dir(data_dir).start().await?;
        let installation = Installation {
            crdgen: program("crdgen")?,
            chart: &workspace().join("deploy/bookshelf"),
        };
        control_plane.install(installation).await?;
        let kubectl = Kubectl::new(control_plane.kubeconfig()).await?;
        seed::plant(&kubectl).await?;
        if args.auth == Auth::Token {
            people::settle(&kubectl).await?;
        }

        eprintln!("starting admin-api and user-api");
        let mut apis = Vec::new();
        for (name, replicas) in [
            ("admin-api", args.listen.admin()),
            ("user-api", args.listen.user()),
        ] {
            for (replica, listen) in (1..).zip(replicas) {
                let program = program(name)?;
                apis.push(Api::start((name, replica), program, args.auth, listen, &control_plane).await?);
            }
        }
        for api in &mut apis {
            api.ready().await?;
        }
        Ok(Self {
            apis,
            kubectl,
            control_plane,
        })
    }

    /// Waits until a process ends unexpectedly, and returns an error about it.
    async fn failure(&mut self) -> anyhow::Error {
        let apis = self.apis.iter_mut().map(|api| Box::pin(api.failure()));
        tokio::select! {
            (failure, ..) = select_all(apis) => failure,
            failure = self.control_plane.failure() => failure,
        }
    }

    async fn stop(mut self) -> Result<()> {
        let stopped = join_all(self.apis.iter_mut().map(Api::stop)).await;
        self.control_plane.stop().await?;
        stopped.into_iter().collect()
    }
}
