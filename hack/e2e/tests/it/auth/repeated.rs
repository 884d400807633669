//! Responses that a caller may have from an earlier time or from another caller: repeated ones, pages, tags, resumed
//! streams. Each requires the current right.

use anyhow::{Context as _, Result};
use e2e::{book, eventually};
use serde_json::json;

use super::{ADMIN, House, USER};

#[tokio::test]
async fn a_repeated_create_needs_the_right_that_the_first_one_needed() -> Result<()> {
    let house = House::open().await?;
    let library = &house.library;
    let person = house.person("creator").await?;
    let grant = person
        .grant(&library.namespace, &["create"], &["books"], &[])
        .await?;
    let api = house.api_for(&person, ADMIN).await?;
    let create = async || {
        let create = api.post(library.list_path()).header("Idempotency-Key", "key");
        create.json(&library.body("book")).await
    };
    create().await?.json(201);
    create().await?.json(201);
    grant.revoke().await?;
    let refused = eventually("the right has ended", async || {
        let answer = create().await?;
        Ok((answer.status != 201).then_some(answer))
    })
    .await?;
    refused.problem(403, "forbidden");
    assert_eq!(refused.header("etag"), "");
    assert_eq!(refused.header("location"), "");
    Ok(())
}

#[tokio::test]
async fn a_key_of_a_borrow_belongs_to_the_tenant_and_opens_nothing_to_others() -> Result<()> {
    let house = House::open().await?;
    let library = &house.library;
    library.plant(&book("book")).await?;
    let mut apis = Vec::new();
    for (name, tenants) in [("first", ["bob"]), ("second", ["bob"]), ("third", ["carol"])] {
        let person = house.person(name).await?;
        let namespace = &library.namespace;
        person.grant(namespace, &["get"], &["books"], &[]).await?;
        person
            .grant(namespace, &["act-as"], &["tenants"], &tenants)
            .await?;
        apis.push(house.api_for(&person, USER).await?);
    }
    let borrow = async |number: usize, tenant: &str| {
        let borrow = apis[number].post(library.path("book/borrow")).tenant(tenant);
        borrow.header("Idempotency-Key", "key").await
    };
    let loan = borrow(0, "bob").await?.json(201);
    // Callers who may act as the same tenant share its keys.
    assert_eq!(borrow(1, "bob").await?.json(201), loan);
    borrow(2, "bob").await?.problem(403, "forbidden");
    borrow(2, "carol").await?.problem(409, "already_borrowed");
    Ok(())
}

#[tokio::test]
async fn a_tag_and_a_page_of_another_caller_open_nothing() -> Result<()> {
    let house = House::open().await?;
    let library = &house.library;
    for id in ["a", "b", "c"] {
        library.plant(&book(id)).await?;
    }
    let tenant = |name: &'static str| {
        let house = &house;
        async move {
            let person = house.person(name).await?;
            let rights = ["get", "list", "watch"];
            person
                .grant(&house.library.namespace, &rights, &["books"], &[])
                .await?;
            house.api_for(&person, USER).await
        }
    };
    let (alice, bob) = (tenant("alice").await?, tenant("bob").await?);
    let stranger = house.person("stranger").await?;
    let stranger = house.api_for(&stranger, USER).await?;
    alice.post(library.path("a/borrow")).await?.json(201);
    let loan = alice.get(library.loan_path("a")).await?;
    loan.json(200);
    let loans = alice.get(library.loans_path()).await?;
    loans.json(200);
    let list = alice.get(format!("{}?limit=2", library.list_path())).await?;
    let next = list.json(200)["continue"].as_str().context("a page")?.to_owned();
    let next = format!("{}?limit=2&continue={next}", library.list_path());

    let tagged = |path: String, of: &e2e::Answer| bob.get(path).header("If-None-Match", of.header("etag"));
    tagged(library.loan_path("a"), &loan)
        .await?
        .problem(404, "not_found");
    let own = tagged(library.loans_path(), &loans).await?;
    assert_eq!(own.json(200), json!({"list": []}));
    assert_eq!(bob.get(&next).await?.json(200)["list"][0]["id"], "c");
    stranger.get(&next).await?.problem(403, "forbidden");
    for (path, of) in [
        (library.loan_path("a"), &loan),
        (library.loans_path(), &loans),
        (format!("{}?limit=2", library.list_path()), &list),
    ] {
        let refused = stranger.get(path).header("If-None-Match", of.header("etag"));
        refused.await?.problem(403, "forbidden");
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_is_resumed_with_the_right_as_of_now_and_tells_a_tenant_nothing_of_another() -> Result<()> {
    let house = House::open().await?;
    let library = &house.library;
    library.plant(&book("first")).await?;
    let (alice, bob) = (house.person("alice").await?, house.person("bob").await?);
    let rights = ["get", "list", "watch"];
    let grant = alice.grant(&library.namespace, &rights, &["books"], &[]).await?;
    bob.grant(&library.namespace, &rights, &["books"], &[]).await?;
    let alices = house.api_for(&alice, USER).await?;
    let bobs = house.api_for(&bob, USER).await?;
    let stream = alices.get(library.loans_path()).listen().await?;
    let last_id = { stream }.until("synced").await?[0].last_id.clone();
    alices.post(library.path("first/borrow")).await?.json(201);

    // A stream of his own loans, of which he makes one later.
    let mut resumed = bobs
        .get(library.loans_path())
        .header("Last-Event-ID", &last_id)
        .listen()
        .await?;
    library.plant(&book("second")).await?;
    bobs.post(library.path("second/borrow")).await?.json(201);
    loop {
        let received = resumed.next_event().await?;
        assert_ne!(received.data["book_id"], "first", "{received:?}");
        if received.data["book_id"] == "second" {
            break;
        }
    }

    let resume = async || {
        let books = alices.get(library.list_path()).header("Last-Event-ID", &last_id);
        books.header("Accept", "text/event-stream").await
    };
    let head = async || {
        let books = alices.head(library.list_path()).header("Last-Event-ID", &last_id);
        Ok::<_, anyhow::Error>(books.header("Accept", "text/event-stream").await?.status)
    };
    assert_eq!(head().await?, 200);
    grant.revoke().await?;
    eventually("the right has ended", async || {
        Ok((head().await? == 403).then_some(()))
    })
    .await?;
    resume().await?.problem(403, "forbidden");
    Ok(())
}
