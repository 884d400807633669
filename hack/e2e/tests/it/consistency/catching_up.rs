//! `X-Resource-Version` on replicas whose watches are behind.

use anyhow::Result;
use e2e::{Library, eventually};

use super::{VERSION, behind, get_at, ids, replicas};

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
    // A write is judged by what its client knows, too.
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
    // Their watches have reported everything up to the deletion, and do not report that.
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
        // Without a version, the replica serves its own state.
        replica.get(&path).await?.json(200);
        let version = deleted.header(VERSION);
        assert!(ids(&get_at(replica, &library.list_path(), version).await?).is_empty());
        get_at(replica, &path, version).await?.problem(404, "not_found");
    }

    // The version is there although the watch of the deleting replica is late.
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
