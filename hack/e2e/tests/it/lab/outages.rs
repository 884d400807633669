//! Outages of the API server: reads continue, writes report their outcome, and afterwards nothing deleted is served.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use control_plane::{Component, ControlPlane};
use e2e::{Answer, Cluster, Library, Program, Request, Service, book, eventually};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;

use super::Turn;

/// The services' deadline for a request to the API server. The second limit adds time for them and a busy machine.
const KUBE_TIMEOUT: &str = "--kube-timeout=2";
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// Returns every write, for an existing book of bookshelf without a loan.
fn writes(library: &Library) -> Vec<Request> {
    let path = library.path("book");
    vec![
        library.admin.post(library.list_path()).json(&library.body("new")),
        library.admin.put(&path).json(&library.body("book")),
        library
            .admin
            .patch(format!("{path}/category"))
            .json(&json!({"category_id": "math"})),
        library.admin.delete(&path),
        library.user.post(format!("{path}/borrow")).tenant("bob"),
        library.user.post(format!("{path}/return")).tenant("bob"),
    ]
}

async fn in_time(request: Request) -> Result<Answer> {
    let start = Instant::now();
    let answer = request.await?;
    assert!(
        start.elapsed() < ANSWERED_WITHIN,
        "{}: {:?}",
        answer.what,
        start.elapsed()
    );
    Ok(answer)
}

/// Asserts that both APIs still serve the library, which has one book.
async fn assert_readable(library: &Library) -> Result<()> {
    for api in library.apis() {
        api.get(library.path("book")).await?.json(200);
        assert_eq!(library.ids(api, "").await?, ["book"]);
        api.get(library.path("missing")).await?.problem(404, "not_found");
    }
    Ok(())
}

