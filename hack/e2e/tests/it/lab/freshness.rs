//! What it costs to be shown what one knows of: nothing, and where the watch has nothing to tell, a request.

use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::{Cluster, Library, Program, Service, eventually};
use k8s_openapi::{api::core::v1::ConfigMap, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::api::PostParams;

use super::{
    Turn,
    requests::{TIMES, assert_costs},
};

const VERSION: &str = "X-Resource-Version";

/// Makes the cluster's version go on, without anything for bookshelf to be told of.
async fn go_on(cluster: &Cluster) -> Result<()> {
    let config_maps = kube::Api::default_namespaced(cluster.client().await?);
    let config_map = ConfigMap {
        metadata: ObjectMeta {
            generate_name: Some("elsewhere-".to_owned()),
            ..ObjectMeta::default()
        },
        ..ConfigMap::default()
    };
    config_maps.create(&PostParams::default(), &config_map).await?;
    Ok(())
}

#[tokio::test]
async fn a_version_at_which_nothing_happened_is_no_reason_to_refuse() -> Result<()> {
    let turn = Turn::take().await?;
    // No bookmark comes as long as this test takes.
    let (_admin, _user, library) = turn.services(&["--watch-timeout=3600"]).await?;
    library.add("book").await?;
    go_on(turn.cluster()).await?;
    let late = Service::start(Program::Admin, turn.cluster(), &["--watch-timeout=3600"]).await?;
    let version = late.api()?.get("/book").await?.header(VERSION).to_owned();

    let before = library.admin.get("/book").await?.header(VERSION).to_owned();
    assert_ne!(
        before, version,
        "the one that was started later knows of a later version"
    );
    let lists = [("LIST books", 1), ("LIST bookloans", 1)];
    for (path, requests) in [
        // The API server counts the list of one object as what it is.
        (library.path("book"), [("GET books", 1), ("GET bookloans", 1)]),
        (library.list_path(), lists),
        ("/book".to_owned(), lists),
    ] {
        assert_costs(&library, &path, &requests, async || {
            let start = Instant::now();
            let read = library.admin.get(&path).header(VERSION, &version).await?;
            read.json(200);
            assert!(start.elapsed() < Duration::from_secs(2), "{path}");
            // It can be carried on to a third.
            assert_eq!(read.header(VERSION), version);
            Ok(())
        })
        .await?;
    }
    let put = library.admin.put(library.path("book")).header(VERSION, &version);
    put.json(&library.body("book")).await?.json(200);
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn a_version_that_the_watch_has_told_costs_nothing_to_ask_for() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library) = turn.services(&[]).await?;
    let version = library.add("book").await?.header(VERSION).to_owned();
    for api in library.apis() {
        eventually("the watch has told it", async || {
            let version_there = api.get("/book").await?.header(VERSION).to_owned();
            Ok((version_there == version).then_some(()))
        })
        .await?;
    }
    assert_costs(&library, "reads at a version", &[], async || {
        for _ in 0..TIMES {
            for api in library.apis() {
                for path in [library.path("book"), library.list_path()] {
                    api.get(path).header(VERSION, &version).await?.json(200);
                }
            }
        }
        Ok(())
    })
    .await?;
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn a_far_version_costs_no_more_than_the_first_page() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library) = turn.services(&[]).await?;
    library.add("book").await?;
    let lists = [("LIST books", 1), ("LIST bookloans", 1)];
    assert_costs(&library, "a far version", &lists, async || {
        let read = library.admin.get("/book").header(VERSION, "999999999999");
        read.await?.problem(503, "unavailable");
        Ok(())
    })
    .await?;
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn no_cache_costs_a_list_of_what_is_asked_for() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library) = turn.services(&[]).await?;
    library.add("book").await?;
    let reads = [library.path("book"), library.list_path(), library.loans_path()];
    let lists = [
        ("GET books", 1),
        ("GET bookloans", 1),
        ("LIST books", 2),
        ("LIST bookloans", 2),
    ];
    assert_costs(&library, "reads past the cache", &lists, async || {
        for path in &reads {
            let read = library.user.get(path).tenant("bob");
            read.header("Cache-Control", "no-cache").await?.json(200);
        }
        Ok(())
    })
    .await?;
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn deletions_and_returns_have_versions_that_cost_nothing() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library): (_, _, Library) = turn.services(&[]).await?;
    library.add("book").await?;
    let mut versions = vec![];
    let costs = [("POST bookloans", TIMES), ("DELETE bookloans", TIMES)];
    assert_costs(&library, "borrow and return", &costs, async || {
        for _ in 0..TIMES {
            for action in ["borrow", "return"] {
                let request = library.user.post(library.path(&format!("book/{action}")));
                let answer = request.tenant("bob").await?;
                assert!(answer.status < 300, "{}", answer.text());
                let (_, loans) = answer.header(VERSION).split_once('.').unwrap_or_default();
                versions.push(loans.parse::<u64>()?);
            }
        }
        Ok(())
    })
    .await?;
    let is_new = versions.windows(2).all(|pair| pair[0] < pair[1]);
    assert!(is_new, "each write has a version of its own: {versions:?}");
    turn.leave();
    Ok(())
}
