//! Waiting for events in another process.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::Answer;

/// A timeout far above the duration of anything here, even on a machine that is compiling.
const PATIENCE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(10);

/// Polls `observe` and returns its first value.
///
/// # Panics
///
/// Panics after `PATIENCE`; `what` describes the awaited event.
pub async fn eventually<T>(what: &str, mut observe: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = observe().await? {
            return Ok(seen);
        }
        assert!(
            Instant::now() < deadline,
            "timed out after {} s: {what}",
            PATIENCE.as_secs()
        );
        tokio::time::sleep(POLL).await;
    }
}

/// Repeats a request while the response is 429 or 503: then nothing was written, and a slow machine is behind.
///
/// # Panics
///
/// Panics after `PATIENCE`.
pub async fn patiently(mut send: impl AsyncFnMut() -> Result<Answer>) -> Result<Answer> {
    eventually("an answer other than 429 and 503", async || {
        let answer = send().await?;
        if !matches!(answer.status, 429 | 503) {
            return Ok(Some(answer));
        }
        let seconds = answer.header("retry-after").parse()?;
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        Ok(None)
    })
    .await
}
