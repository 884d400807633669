//! Many concurrent writers: none starves, and a refusal names the time of the next try.

use std::time::Duration;

use anyhow::Result;
use e2e::{Api, Cluster, Library, Program, Service};
use futures::future::try_join_all;
use serde_json::json;

/// Creates a book, and retries each refusal after the time it names. Returns the number of tries.
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
    // A timeout so long that no request waits half of it for its turn, even on a slow machine.
    let service = Service::start(Program::Admin, &Cluster::shared()?, &["--kube-timeout=120"]).await?;
    let api = service.api()?;
    let tries = try_join_all((0..400).map(|number| create(&api, &library, number))).await?;
    assert!(tries.iter().all(|tries| *tries == 1), "{tries:?}");
    Ok(())
}

#[tokio::test]
async fn a_refusal_by_the_rate_limit_names_the_time_when_a_retry_succeeds() -> Result<()> {
    let library = Library::open().await?;
    // A turn comes within half of the timeout. A slow API server needs the other half.
    let arguments = ["--kube-qps=10", "--kube-burst=5", "--kube-timeout=10"];
    let service = Service::start(Program::Admin, &Cluster::shared()?, &arguments).await?;
    let api = service.api()?;
    let tries = try_join_all((0..100).map(|number| create(&api, &library, number))).await?;
    assert!(tries.iter().any(|tries| *tries > 1), "nobody was refused");
    // A retry may fail once more, if other requests got the turn.
    assert!(tries.iter().all(|tries| *tries <= 3), "{tries:?}");
    Ok(())
}