#[tokio::test]
async fn without_the_api_server_reads_go_on_and_writes_report_that_nothing_was_written() -> Result<()> {
    let turn = Turn::take().await?;
    let (admin, user, library) = turn.services(&[KUBE_TIMEOUT]).await?;
    library.add("book").await?;
    turn.control_plane().kill(Component::Apiserver)?;

    assert_readable(&library).await?;
    for round in 0..3 {
        for write in writes(&library) {
            let answer = in_time(write).await?;
            // Only a request that was just sent on a connection that breaks may be lost.
            if round == 0 && answer.status == 504 {
                answer.problem(504, "outcome_unknown");
                continue;
            }
            let problem = answer.problem(503, "unavailable");
            assert!(
                problem.retry_after.is_some_and(|seconds| seconds > 0),
                "{problem:?}"
            );
            assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
        }
    }
    assert_readable(&library).await?;
    for service in [&admin, &user] {
        for probe in ["/livez", "/readyz", "/healthz"] {
            assert_eq!(service.ops()?.get(probe).await?.status, 200, "{probe}");
        }
    }

    turn.control_plane().restart(Component::Apiserver).await?;
    let library = Library {
        client: turn.cluster().client().await?,
        ..library
    };
    assert!(library.books().get_opt("new").await?.is_none());
    eventually("a write is done again", async || {
        let put = library
            .admin
            .put(library.path("book"))
            .json(&library.body("book"));
        Ok((put.await?.status == 200).then_some(()))
    })
    .await?;
    library.borrow("book", "bob").await?.json(201);
    // The watches have recovered, too.
    library.plant(&book("after")).await?;
    let metrics = admin.ops()?.get("/metrics").await?.text();
    let failures = r#"reflector_failures_total{resource="books.bookshelf.lostinsoba.com"} "#;
    let failures = metrics.lines().find_map(|line| line.strip_prefix(failures));
    assert!(failures.is_some_and(|failures| failures != "0"), "{metrics}");
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn with_a_hanging_api_server_reads_go_on_and_writes_report_an_unknown_outcome() -> Result<()> {
    let turn = Turn::take().await?;
    let (admin, user, library) = turn.services(&[KUBE_TIMEOUT]).await?;
    library.add("book").await?;
    // Both APIs must have a connection, so that their requests are sent.
    library.give_back("book", "bob").await?.empty(204);
    turn.control_plane().pause(Component::Apiserver)?;

    assert_readable(&library).await?;
    let mut unknown = 0;
    for write in writes(&library) {
        let answer = in_time(write).await?;
        match answer.status {
            504 => {
                answer.problem(504, "outcome_unknown");
                unknown += 1;
            }
            // A return begins with a read, which changes nothing, and a request without a connection is not sent.
            503 => _ = answer.problem(503, "unavailable"),
            _ => bail!("{}: {} {}", answer.what, answer.status, answer.text()),
        }
    }
    assert!(unknown > 0, "each API had a connection, and sent something on it");
    assert_readable(&library).await?;
    for service in [&admin, &user] {
        assert_eq!(service.ops()?.get("/readyz").await?.status, 200);
    }

    turn.control_plane().resume(Component::Apiserver)?;
    eventually("both APIs serve the API server's state", async || {
        let stored = library.books().get_opt("book").await?.is_some();
        let mut is_served = true;
        for api in library.apis() {
            is_served &= (api.get(library.path("book")).await?.status == 200) == stored;
        }
        Ok(is_served.then_some(()))
    })
    .await?;
    eventually("a write is done again", async || {
        let post = library
            .admin
            .post(library.list_path())
            .json(&library.body("after"));
        Ok((post.await?.status == 201).then_some(()))
    })
    .await?;
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn deletions_missed_by_an_expired_watch_are_found_by_the_next_list() -> Result<()> {
    let turn = Turn::take().await?;
    let (mut admin, mut user, library) = turn.services(&[]).await?;
    for id in ["kept", "vanishing"] {
        library.add(id).await?;
    }
    library.borrow("vanishing", "bob").await?.json(201);
    let logs = [admin.log().end()?, user.log().end()?];
    for service in [&mut admin, &mut user] {
        service.pause()?;
    }
    // The restart ends the watches, which would otherwise report the deletions first.
    turn.control_plane().restart(Component::Apiserver).await?;
    let library = Library {
        client: turn.cluster().client().await?,
        ..library
    };
    library
        .books()
        .delete("vanishing", &DeleteParams::default())
        .await?;
    library
        .loans()
        .delete("vanishing", &DeleteParams::default())
        .await?;
    library
        .books()
        .create(&PostParams::default(), &book("new"))
        .await?;
    // The watches can resume at no version, neither from etcd nor from the API server's memory.
    turn.control_plane().compact().await?;
    turn.control_plane().restart(Component::Apiserver).await?;
    for service in [&mut admin, &mut user] {
        service.resume()?;
    }

    library.vanished("vanishing").await?;
    library.appeared("new").await?;
    for api in library.apis() {
        assert_eq!(library.ids(api, "").await?, ["kept", "new"]);
    }
    for log in &logs {
        for (resource, kind) in [("books", "book"), ("bookloans", "loan")] {
            // The change came from a list, not from a watch event.
            let name = format!("{resource}.bookshelf.lostinsoba.com");
            let mut rest = log.clone();
            rest.line("it listed again", |line| {
                line["message"] == "listed" && line["resource"] == name
            })
            .await?;
            // Handlers still get the deletion.
            let key = format!("{}/vanishing", library.namespace);
            let mut rest = log.clone();
            rest.line("it was deleted", |line| {
                line["kind"] == kind && line["change"] == "deleted" && line["key"] == key
            })
            .await?;
        }
    }
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn without_a_definition_requests_are_refused_for_now_and_the_log_names_it() -> Result<()> {
    let control_plane = ControlPlane::builder().start().await?;
    let cluster = Cluster::install(&control_plane).await?;
    let (admin, user) = tokio::try_join!(
        Service::start(Program::Admin, &cluster, &[]),
        Service::start(Program::User, &cluster, &[]),
    )?;
    let library = Library::open_in(&cluster, &admin, &user).await?;
    library.add("book").await?;
    let mut log = admin.log().end()?;
    let definitions = Api::<CustomResourceDefinition>::all(library.client.clone());
    let name = "books.bookshelf.lostinsoba.com";
    definitions.delete(name, &DeleteParams::default()).await?;
    let live = || {
        library
            .admin
            .get(library.list_path())
            .header("Cache-Control", "no-cache")
    };
    eventually("the API server no longer has the resource", async || {
        Ok((live().await?.status != 200).then_some(()))
    })
    .await?;
    let create = library.admin.post(library.list_path()).json(&library.body("new"));
    for request in [create, live()] {
        let problem = request.await?.problem(503, "unavailable");
        assert!(problem.retry_after.is_some(), "{problem:?}");
    }
    log.line("the missing definition", |line| {
        let error = line["error"].as_str().unwrap_or_default();
        error.contains("CustomResourceDefinition is not installed") && line["resource"] == name
    })
    .await?;
    Ok(())
}
