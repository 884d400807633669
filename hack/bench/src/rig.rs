//! The equipment that all parts share.

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

/// The number of books from which the targets hold that depend on that number.
pub(crate) const FULL_SIZE: u64 = 100_000;

/// The longest warm-up of a server.
const WARM_UP: Duration = Duration::from_secs(2);

/// The timeout of a single request, long enough for a list of all books.
const TIMEOUT: Duration = Duration::from_mins(2);

/// A cluster with its books, and everything else that measuring an API requires.
pub(crate) struct Rig<'a> {
    pub(crate) args: &'a Args,
    pub(crate) programs: &'a Programs,
    /// The number of books outside the namespaces for lists.
    pub(crate) books: u64,
    pub(crate) cluster: Cluster,
    pub(crate) cores: &'a Cores,
    pub(crate) http: reqwest::Client,
}

impl<'a> Rig<'a> {
    /// Starts a control plane, creates its books, and divides the cores.
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

    /// Lets the control plane and this program use all cores until [`Rig::divide_cores`] is called.
    pub(crate) fn share_cores(&self) -> Result<()> {
        let mut processes = self.cluster.process_ids().chain([std::process::id()]);
        processes.try_for_each(|id| self.cores.release(id))
    }

    /// Loads process `id` with requests for `url` for the duration of one measurement.
    pub(crate) async fn load(&self, id: u32, url: &str) -> Result<Load> {
        load::load(id, url, self.args.duration).await
    }

    /// Loads it for a shorter time without measuring, so that the first program is as warm as the last.
    pub(crate) async fn warm_up(&self, id: u32, url: &str) -> Result<()> {
        let duration = self.args.duration.min(WARM_UP);
        load::load(id, url, duration).await.map(drop)
    }

    /// Returns the body of a GET, which must be a 200.
    pub(crate) async fn body(&self, url: &str) -> Result<Vec<u8>> {
        let answer = self.http.get(url).send().await?.error_for_status()?;
        Ok(answer.bytes().await?.to_vec())
    }

    /// Returns the target if there are enough books for it.
    pub(crate) fn at_full_size(&self, target: Target) -> Option<Target> {
        (self.books >= FULL_SIZE).then_some(target)
    }

    /// Stops the control plane, and lets this program use all cores again.
    pub(crate) async fn stop(self) -> Result<()> {
        self.cluster.stop().await?;
        self.cores.release(std::process::id())
    }
}

/// The paths of the built programs.
pub(crate) struct Programs {
    apis: BTreeMap<&'static str, PathBuf>,
    pub(crate) static_server: PathBuf,
    pub(crate) crdgen: PathBuf,
}

impl Programs {
    /// Finds the programs in the directory of the running one.
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
