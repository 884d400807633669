//! `X-Resource-Version` and `no-cache`: no client gets an older state than it already has, on any replica, and a live
//! read gets the current state.

mod alternating;
mod catching_up;
mod descriptions;
mod streams;

use std::time::Instant;

use anyhow::Result;
use e2e::{Answer, Api, Cluster, Library, Program, Service, Wire, eventually, patiently};
use serde_json::{Value, json};

/// The header with the version of a response.
pub(super) const VERSION: &str = "X-Resource-Version";

/// Watches must stay open for the whole test, so that the wire can hold them.
const ARGUMENTS: [&str; 2] = [
    "--watch-timeout=3600",
    "--log=info,bookshelf_store=debug,kube_informer=debug",
];

/// A replica of an API whose watches can be held.
struct Replica {
    service: Service,
    api: Api,
    wire: Wire,
}

impl Replica {
    async fn start(program: Program, arguments: &[&str]) -> Result<Self> {
        let wire = Wire::to(Cluster::shared()?.kubeconfig_of(program.name()).await?).await?;
        let service =
            Service::launch_as(program, wire.kubeconfig(), &[&ARGUMENTS, arguments].concat()).await?;
        service.ready().await?;
        Ok(Self {
            api: service.api()?,
            service,
            wire,
        })
    }
}

/// Returns a replica of each API, both with open watches.
async fn replicas() -> Result<[Replica; 2]> {
    let (admin, user) = tokio::try_join!(
        Replica::start(Program::Admin, &[]),
        Replica::start(Program::User, &[])
    )?;
    let replicas = [admin, user];
    // Only open watches can be held. Once the lists are complete, the next changes come from the watches.
    let library = Library::open().await?;
    library.add("book").await?;
    library.lend("book", "bob").await?;
    for replica in &replicas {
        eventually("the replica has a book and a loan", async || {
            let book = replica.api.get(library.path("book")).await?;
            let loan = replica.api.get(library.loan_path("book")).tenant("bob").await?;
            Ok((book.status == 200 && loan.status == 200).then_some(()))
        })
        .await?;
    }
    Ok(replicas)
}

/// Returns the shared APIs, and a replica of each whose watches are held from now on.
async fn behind() -> Result<(Library, [Replica; 2])> {
    let replicas = replicas().await?;
    for replica in &replicas {
        replica.wire.hold();
    }
    Ok((Library::open().await?, replicas))
}

async fn get_at(api: &Api, path: &str, version: &str) -> Result<Answer> {
    patiently(async || api.get(path).header(VERSION, version).tenant("bob").await).await
}

fn ids(list: &Answer) -> Vec<Value> {
    let list = list.json(200);
    let list = list["list"].as_array().cloned().unwrap_or_default();
    let id = |one: &Value| one.get("id").or(one.get("book_id")).cloned().unwrap_or_default();
    list.iter().map(id).collect()
}

