//! Streams that go on at a replica which was told less.

use anyhow::Result;
use e2e::{Mirror, eventually};

use super::{VERSION, behind};

#[tokio::test]
async fn a_stream_resumed_on_a_lagging_replica_sends_only_later_changes() -> Result<()> {
    let (library, replicas) = behind().await?;
    for (api, replica) in library.apis().into_iter().zip(&replicas) {
        let mut mirror = Mirror::default();
        let mut listener = api.get(library.list_path()).listen().await?;
        for told in listener.until("synced").await? {
            mirror.take(told)?;
        }
        let [first, second] = ["first", "second"].map(|id| format!("{id}-{}", library.is_tenants(api)));
        library.add(&first).await?;
        mirror.take(listener.told().await?)?;
        drop(listener);

        let request = replica.api.get(library.list_path());
        let mut listener = request.header("Last-Event-ID", &mirror.last_id).listen().await?;
        library.add(&second).await?;
        replica.wire.release();
        let mut told = listener.told().await?;
        // What depends on loans, too, is told again from where the replica was.
        while library.is_tenants(api) && told.data["id"] != second.as_str() {
            mirror.take(told)?;
            told = listener.told().await?;
        }
        assert_eq!(
            (told.event.as_str(), &told.data["id"]),
            ("created", &second.as_str().into())
        );
        mirror.take(told)?;
        let fresh = Mirror::of_list(&api.get(library.list_path()).await?.json(200))?;
        assert_eq!(mirror.has, fresh);
        assert_eq!(mirror.resets, 0);
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_is_as_new_as_the_requested_version_or_is_refused() -> Result<()> {
    let (library, replicas) = behind().await?;
    let created = library.add("book").await?;
    for (api, replica) in library.apis().into_iter().zip(&replicas) {
        let ask = || {
            let request = replica.api.get(library.list_path());
            request.header(VERSION, created.header(VERSION))
        };
        // A list has it, as the API server was asked. What the watch has told, which streams are made of, has not.
        ask().await?.json(200);
        let refused = ask().header("Accept", "text/event-stream").await?;
        refused.problem(503, "unavailable");
        replica.wire.release();
        let mut listener = eventually("a stream begins", async || Ok(ask().listen().await.ok())).await?;
        let mut mirror = Mirror::default();
        for told in listener.until("synced").await? {
            mirror.take(told)?;
        }
        let fresh = Mirror::of_list(&api.get(library.list_path()).await?.json(200))?;
        assert_eq!(mirror.has, fresh);
    }
    Ok(())
}

#[tokio::test]
async fn a_live_read_of_a_book_works_for_a_client_that_accepts_streams() -> Result<()> {
    let (library, replicas) = behind().await?;
    library.add("book").await?;
    let path = library.path("book");
    for replica in &replicas {
        replica.api.get(&path).await?.problem(404, "not_found");
        let live = replica.api.get(&path).header("Accept", "text/event-stream");
        live.header("Cache-Control", "no-cache").await?.json(200);
    }
    Ok(())
}
