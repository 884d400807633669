//! The cost of a read at a version: usually no request, and one if the watch has no event.

use std::{
    future::IntoFuture as _,
    time::{Duration, Instant},
};

use anyhow::Result;
use control_plane::Component;
use e2e::{Cluster, Library, Program, Requests, Service, Wire, book, eventually, patiently};
use futures::future::try_join_all;
use k8s_openapi::{api::core::v1::ConfigMap, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::api::{ListParams, PostParams};

use super::{
    Turn,
    requests::{TIMES, assert_costs},
};

const VERSION: &str = "X-Resource-Version";

/// Advances the cluster's version by a change that bookshelf does not watch.
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
async fn a_version_at_which_nothing_changed_is_reached() -> Result<()> {
    let turn = Turn::take().await?;
    // No bookmark arrives during this test.
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
    // The latest version is requested once. Librarians get no loans with their books, so their reads do not wait for
    // loans.
    let lists = [("LIST books", 1)];
    // The API server counts the LIST of a single object as a GET.
    let gets = [("GET books", 1)];
    for (path, requests) in [
        (library.path("book"), [lists, gets].concat()),
        (library.list_path(), lists.to_vec()),
        ("/book".to_owned(), lists.to_vec()),
        // By now, the replica knows that nothing changed up to that version.
        (library.path("book"), vec![]),
    ] {
        assert_costs(&library, &path, &requests, async || {
            // After the time to catch up, the response would be 503.
            let read = library.admin.get(&path).header(VERSION, &version).await?;
            read.json(200);
            // The client can send the version to a third replica.
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
async fn a_confirmed_version_costs_no_request() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library) = turn.services(&[]).await?;
    let version = library.add("book").await?.header(VERSION).to_owned();
    for api in library.apis() {
        eventually("the watch has confirmed it", async || {
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
async fn an_idle_watched_namespace_costs_no_request_for_a_version_of_another() -> Result<()> {
    let turn = Turn::take().await?;
    let (admin, user, idle) = turn.services(&[]).await?;
    let mut busy = Library::open_in(turn.cluster(), &admin, &user).await?;
    let namespaces = format!("--watch-namespaces={},{}", idle.namespace, busy.namespace);
    // No bookmark arrives during this test.
    let arguments = [namespaces.as_str(), "--watch-timeout=3600"];
    let admin = Service::start(Program::Admin, turn.cluster(), &arguments).await?;
    let user = Service::start(Program::User, turn.cluster(), &arguments).await?;
    (busy.admin, busy.user) = (admin.api()?, user.api()?);
    let added = busy.add("book").await?;
    let (books, _) = added.header(VERSION).split_once('.').unwrap_or_default();
    let version = format!("{books}.1");
    let apis = busy.apis();
    let read = async |path: String| -> Result<()> {
        for api in apis {
            // After the time to catch up, the response would be 503.
            api.get(&path).header(VERSION, &version).await?.json(200);
        }
        Ok(())
    };
    assert_costs(&busy, "the namespace where it happened", &[], async || {
        for _ in 0..TIMES {
            read(busy.path("book")).await?;
            read(busy.list_path()).await?;
        }
        Ok(())
    })
    .await?;
    // A client that has only read the idle namespace causes no requests.
    assert_costs(&busy, "the other one at its own version", &[], async || {
        for api in apis {
            let seen = api.get(idle.list_path()).await?.header(VERSION).to_owned();
            api.get(idle.list_path()).header(VERSION, &seen).await?.json(200);
        }
        Ok(())
    })
    .await?;
    // Only the API server knows of changes in the idle namespace: its latest version and its objects are requested.
    let lists = [("LIST books", 4)];
    assert_costs(&busy, "all", &lists, async || read("/book".to_owned()).await).await?;
    assert_costs(&busy, "what is known by then", &[], async || {
        read("/book".to_owned()).await?;
        read(idle.list_path()).await
    })
    .await?;
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn reads_at_far_versions_share_the_requests_to_the_api_server() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library) = turn.services(&[]).await?;
    library.add("book").await?;
    let before = Requests::count(&library.client).await?;
    let far = (0..40).map(async |number| {
        let path = library.path(&format!("book-{number}"));
        library.admin.get(path).header(VERSION, "999999999999").await
    });
    for read in try_join_all(far).await? {
        read.problem(503, "unavailable");
    }
    assert!(library.books().get_opt("fence").await?.is_none());
    let counted = eventually("the requests are counted", async || {
        let counted = Requests::count(&library.client).await?.since(&before);
        Ok(counted.contains_key("GET books").then_some(counted))
    })
    .await?;
    let requests: u64 = counted.values().sum();
    assert!(requests <= 10, "{counted:?}");
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn an_invalid_request_is_refused_before_any_request_to_the_api_server() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library) = turn.services(&[]).await?;
    let start = Instant::now();
    assert_costs(&library, "refusals", &[], async || {
        for (name, value) in [("Cache-Control", "no-cache"), (VERSION, "999999999999")] {
            for api in library.apis() {
                for (path, field) in [
                    ("/book/BAD".to_owned(), "namespace_id"),
                    ("/loan/BAD".to_owned(), "namespace_id"),
                    (library.path("BAD"), "id"),
                    (library.loan_path("BAD"), "id"),
                    (format!("{}?limit=0", library.list_path()), "limit"),
                ] {
                    let read = api.get(path).tenant("bob").header(name, value);
                    read.await?.invalid(field);
                }
            }
            let nobody = library.user.get(library.loans_path()).header(name, value);
            nobody.await?.invalid("X-TENANT-ID");
            let create = library.admin.post(library.list_path()).header(name, value);
            let create = create.body("application/json", "{").await?;
            create.problem(400, "invalid_request");
        }
        Ok(())
    })
    .await?;
    assert!(start.elapsed() < Duration::from_mins(1), "nothing was waited for");
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn live_reads_are_an_eighth_of_the_requests_in_flight() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library) = turn
        .services(&["--kube-timeout=3", "--kube-max-in-flight=64"])
        .await?;
    library.add("book").await?;
    let live = async |_| {
        let read = library.admin.get(library.path("book"));
        read.header("Cache-Control", "no-cache").await
    };
    turn.control_plane().pause(Component::Apiserver)?;
    let (mut unavailable, mut overloaded) = (0, 0);
    for read in try_join_all((0..20).map(live)).await? {
        if read.status == 429 {
            assert!(read.problem(429, "overloaded").retry_after.is_some());
            overloaded += 1;
        } else {
            read.problem(503, "unavailable");
            unavailable += 1;
        }
    }
    assert_eq!((unavailable, overloaded), (8, 12));
    turn.control_plane().resume(Component::Apiserver)?;
    eventually("all are answered again", async || {
        let reads = try_join_all((0..20).map(live)).await?;
        Ok(reads.iter().all(|read| read.status == 200).then_some(()))
    })
    .await?;
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn a_live_read_costs_one_list_of_its_scope() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library) = turn.services(&[]).await?;
    library.add("book").await?;
    let reads = [library.path("book"), library.list_path(), library.loans_path()];
    // Librarians get no loans with their books.
    let lists = [
        ("GET books", 2),
        ("GET bookloans", 1),
        ("LIST books", 4),
        ("LIST bookloans", 3),
    ];
    assert_costs(&library, "reads past the cache", &lists, async || {
        for path in &reads {
            for api in library.apis() {
                let read = api.get(path).tenant("bob");
                read.header("Cache-Control", "no-cache").await?.json(200);
            }
        }
        Ok(())
    })
    .await?;
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn reading_at_the_version_of_a_deletion_or_return_costs_no_request() -> Result<()> {
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

#[tokio::test]
async fn the_answer_to_a_delete_has_its_version_although_its_watch_and_the_api_server_are_late() -> Result<()>
{
    let turn = Turn::take().await?;
    let cluster = turn.cluster();
    let wire = Wire::to(cluster.kubeconfig_of(Program::Admin.name()).await?).await?;
    let arguments = ["--watch-timeout=3600"];
    let admin = Service::launch_as(Program::Admin, wire.kubeconfig(), &arguments).await?;
    admin.ready().await?;
    let user = Service::start(Program::User, cluster, &[]).await?;
    let library = Library::open_in(cluster, &admin, &user).await?;
    library.plant(&book("book")).await?;
    let path = library.path("book");
    for api in library.apis() {
        eventually("the book is shown", async || {
            Ok((api.get(&path).await?.status == 200).then_some(()))
        })
        .await?;
    }
    // Until now, the service has sent no requests other than its watches.
    wire.hold();
    let books = library.books();
    let before = books
        .list(&ListParams::default())
        .await?
        .metadata
        .resource_version;
    let before: u64 = before.unwrap_or_default().parse()?;

    let delete = tokio::spawn(library.admin.delete(&path).into_future());
    eventually("it is deleted", async || {
        Ok(books.get_opt("book").await?.is_none().then_some(()))
    })
    .await?;
    turn.control_plane().pause(Component::Apiserver)?;
    // The delete waits one second for its watch.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(!delete.is_finished(), "the delete waits for its version");
    turn.control_plane().resume(Component::Apiserver)?;
    let deleted = delete.await??;
    deleted.empty(204);
    let version = deleted.header(VERSION);
    let (version_of_books, _) = version.split_once('.').unwrap_or_default();
    assert!(
        version_of_books.parse::<u64>()? > before,
        "{version} is not after {before}"
    );
    let read = patiently(async || library.user.get(&path).header(VERSION, version).await);
    read.await?.problem(404, "not_found");
    turn.leave();
    Ok(())
}
