//! Many concurrent streams.

use anyhow::Result;
use e2e::Library;
use futures::future::try_join_all;

use super::{about, stream_of, synced};

/// The number of streams, half of them at each API.
const STREAMS: usize = 200;

#[tokio::test]
async fn two_hundred_streams_all_get_the_changes() -> Result<()> {
    let library = Library::open().await?;
    for id in ["a", "b"] {
        library.add(id).await?;
    }
    let apis = library.apis();
    let open = (0..STREAMS).map(async |number| {
        let mut listener = stream_of(apis[number % 2], &library.list_path()).listen().await?;
        assert_eq!(synced(&mut listener, &library).await?.has.len(), 2);
        anyhow::Ok(listener)
    });
    let mut listeners = try_join_all(open).await?;
    library.add("new").await?;
    library.admin.delete(library.path("a")).await?.empty(204);
    let seen = listeners.iter_mut().map(async |listener| {
        assert_eq!(about(listener, &library, "new").await?.0, "created");
        assert_eq!(about(listener, &library, "a").await?.0, "deleted");
        anyhow::Ok(())
    });
    try_join_all(seen).await?;
    Ok(())
}
