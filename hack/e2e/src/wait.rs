//! Waiting for what happens in another process.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::Answer;

/// Far more than anything here takes, on a machine that compiles at the same time.
const PATIENCE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(10);

/// Returns what `observe` sees, once it sees something.
///
/// # Panics
///
/// When that takes too long; `what` says what did not happen.
pub async fn eventually<T>(what: &str, mut observe: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = observe().await? {
            return Ok(seen);
        }
        assert!(
            Instant::now() < deadline,
            "not within {} s: {what}",
            PATIENCE.as_secs()
        );
        tokio::time::sleep(POLL).await;
    }
}

/// Sends a request again while the answer is 429 or 503: nothing was written, and a slow machine is behind.
///
/// # Panics
///
/// When that takes too long.
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
