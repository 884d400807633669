//! The clients that make and end loans. Their requests may fail; the audit log knows which have succeeded.

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

/// The interval between the loans of one client, slow enough that they are stored as they happen.
const PACE: Duration = Duration::from_millis(25);

/// The number of books that are lent over the APIs, and the number that are lent with kubectl.
pub(super) const BOOKS: u64 = 8;

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

    fn is_running(&self) -> bool {
        !self.ended.load(Ordering::Relaxed)
    }
}

/// Runs a tenant who borrows and returns books over both user APIs. Sometimes a librarian takes a book back.
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
        while progress.is_running() {
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

/// Runs a kubectl user who makes loans of separate books, and ends each at once or one loan later.
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
        while progress.is_running() {
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
