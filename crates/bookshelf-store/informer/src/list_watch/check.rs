//! Checks of the confirmed state against a list, in parallel with the watch.

use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};

use super::Failure;
use super::feed::{Feed, Pause, parse};
use crate::cache::SourceEvent;
use crate::connector::jittered;

impl<K, V> Feed<'_, K, V>
where
    K: kube::Resource + DeserializeOwned,
{
    /// Lists once per check period. The cache compares and repairs when the watch has reached the list's version.
    /// Returns if the API server's versions went back, so that only a new list helps.
    pub(super) async fn check_periodically(&self) -> Failure {
        let Some(period) = self.list_watch.check_period else {
            return std::future::pending().await;
        };
        let mut pause = Pause::default();
        loop {
            // Not all replicas at once.
            sleep(jittered(period)).await;
            let started = Instant::now();
            while let Err(failure) = self.check().await {
                self.abandon_check();
                if matches!(failure, Failure::WentBack { .. }) {
                    return failure;
                }
                self.report(&failure, "checking again");
                pause.wait().await;
            }
            pause.forget();
            self.metrics.checks.inc();
            let resource = self.list_watch.resource.name();
            tracing::debug!(resource, took = ?started.elapsed(), "listed to check the cache");
        }
    }

    async fn check(&self) -> Result<(), Failure> {
        let confirmed = self.confirmed_version();
        // Before the list is requested: from now on, events apply to both the contents and the list.
        self.apply([SourceEvent::CheckStarted]);
        let listed = parse(&self.paged_list().await?)?;
        match confirmed {
            Some(confirmed) if listed < confirmed => Err(Failure::WentBack { listed, confirmed }),
            _ => Ok(()),
        }
    }
}
