//! Many clients that write at once: none starves, and a refusal has the time after which to try again.

use std::time::Duration;

use anyhow::Result;
use e2e::{Api, Cluster, Library, Program, Service};
use futures::future::try_join_all;
use serde_json::json;

/// Creates a book, again after each refusal when that said; returns the number of tries.
async fn create(api: &Api, library: &Library, number: usize) -> Result<usize> {
    let body = json!({"id": format!("book-{number}"), "author": "A", "title": "T"});
    for tries in 1.. {
        let answer = api.post(library.list_path()).json(&body).await?;
        if answer.status == 201 {
            return Ok(tries);
        }
        let problem = answer.problem(429, "overloaded");
        let retry_after: u64 = answer.header("retry-after").parse()?;
        assert_eq!(problem.retry_after, Some(retry_after));
        assert!(retry_after >= 1);
        tokio::time::sleep(Duration::from_secs(retry_after)).await;
    }
    unreachable!("tries have no end")
}

#[tokio::test]
async fn each_of_400_concurrent_creates_is_answered_with_its_book() -> Result<()> {
    let library = Library::open().await?;
    // However slow the machine: a wait of half of it for a turn is no refusal.
    let service = Service::start(Program::Admin, &Cluster::shared()?, &["--kube-timeout=120"]).await?;
    let api = service.api()?;
    let tries = try_join_all((0..400).map(|number| create(&api, &library, number))).await?;
    assert!(tries.iter().all(|tries| *tries == 1), "{tries:?}");
    Ok(())
}

#[tokio::test]
async fn a_refusal_by_the_rate_limit_names_the_time_when_a_retry_succeeds() -> Result<()> {
    let library = Library::open().await?;
    // A turn comes within half the timeout, and the API server has the other half, which a slow machine needs.
    let arguments = ["--kube-qps=10", "--kube-burst=5", "--kube-timeout=10"];
    let service = Service::start(Program::Admin, &Cluster::shared()?, &arguments).await?;
    let api = service.api()?;
    let tries = try_join_all((0..100).map(|number| create(&api, &library, number))).await?;
    assert!(tries.iter().any(|tries| *tries > 1), "nobody was refused");
    // Once more, where others came between.
    assert!(tries.iter().all(|tries| *tries <= 3), "{tries:?}");
    Ok(())
}