#[tokio::test]
async fn every_answer_has_its_version_age_and_cache_headers() -> Result<()> {
    let library = Library::open().await?;
    let created = library.add("book").await?;
    for api in library.apis() {
        let mut answers = vec![];
        for path in [
            library.path("book"),
            library.path("missing"),
            library.path("BAD"),
            library.list_path(),
            library.loans_path(),
            library.loan_path("book"),
            "/book".to_owned(),
            "/namespace".to_owned(),
            "/no/such/route".to_owned(),
        ] {
            answers.push(api.get(&path).tenant("bob").await?);
            answers.push(api.head(&path).tenant("bob").await?);
        }
        let etag = api.get(library.path("book")).await?.header("etag").to_owned();
        let known = api
            .get(library.path("book"))
            .header("If-None-Match", etag)
            .await?;
        assert_eq!(known.status, 304);
        answers.push(known);
        answers.push(api.delete("/namespace").await?);
        for answer in answers {
            let (what, status) = (&answer.what, answer.status);
            let (books, loans) = answer.header(VERSION).split_once('.').unwrap_or_default();
            assert!(books.parse::<u64>().is_ok(), "{what}: {status}: {books}");
            assert!(loans.parse::<u64>().is_ok(), "{what}: {status}: {loans}");
            assert!(answer.header("age").parse::<u64>()? < 60, "{what}");
            assert_eq!(answer.header("cache-control"), "private, no-cache", "{what}");
            assert_eq!(
                answer.header("vary"),
                "Accept, Authorization, X-TENANT-ID",
                "{what}"
            );
        }
    }
    // The version of a write's response is at least that of the written object.
    let version: u64 = created
        .header(VERSION)
        .split('.')
        .next()
        .unwrap_or_default()
        .parse()?;
    let etag = created.header("etag").trim_matches('"').rsplit('.').next();
    assert!(
        version >= etag.unwrap_or_default().parse()?,
        "{version}: {etag:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_malformed_version_is_refused_by_the_name_of_the_header() -> Result<()> {
    let library = Library::open().await?;
    let created = library.add("book").await?;
    let version = created.header(VERSION);
    for api in library.apis() {
        for bad in ["", "a", "1.", "1.2.3", "-1", "007", "1e3", "\"1\""] {
            for path in [library.path("book"), library.list_path(), "/namespace".to_owned()] {
                get_at(api, &path, bad).await?.invalid(VERSION);
            }
        }
        let twice = api.get(library.path("book")).header(VERSION, version);
        twice.header(VERSION, version).await?.invalid(VERSION);
        // A single number, as kubectl shows it, is a version of both books and loans.
        let (books, _) = version.split_once('.').unwrap_or_default();
        get_at(api, &library.path("book"), books).await?.json(200);
    }
    let write = library.admin.put(library.path("book")).header(VERSION, "x");
    write.json(&library.body("book")).await?.invalid(VERSION);
    library
        .admin
        .delete(library.path("book"))
        .header(VERSION, "x")
        .await?
        .invalid(VERSION);
    // `/health` does not depend on books.
    assert_eq!(get_at(&library.admin, "/health", "x").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_version_that_is_not_there_yet_is_waited_for_and_then_is_unavailable() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let requests = [
        library.admin.get(library.path("book")),
        library.admin.get("/book"),
        library.user.get(library.list_path()),
        library.user.get(library.loans_path()).tenant("bob"),
        library.user.post(library.path("book/borrow")).tenant("bob"),
        library.admin.delete(library.path("book")),
    ];
    let start = Instant::now();
    let far = requests.map(|request| async { request.header(VERSION, "999999999999999.1").await });
    for answer in futures::future::join_all(far).await {
        let answer = answer?;
        let problem = answer.problem(503, "unavailable");
        let explains = problem.message.contains("restore of etcd") && problem.retry_after > Some(0);
        assert!(explains, "{problem:?}");
        // The response must have a version with which the client can continue.
        assert!(answer.header(VERSION).len() < 20, "{}", answer.header(VERSION));
    }
    let took = start.elapsed();
    assert!((2..30).contains(&took.as_secs()), "{took:?}");
    // None of the writes was executed.
    assert_eq!(
        library.user.get(library.path("book")).await?.json(200)["available"],
        true
    );
    Ok(())
}

#[tokio::test]
async fn a_librarian_s_read_of_books_does_not_wait_for_loans() -> Result<()> {
    let library = Library::open().await?;
    let created = library.add("book").await?;
    let (books, _) = created.header(VERSION).split_once('.').unwrap_or_default();
    let version = format!("{books}.9007199254740991");
    for path in [library.path("book"), library.list_path(), "/namespace".to_owned()] {
        let read = get_at(&library.admin, &path, &version).await?;
        assert_eq!(read.status, 200, "{path}: {}", read.text());
        // The response keeps the version in the request.
        assert!(read.header(VERSION).ends_with(".9007199254740991"), "{path}");
    }
    // Tenants see which books are on loan, so their reads wait for loans.
    let read = library.user.get(library.path("book"));
    let read = read.header(VERSION, &version).await?;
    read.problem(503, "unavailable");
    Ok(())
}

#[tokio::test]
async fn the_version_of_a_write_is_known_on_the_replica_that_made_it() -> Result<()> {
    let library = Library::open().await?;
    let mut version = library.add("book").await?.header(VERSION).to_owned();
    for round in 0..50 {
        let body = json!({"author": "A", "title": format!("Round {round}")});
        let put = library.admin.put(library.path("book")).header(VERSION, &version);
        let put = put.json(&body).await?;
        put.json(200);
        put.header(VERSION).clone_into(&mut version);
        let read = get_at(&library.admin, &library.path("book"), &version).await?;
        assert_eq!(read.json(200), put.json(200));
    }
    Ok(())
}

#[tokio::test]
async fn a_live_read_serves_the_state_that_the_watch_has_not_confirmed() -> Result<()> {
    let (library, [admin, user]) = behind().await?;
    for id in ["a", "b"] {
        let body = json!({"id": id, "author": "A", "title": "T", "category_id": "math"});
        library
            .admin
            .post(library.list_path())
            .json(&body)
            .await?
            .json(201);
    }
    library.appeared("a").await?;
    library.borrow("a", "bob").await?.json(201);
    let live = async |api: &Api, path: String| {
        let answer = api.get(path).header("Cache-Control", "max-age=0, No-Cache");
        answer.tenant("bob").await
    };
    for replica in [&admin.api, &user.api] {
        let filtered = format!("{}?category_id=math", library.list_path());
        assert!(ids(&replica.get(&filtered).await?).is_empty());
        assert_eq!(ids(&live(replica, filtered).await?), ["a", "b"]);
        assert_eq!(ids(&live(replica, library.loans_path()).await?), ["a"]);
        let all = live(replica, "/book".to_owned()).await?.json(200).to_string();
        assert!(all.contains(&library.namespace));
        live(replica, library.loan_path("a")).await?.json(200);
    }
    let body = json!({"author": "A", "title": "New"});
    library.put("b", &body).await?.json(200);
    let returned = library.give_back("a", "bob").await?;
    returned.empty(204);
    // The watch of admin-api may not have reported the return yet.
    let delete = library.admin.delete(library.path("a"));
    delete.header(VERSION, returned.header(VERSION)).await?.empty(204);
    for replica in [&admin.api, &user.api] {
        replica.get(library.path("a")).await?.json(200);
        let gone = live(replica, library.path("a")).await?;
        gone.problem(404, "not_found");
        live(replica, library.loan_path("a"))
            .await?
            .problem(404, "not_found");
        let changed = live(replica, library.path("b")).await?;
        assert_eq!(changed.json(200)["title"], "New");
        // Other replicas at this version do not contradict what was served.
        for other in library.apis() {
            let read = get_at(other, &library.path("a"), gone.header(VERSION)).await?;
            read.problem(404, "not_found");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_borrow_is_repeated_on_a_replica_that_does_not_know_the_book_yet() -> Result<()> {
    let (library, [_, user]) = behind().await?;
    library.add("book").await?;
    library.appeared("book").await?;
    let borrow = |api: &Api, id: &str| {
        let borrow = api.post(format!("{}/borrow", library.path(id))).tenant("bob");
        borrow.header("Idempotency-Key", "key")
    };
    let first = borrow(&library.user, "book").await?;
    let again = borrow(&user.api, "book").await?;
    assert_eq!(first.json(201), again.json(201));
    borrow(&user.api, "missing").await?.problem(404, "not_found");
    Ok(())
}
