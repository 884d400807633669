//! Futures that run side by side until the process ends.

use std::convert::Infallible;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;

/// Runs futures that never end in one task, such as the list-watches of several caches. A wake-up polls only the future
/// that it is for. Never returns, even without futures.
pub async fn endless(works: impl IntoIterator<Item: Future<Output = Infallible>>) -> Infallible {
    let mut works: FuturesUnordered<_> = works.into_iter().collect();
    match works.next().await {
        Some(never) => never,
        None => std::future::pending().await,
    }
}
