//! Tests that disturb a control plane, count its requests, or change its CRDs. They share a separate control plane, and
//! run one at a time.

mod bad_books;
mod freshness;
mod history;
mod left_over;
mod outages;
mod paging;
mod precondition_requests;
mod requests;
mod staleness;
mod start;
mod stored_before;
mod streams;
mod tokens;
mod under_way;

use std::path::PathBuf;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::{Context as _, Result};
use bookshelf_crd::LoanJournal;
use control_plane::{Component, ControlPlane};
use e2e::{Cluster, Library, Program, Service, Shared, eventually};
use history::audit_arguments;
use kube::{
    ResourceExt as _,
    api::{DeleteParams, ListParams},
};
use tempfile::TempDir;
use tokio::sync::{Mutex, OwnedMutexGuard};

static LAB: Shared<Lab> = Shared::new();

/// Logs the events of the caches, for tests that wait for them.
const LOG: &str = "--log=info,bookshelf_store=debug,kube_informer=debug";

/// Deletes all journals. A test that has killed its services leaves loans without an end in them, and the next services
/// would list loans to find these ends.
async fn forget_history(cluster: &Cluster) -> Result<()> {
    let client = cluster.client().await?;
    let journals = kube::Api::<LoanJournal>::all(client.clone());
    let journals = eventually("journals are listed", async || {
        // An API server that has just started may not list them yet.
        Ok(journals.list_metadata(&ListParams::default()).await.ok())
    });
    for journal in journals.await? {
        let namespace = journal.namespace().context("a namespace")?;
        let journals = kube::Api::<LoanJournal>::namespaced(client.clone(), &namespace);
        journals
            .delete(&journal.name_any(), &DeleteParams::default())
            .await?;
    }
    Ok(())
}

const AUDIT_LOG: &str = "audit.log";

struct Lab {
    control_plane: ControlPlane,
    cluster: Cluster,
    is_in_order: AtomicBool,
    turn: Arc<Mutex<()>>,
    /// The directory of `audit.log`, where the API server logs requests that make and end loans.
    directory: TempDir,
}

struct Turn {
    lab: Arc<Lab>,
    _turn: OwnedMutexGuard<()>,
}

impl Turn {
    /// Waits for a turn, and restores the lab if the previous test has failed.
    async fn take() -> Result<Self> {
        let lab = LAB.get(async || {
            let directory = tempfile::tempdir()?;
            let arguments = audit_arguments(&directory.path().join(AUDIT_LOG));
            let builder = arguments
                .into_iter()
                .fold(ControlPlane::builder(), |builder, argument| {
                    builder.apiserver_argument(argument)
                });
            let control_plane = builder.start().await?;
            let cluster = Cluster::install(&control_plane).await?;
            // Its requests would be counted, and some tests need objects that it would collect.
            control_plane.kill(Component::ControllerManager)?;
            Ok(Lab {
                control_plane,
                cluster,
                is_in_order: AtomicBool::new(true),
                turn: Arc::default(),
                directory,
            })
        });
        let lab = lab.await?;
        let turn = Arc::clone(&lab.turn).lock_owned().await;
        if !lab.is_in_order.swap(false, Ordering::Relaxed) {
            // The previous test has failed.
            lab.control_plane.kill(Component::ControllerManager)?;
            lab.control_plane.restart(Component::Apiserver).await?;
        }
        forget_history(&lab.cluster).await?;
        Ok(Self { lab, _turn: turn })
    }

    fn control_plane(&self) -> &ControlPlane {
        &self.lab.control_plane
    }

    fn cluster(&self) -> &Cluster {
        &self.lab.cluster
    }

    fn audit_log(&self) -> PathBuf {
        self.lab.directory.path().join(AUDIT_LOG)
    }

    /// Starts both APIs with additional arguments, and opens a library.
    async fn services(&self, arguments: &[&str]) -> Result<(Service, Service, Library)> {
        let arguments = [&[LOG], arguments].concat();
        let (admin, user) = tokio::try_join!(
            Service::start(Program::Admin, self.cluster(), &arguments),
            Service::start(Program::User, self.cluster(), &arguments),
        )?;
        let library = Library::open_in(self.cluster(), &admin, &user).await?;
        Ok((admin, user, library))
    }

    /// Ends the turn, and marks the lab as intact.
    fn leave(self) {
        self.lab.is_in_order.store(true, Ordering::Relaxed);
    }
}
