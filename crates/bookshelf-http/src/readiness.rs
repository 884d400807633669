//! Readiness, by which load balancers choose where to send requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Repository;

/// The readiness of a process.
pub(crate) struct Readiness {
    repository: Arc<Repository>,
    /// True from the first sync on, so that a request need not check the repository again.
    was_synced: AtomicBool,
    is_draining: AtomicBool,
}

impl Readiness {
    /// Creates the readiness of a process that serves a repository: ready from the first sync until the process drains.
    pub(crate) fn new(repository: Arc<Repository>) -> Self {
        Self {
            repository,
            was_synced: AtomicBool::new(false),
            is_draining: AtomicBool::new(false),
        }
    }

    /// Returns true once the cache has the first complete list.
    pub(crate) fn is_synced(&self) -> bool {
        if self.was_synced.load(Ordering::Relaxed) {
            return true;
        }
        let is_synced = self.repository.is_ready();
        self.was_synced.store(is_synced, Ordering::Relaxed);
        is_synced
    }

    /// Returns true once the process is shutting down.
    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    /// Makes the process unready, because it is shutting down.
    pub(crate) fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }
}
