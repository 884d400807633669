//! Work that goes on side by side until the process ends.

use std::convert::Infallible;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;

/// Does all of them in one task. What wakes one of them polls that one only, however many namespaces are watched.
pub(crate) async fn endless(works: impl IntoIterator<Item: Future<Output = Infallible>>) -> Infallible {
    let mut works: FuturesUnordered<_> = works.into_iter().collect();
    match works.next().await {
        Some(never) => never,
        None => std::future::pending().await,
    }
}
