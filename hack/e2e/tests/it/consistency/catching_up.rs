//! `X-Resource-Version` on lagging replicas.

use std::future::IntoFuture as _;

use anyhow::Result;
use e2e::{Library, Person, Program, eventually};
use serde_json::Value;

use super::{Replica, VERSION, behind, get_at, ids, replicas};

#[tokio::test]
async fn a_lagging_replica_catches_up_with_a_requested_version() -> Result<()> {
    let (library, [admin, user]) = behind().await?;
    let created = library.add("book").await?;
    let version = created.header(VERSION);
    for (replica, api) in [(&admin, &library.admin), (&user, &library.user)] {
        let replica = &replica.api;
        replica.get(library.path("book")).await?.problem(404, "not_found");
        assert!(ids(&replica.get(library.list_path()).await?).is_empty());
        let read = get_at(replica, &library.path("book"), version).await?;
        assert_eq!(read.json(200), api.get(library.path("book")).await?.json(200));
    }

    let borrow = library.borrow("book", "bob").await?;
    borrow.json(201);
    let version = borrow.header(VERSION);
    let read = get_at(&user.api, &library.path("book"), version).await?;
    assert_eq!(read.json(200)["available"], false);
    for replica in [&admin.api, &user.api] {
        assert_eq!(
            ids(&get_at(replica, &library.loans_path(), version).await?),
            ["book"]
        );
        get_at(replica, &library.loan_path("book"), version)
            .await?
            .json(200);
    }
    // A write is also checked against the version that its client has.
    let delete = admin.api.delete(library.path("book")).header(VERSION, version);
    delete.await?.problem(409, "on_loan");
    Ok(())
}

#[tokio::test]
async fn a_lagging_replica_catches_up_with_the_version_of_a_deletion() -> Result<()> {
    let [admin, user] = replicas().await?;
    let library = Library::open().await?;
    library.add("book").await?;
    let path = library.path("book");
    // The watches are held once they have reported everything before the deletion.
    for replica in [&admin, &user] {
        eventually("the replica shows the book", async || {
            Ok((replica.api.get(&path).await?.status == 200).then_some(()))
        })
        .await?;
        replica.wire.hold();
    }
    let deleted = library.admin.delete(&path).await?;
    deleted.empty(204);
    for replica in [&admin.api, &user.api] {
        // Without a version, the replica serves its confirmed state.
        replica.get(&path).await?.json(200);
        let version = deleted.header(VERSION);
        assert!(ids(&get_at(replica, &library.list_path(), version).await?).is_empty());
        get_at(replica, &path, version).await?.problem(404, "not_found");
    }

    // The version works although the watch of the deleting replica is late.
    let again = admin
        .api
        .post(library.list_path())
        .json(&library.body("book"))
        .await?;
    again.json(201);
    get_at(&library.user, &path, again.header(VERSION))
        .await?
        .json(200);
    get_at(&user.api, &path, again.header(VERSION)).await?.json(200);
    let deleted = admin.api.delete(&path).await?;
    deleted.empty(204);
    for api in [&library.admin, &library.user, &admin.api, &user.api] {
        get_at(api, &path, deleted.header(VERSION))
            .await?
            .problem(404, "not_found");
    }
    Ok(())
}

#[tokio::test]
async fn a_lagging_replica_catches_up_with_the_version_of_a_return() -> Result<()> {
    let (library, [_, user]) = behind().await?;
    library.add("book").await?;
    let path = library.path("book");
    for (action, is_available) in [
        ("borrow", false),
        ("return", true),
        ("borrow", false),
        ("return", true),
    ] {
        let answer = library
            .user
            .post(format!("{path}/{action}"))
            .tenant("bob")
            .await?;
        assert!(answer.status < 300, "{}", answer.text());
        let read = get_at(&user.api, &path, answer.header(VERSION)).await?;
        assert_eq!(read.json(200)["available"], is_available, "{action}");
    }
    Ok(())
}

#[tokio::test]
async fn a_lagging_replica_lists_the_new_namespaces_of_a_caller_who_does_not_see_all() -> Result<()> {
    for (program, audience) in [
        (Program::Admin, "bookshelf-admin"),
        (Program::User, "bookshelf-user"),
    ] {
        let replica = Replica::start(program, &["--auth-mode=token"]).await?;
        let [known, requested, live] = [
            Library::open().await?,
            Library::open().await?,
            Library::open().await?,
        ];
        let reader = Person::new(known.client.clone(), &known.namespace, "reader").await?;
        for library in [&known, &requested, &live] {
            reader
                .grant(&library.namespace, &["get", "list"], &["books"], &[])
                .await?;
        }
        // Until the watches are held, the replica must send no other request, as its connection would be held too.
        known.add("known").await?;
        let key = format!("{}/known", known.namespace);
        let mut log = replica.service.log();
        log.line("the replica watches", |line| {
            line["kind"] == "book" && line["key"] == key
        })
        .await?;
        replica.wire.hold();
        let api = replica.api.as_bearer(&reader.token(audience).await?);
        for library in [&known, &requested, &live] {
            eventually("the right counts", async || {
                let list = api.get(library.list_path()).await?;
                Ok((list.status == 200).then_some(()))
            })
            .await?;
        }

        let created = requested.add("requested").await?;
        assert_eq!(ids(&api.get("/book").await?), ["known"]);
        let mut listed = ids(&get_at(&api, "/book", created.header(VERSION)).await?);
        listed.sort_by_key(ToString::to_string);
        assert_eq!(listed, ["known", "requested"], "{program:?}");

        live.add("live").await?;
        let namespaces = api.get("/namespace").header("Cache-Control", "no-cache").await?;
        assert_eq!(ids(&namespaces).len(), 3, "{program:?}: {}", namespaces.text());
    }
    Ok(())
}

#[tokio::test]
async fn a_delete_is_recorded_although_its_client_goes_away_while_it_waits_for_its_version() -> Result<()> {
    let [admin, _user] = replicas().await?;
    let library = Library::open().await?;
    library.add("book").await?;
    let path = library.path("book");
    eventually("the replica shows the book", async || {
        Ok((admin.api.get(&path).await?.status == 200).then_some(()))
    })
    .await?;
    // A held watch makes the delete wait.
    admin.wire.hold();
    let delete = tokio::spawn(admin.api.delete(format!("{path}?force=true")).into_future());
    eventually("it is deleted", async || {
        Ok(library.books().get_opt("book").await?.is_none().then_some(()))
    })
    .await?;
    delete.abort();
    eventually("the history has the deletion", async || {
        let history = library.admin.get(format!("{path}/history")).await?.json(200);
        let events = history["list"].as_array().cloned().unwrap_or_default();
        let is_there = |event: &Value| event["event"] == "deleted" && event["forced"] == true;
        Ok(events.iter().any(is_there).then_some(()))
    })
    .await
}
