//! The clients that make and end loans. Their requests may fail: the audit log knows which have not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use bookshelf_crd::BookLoan;
use control_plane::client;
use e2e::{Cluster, loan};
use kube::api::{DeleteParams, PostParams};
use kube::config::Kubeconfig;
use tokio::task::JoinHandle;
use tokio::time::interval;

use super::fleet::Fleet;

/// The time between two loans of one client: so much is stored as it happens.
const PACE: Duration = Duration::from_millis(25);

/// The number of books that are lent over the APIs, and of those that kubectl lends.
pub(super) const BOOKS: u64 = 8;

/// The course of a run.
#[derive(Default)]
pub(super) struct Progress {
    pub(super) loans: AtomicU64,
    pub(super) of_kubectl: AtomicU64,
    ended: AtomicBool,
}

impl Progress {
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    fn goes_on(&self) -> bool {
        !self.ended.load(Ordering::Relaxed)
    }
}

/// A tenant who borrows and returns: over both user APIs, and now and then a librarian takes the book back.
pub(super) fn tenant(
    name: &'static str,
    namespace: &str,
    fleet: &Arc<Fleet>,
    progress: &Arc<Progress>,
) -> JoinHandle<()> {
    let (namespace, fleet, progress) = (namespace.to_owned(), Arc::clone(fleet), Arc::clone(progress));
    tokio::spawn(async move {
        let mut pace = interval(PACE);
        let mut number = 0_u64;
        while progress.goes_on() {
            pace.tick().await;
            number += 1;
            let id = format!("book-{}", number % BOOKS);
            let path = format!("/book/{namespace}/{id}");
            let user = |number| 2 + usize::from(number % 2 == 0);
            if let Some(api) = fleet.api(user(number)).await {
                _ = api.post(format!("{path}/borrow")).tenant(name).await;
            }
            let ended = if number.is_multiple_of(10) {
                let process = usize::from(number.is_multiple_of(20));
                match fleet.api(process).await {
                    Some(api) => api.delete(format!("/loan/{namespace}/{id}")).await.is_ok(),
                    None => false,
                }
            } else {
                match fleet.api(user(number / 3)).await {
                    Some(api) => api.post(format!("{path}/return")).tenant(name).await.is_ok(),
                    None => false,
                }
            };
            progress.loans.fetch_add(ended.into(), Ordering::Relaxed);
        }
    })
}

/// Somebody with kubectl, who makes loans of books of their own and ends them at once, or one later.
pub(super) async fn somebody_with_kubectl(
    namespace: &str,
    cluster: &Cluster,
    progress: &Arc<Progress>,
) -> Result<JoinHandle<()>> {
    let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig())?;
    let loans: kube::Api<BookLoan> = kube::Api::namespaced(client(kubeconfig).await?, namespace);
    let progress = Arc::clone(progress);
    Ok(tokio::spawn(async move {
        let mut pace = interval(PACE * 4);
        let mut number = 0_u64;
        while progress.goes_on() {
            pace.tick().await;
            number += 1;
            let id = |number| format!("kubectl-{}", number % BOOKS);
            let made = loans
                .create(&PostParams::default(), &loan(&id(number), "kate"))
                .await;
            let end = if number.is_multiple_of(2) {
                number
            } else {
                number - 1
            };
            _ = loans.delete(&id(end), &DeleteParams::default()).await;
            progress
                .of_kubectl
                .fetch_add(made.is_ok().into(), Ordering::Relaxed);
        }
    }))
}
