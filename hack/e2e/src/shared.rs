//! Expensive fixtures that several tests share.

use std::sync::{Arc, Weak};

use anyhow::Result;
use tokio::sync::Mutex;

/// A fixture that starts with the first test that needs it and ends with the last test that uses it.
///
/// The reference is weak, because statics are not dropped at the end of the tests.
pub struct Shared<T>(Mutex<Weak<T>>);

impl<T> Shared<T> {
    /// Returns an empty holder.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::const_new(Weak::new()))
    }

    /// Returns the running fixture, or a new one from `start`.
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
