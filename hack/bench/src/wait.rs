//! Waiting for events in another process.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

/// A timeout far above the duration of anything here.
const PATIENCE: Duration = Duration::from_mins(3);

/// Polls `observe` at the interval `every` and returns its first value. Fails after [`PATIENCE`].
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
            "timed out after {} s: {what}",
            PATIENCE.as_secs()
        );
        tokio::time::sleep(every).await;
    }
}
