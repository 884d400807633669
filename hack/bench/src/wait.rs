//! Waiting for what happens in another process.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_mins(3);

/// Returns what `observe` sees, once it sees something, looking every so often.
pub(crate) async fn until<T>(
    what: &str,
    every: Duration,
    mut observe: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(seen) = observe().await? {
            return Ok(seen);
        }
        ensure!(
            started.elapsed() < PATIENCE,
            "not within {} s: {what}",
            PATIENCE.as_secs()
        );
        tokio::time::sleep(every).await;
    }
}
