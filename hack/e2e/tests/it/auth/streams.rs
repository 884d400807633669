//! Event streams, which are authorized again while they are open.

use anyhow::Result;
use e2e::book;
use futures::future::try_join_all;
use std::time::Instant;

use super::{ADMIN, House, USER};

#[tokio::test]
async fn a_stream_ends_within_ten_seconds_of_the_right_to_it() -> Result<()> {
    let house = House::open().await?;
    let library = &house.library;
    library.plant(&book("first")).await?;
    // Concurrently, since the administrator's connection would not last through the first wait.
    let both = [ADMIN, USER].map(async |audience| {
        let person = house.person(&format!("watcher-{audience}")).await?;
        let grant = person
            .grant(&library.namespace, &["watch"], &["books"], &[])
            .await?;
        let api = house.api_for(&person, audience).await?;
        let mut stream = api.get(library.list_path()).listen().await?;
        let opened = Instant::now();
        stream.until("synced").await?;
        grant.revoke().await?;
        let revoked = Instant::now();
        while stream.next().await?.is_some() {}
        assert!(revoked.elapsed().as_secs() < 15, "{:?}", revoked.elapsed());
        assert!(
            opened.elapsed().as_secs() >= 5,
            "the decision was kept: {:?}",
            opened.elapsed()
        );
        let refused = api
            .get(library.list_path())
            .header("Accept", "text/event-stream")
            .await?;
        refused.problem(403, "forbidden");
        Ok::<_, anyhow::Error>(())
    });
    try_join_all(both).await?;
    Ok(())
}

#[tokio::test]
async fn a_stream_goes_on_while_the_right_does() -> Result<()> {
    let house = House::open().await?;
    let library = &house.library;
    let person = house.person("watcher").await?;
    person
        .grant(&library.namespace, &["watch"], &["books"], &[])
        .await?;
    let api = house.api_for(&person, USER).await?;
    let mut stream = api.get(library.list_path()).listen().await?;
    stream.until("synced").await?;
    let opened = Instant::now();
    // Longer than the lifetime of two decisions.
    let mut number = 0;
    let mut pace = tokio::time::interval(std::time::Duration::from_millis(500));
    while opened.elapsed().as_secs() < 22 {
        number += 1;
        let id = format!("book-{number}");
        library.plant(&book(&id)).await?;
        let received = stream.next_event().await?;
        assert_eq!(
            (received.event.as_str(), &received.data["id"]),
            ("created", &id.into())
        );
        pace.tick().await;
    }
    Ok(())
}
