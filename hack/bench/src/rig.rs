//! The equipment of all parts.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    args::{Api, Args},
    books,
    cluster::Cluster,
    cores::Cores,
    figure::Target,
    load::{self, Load},
};

/// From so many books on, the targets hold that depend on their number.
pub(crate) const FULL_SIZE: u64 = 100_000;

/// The duration of a server's warm-up.
const WARM_UP: Duration = Duration::from_secs(2);

/// No single request takes longer, a list of all books included.
const TIMEOUT: Duration = Duration::from_mins(2);

/// A cluster with so many books, and everything that is needed to measure an API on it.
pub(crate) struct Rig<'a> {
    pub(crate) args: &'a Args,
    pub(crate) programs: &'a Programs,
    /// The number of books, without those in the namespaces that lists are read from.
    pub(crate) books: u64,
    pub(crate) cluster: Cluster,
    pub(crate) cores: &'a Cores,
    pub(crate) http: reqwest::Client,
}

impl<'a> Rig<'a> {
    /// Starts a control plane with its books, and gives the server a core of its own.
    pub(crate) async fn start(
        args: &'a Args,
        programs: &'a Programs,
        cores: &'a Cores,
        books: u64,
    ) -> Result<Self> {
        let cluster = Cluster::start(args, &programs.crdgen, books).await?;
        books::make(&cluster.client, books).await?;
        let http = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?;
        let rig = Self {
            args,
            programs,
            books,
            cluster,
            cores,
            http,
        };
        rig.divide_cores()?;
        Ok(rig)
    }

    /// Keeps the control plane and this program off the server's core.
    pub(crate) fn divide_cores(&self) -> Result<()> {
        let mut processes = self.cluster.process_ids().chain([std::process::id()]);
        processes.try_for_each(|id| self.cores.keep_off(id))
    }

    /// Lets the control plane and this program use all cores, until [`Rig::divide_cores`].
    pub(crate) fn share_cores(&self) -> Result<()> {
        let mut processes = self.cluster.process_ids().chain([std::process::id()]);
        processes.try_for_each(|id| self.cores.release(id))
    }

    /// Asks process `id` for `url` for as long as one measurement takes.
    pub(crate) async fn load(&self, id: u32, url: &str) -> Result<Load> {
        load::load(id, url, self.args.duration).await
    }

    /// The same, shorter and without a figure: the first program measured has to be as warm as the last.
    pub(crate) async fn warm_up(&self, id: u32, url: &str) -> Result<()> {
        let duration = self.args.duration.min(WARM_UP);
        load::load(id, url, duration).await.map(drop)
    }

    /// The body of a GET, which has to be a 200.
    pub(crate) async fn body(&self, url: &str) -> Result<Vec<u8>> {
        let answer = self.http.get(url).send().await?.error_for_status()?;
        Ok(answer.bytes().await?.to_vec())
    }

    /// A target that holds at full size only.
    pub(crate) fn at_full_size(&self, target: Target) -> Option<Target> {
        (self.books >= FULL_SIZE).then_some(target)
    }

    /// Ends the control plane, and lets this program use all cores again.
    pub(crate) async fn stop(self) -> Result<()> {
        self.cluster.stop().await?;
        self.cores.release(std::process::id())
    }
}

/// The programs, built.
pub(crate) struct Programs {
    apis: BTreeMap<&'static str, PathBuf>,
    pub(crate) static_server: PathBuf,
    pub(crate) crdgen: PathBuf,
}

impl Programs {
    /// Finds the programs that are built beside the running one.
    pub(crate) fn beside_this_one() -> Result<Self> {
        let this_one = env::current_exe()?;
        let directory = this_one.parent().context("a program is in a directory")?;
        let apis = Api::ALL.map(|api| Ok((api.name(), find(directory, api.name())?)));
        Ok(Self {
            apis: apis.into_iter().collect::<Result<_>>()?,
            static_server: find(directory, "static-server")?,
            crdgen: find(directory, "crdgen")?,
        })
    }

    pub(crate) fn api(&self, api: Api) -> &Path {
        &self.apis[api.name()]
    }
}

fn find(directory: &Path, name: &str) -> Result<PathBuf> {
    let program = directory.join(name);
    ensure!(
        program.exists(),
        "{} is not built: `cargo xtask bench` builds it",
        program.display()
    );
    Ok(program)
}
