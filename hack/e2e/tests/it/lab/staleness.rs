//! The age of reads without the API server: responses report it, and above a limit reads are refused.

use std::time::{Duration, Instant};

use anyhow::Result;
use control_plane::Component;
use e2e::{Answer, Api, Library, book, eventually};
use kube::api::PostParams;

use super::Turn;

/// The maximum age in normal operation, even on a busy machine. A watch ends every 3 seconds.
const LIVE: u64 = 6;
/// A hanging watch is considered dead after 4 + 5 seconds.
const ARGUMENTS: [&str; 3] = ["--watch-timeout=4", "--max-staleness=13", "--kube-timeout=2"];

fn age(answer: &Answer) -> Result<u64> {
    Ok(answer.header("age").parse()?)
}

/// Waits until responses are older than a live watch allows. Asserts that their age is never understated.
async fn aged(api: &Api, path: &str, silent_since: Instant) -> Result<()> {
    eventually("the answer is older than the watch timeout", async || {
        let least = silent_since.elapsed().as_secs();
        let read = api.get(path).await?;
        read.json(200);
        let age = age(&read)?;
        let most = silent_since.elapsed() + Duration::from_secs(5);
        assert!((least..=most.as_secs()).contains(&age), "{age} s, after {most:?}");
        Ok((age > LIVE).then_some(()))
    })
    .await
}

async fn refused(library: &Library, path: &str) -> Result<()> {
    for api in library.apis() {
        eventually("reads are refused", async || {
            let read = api.get(path).await?;
            if read.status == 200 {
                assert!(age(&read)? <= 13, "{}", read.header("age"));
                return Ok(None);
            }
            let problem = read.problem(503, "unavailable");
            assert!(problem.retry_after.is_some(), "{problem:?}");
            assert!(age(&read)? >= 13, "{}", read.header("age"));
            Ok(Some(()))
        })
        .await?;
        api.get(library.list_path()).await?.problem(503, "unavailable");
        assert_eq!(api.get("/health").await?.status, 200);
    }
    Ok(())
}

async fn fresh_again(library: &Library, path: &str) -> Result<()> {
    for api in library.apis() {
        eventually("reads are live again", async || {
            let read = api.get(path).await?;
            Ok((read.status == 200 && age(&read)? <= LIVE).then_some(()))
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn with_a_hanging_api_server_the_age_grows_and_reads_stop_at_max_staleness() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library) = turn.services(&ARGUMENTS).await?;
    library.add("book").await?;
    let path = library.path("book");
    // While the watch is live, its bookmarks keep the age low even without changes.
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(12) {
        for api in library.apis() {
            let read = api.get(&path).await?;
            read.json(200);
            // On a busy machine, the next watch opens with a delay.
            assert!(age(&read)? <= LIVE, "{}", read.header("age"));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    turn.control_plane().pause(Component::Apiserver)?;
    let start = Instant::now();
    for api in library.apis() {
        aged(api, &path, start).await?;
    }
    let live = library.admin.get(&path).header("Cache-Control", "no-cache");
    live.await?.problem(503, "unavailable");
    refused(&library, &path).await?;
    turn.control_plane().resume(Component::Apiserver)?;
    fresh_again(&library, &path).await?;
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn without_the_api_server_the_age_grows_and_reads_stop_at_max_staleness() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library) = turn.services(&ARGUMENTS).await?;
    library.add("book").await?;
    let path = library.path("book");
    turn.control_plane().kill(Component::Apiserver)?;
    let start = Instant::now();
    for api in library.apis() {
        aged(api, &path, start).await?;
    }
    refused(&library, &path).await?;
    // Only the API server can decide about a write.
    let put = library.admin.put(&path).json(&library.body("book")).await?;
    let problem = put.problem(503, "unavailable");
    assert!(problem.message.contains("nothing was written"), "{problem:?}");
    turn.control_plane().restart(Component::Apiserver).await?;
    fresh_again(&library, &path).await?;
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn without_max_staleness_reads_go_on_and_report_their_age() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library) = turn.services(&["--watch-timeout=4"]).await?;
    library.add("book").await?;
    let path = library.path("book");
    turn.control_plane().kill(Component::Apiserver)?;
    for api in library.apis() {
        eventually("the answer is twenty seconds old", async || {
            let read = api.get(&path).await?;
            read.json(200);
            Ok((age(&read)? >= 20).then_some(()))
        })
        .await?;
    }
    turn.control_plane().restart(Component::Apiserver).await?;
    fresh_again(&library, &path).await?;
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn a_write_is_not_refused_for_what_was_true_before_an_outage() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library) = turn.services(&["--watch-timeout=4"]).await?;
    library.add("old").await?;
    turn.control_plane().kill(Component::Apiserver)?;
    for api in library.apis() {
        eventually("the watch has failed", async || {
            Ok((age(&api.get(library.path("old")).await?)? > 4 + 5).then_some(()))
        })
        .await?;
    }
    // Without the API server, nobody knows that it is missing.
    let delete = library.admin.delete(library.path("new")).await?;
    delete.problem(503, "unavailable");

    turn.control_plane().restart(Component::Apiserver).await?;
    let library = Library {
        client: turn.cluster().client().await?,
        ..library
    };
    for id in ["new", "lent"] {
        library.books().create(&PostParams::default(), &book(id)).await?;
    }
    // At once, while the services still wait before they watch again.
    library.admin.delete(library.path("new")).await?.empty(204);
    library.borrow("lent", "bob").await?.json(201);
    turn.leave();
    Ok(())
}
