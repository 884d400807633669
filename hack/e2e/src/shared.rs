//! Expensive fixtures that several tests share.

use std::sync::{Arc, Weak};

use anyhow::Result;
use tokio::sync::Mutex;

/// Something that is started by the first test that needs it, and ends with the last that uses it.
///
/// Weak, because the value of a static is not dropped when the tests are done.
pub struct Shared<T>(Mutex<Weak<T>>);

impl<T> Shared<T> {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::const_new(Weak::new()))
    }

    /// The running fixture, or a new one from `start`.
    pub async fn get(&self, start: impl AsyncFnOnce() -> Result<T>) -> Result<Arc<T>> {
        let mut shared = self.0.lock().await;
        if let Some(running) = shared.upgrade() {
            return Ok(running);
        }
        let started = Arc::new(start().await?);
        *shared = Arc::downgrade(&started);
        Ok(started)
    }
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self::new()
    }
}
