//! Futures that run side by side until the process ends.

use std::convert::Infallible;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;

/// Runs futures that never end in one task, as the list-watches of several caches are. A wake-up polls the future that it is
/// for and no other. Never returns, without futures either.
pub async fn endless(works: impl IntoIterator<Item: Future<Output = Infallible>>) -> Infallible {
    let mut works: FuturesUnordered<_> = works.into_iter().collect();
    match works.next().await {
        Some(never) => never,
        None => std::future::pending().await,
    }
}
