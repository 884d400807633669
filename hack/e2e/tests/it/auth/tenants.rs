//! Tenants: callers' own names, and the names that they may act as.

use anyhow::Result;
use e2e::{book, eventually};
use serde_json::json;

use super::{ADMIN, House, USER};

#[tokio::test]
async fn a_tenant_has_the_name_of_its_user_unless_it_may_act_as_another() -> Result<()> {
    let house = House::open().await?;
    let library = &house.library;
    for id in ["own", "bobs"] {
        library.plant(&book(id)).await?;
    }
    let person = house.person("reader").await?;
    let rights = ["get", "list", "watch"];
    person.grant(&library.namespace, &rights, &["books"], &[]).await?;
    person
        .grant(&library.namespace, &["act-as"], &["tenants"], &["bob"])
        .await?;
    let api = house.api_for(&person, USER).await?;
    let own = person.user_name();

    let borrowed = api.post(library.path("own/borrow")).await?.json(201);
    assert_eq!(borrowed["borrowed_by"], own);
    let borrowed = api
        .post(library.path("bobs/borrow"))
        .tenant("bob")
        .await?
        .json(201);
    assert_eq!(borrowed["borrowed_by"], "bob");
    let ids = async |tenant: Option<&str>| {
        let request = api.get(library.loans_path());
        let request = match tenant {
            Some(tenant) => request.tenant(tenant),
            None => request,
        };
        let list = request.await?.json(200);
        let loans = list["list"].as_array().cloned().unwrap_or_default();
        Ok::<_, anyhow::Error>(
            loans
                .iter()
                .map(|loan| loan["book_id"].clone())
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(ids(None).await?, [json!("own")]);
    assert_eq!(ids(Some(&own)).await?, [json!("own")]);
    assert_eq!(ids(Some("bob")).await?, [json!("bobs")]);

    for request in [
        api.post(library.path("own/borrow")),
        api.post(library.path("own/return")),
        api.get(library.loans_path()),
        api.get(library.loan_path("own")),
        api.get(library.loans_path())
            .header("Accept", "text/event-stream"),
        api.post(library.path("own/borrow"))
            .header("Idempotency-Key", "k"),
    ] {
        let refused = request.tenant("alice").await?;
        let problem = refused.problem(403, "forbidden");
        let message = problem.message.clone();
        assert!(
            message.contains("act-as tenants") && message.contains("\"alice\""),
            "{message}"
        );
    }
    // As in header mode, another tenant's loan is not found by name.
    api.get(library.loan_path("bobs"))
        .await?
        .problem(404, "not_found");
    api.get(library.loan_path("own"))
        .tenant("bob")
        .await?
        .problem(404, "not_found");
    api.post(library.path("own/return"))
        .tenant("bob")
        .await?
        .problem(403, "forbidden");
    Ok(())
}

#[tokio::test]
async fn a_tenant_header_that_breaks_the_rule_is_refused_before_rights_are() -> Result<()> {
    let house = House::open().await?;
    let library = &house.library;
    let stranger = house.person("stranger").await?;
    let api = house.api_for(&stranger, USER).await?;
    let long = "x".repeat(10_000);
    for value in ["", " ", "a b", "ä", &long] {
        for request in [
            api.post(library.path("book/borrow")),
            api.post(library.path("book/return")),
            api.get(library.loans_path()),
            api.get(library.loan_path("book")),
        ] {
            request.tenant(value).await?.problem(400, "invalid_request");
        }
    }
    let twice = api.get(library.loans_path()).tenant("a").tenant("a").await?;
    twice.problem(400, "invalid_request");
    // Other requests ignore the header.
    api.get(library.list_path())
        .tenant("a b")
        .await?
        .problem(403, "forbidden");
    Ok(())
}

#[tokio::test]
async fn a_user_name_that_is_no_tenants_is_refused_where_a_tenant_is_needed() -> Result<()> {
    let house = House::open().await?;
    let library = &house.library;
    // The name of a ServiceAccount may have 253 characters, and a tenant may not be longer. With its prefix, this one
    // is.
    let api = house
        .api_for(&house.person(&"a".repeat(253)).await?, USER)
        .await?;
    api.get(library.loans_path()).await?.invalid("X-TENANT-ID");
    let named = api.get(library.loans_path()).tenant("bob").await?;
    named.problem(403, "forbidden");
    api.get(library.list_path()).await?.problem(403, "forbidden");
    Ok(())
}

#[tokio::test]
async fn a_key_belongs_to_the_user_who_creates_with_it() -> Result<()> {
    let house = House::open().await?;
    let library = &house.library;
    let mut apis = Vec::new();
    for name in ["first", "second"] {
        let person = house.person(name).await?;
        person
            .grant(&library.namespace, &["create"], &["books"], &[])
            .await?;
        apis.push(house.api_for(&person, ADMIN).await?);
    }
    let body = library.body("book");
    let create = async |number: usize| {
        let create = apis[number]
            .post(library.list_path())
            .header("Idempotency-Key", "k");
        create.json(&body).await
    };
    create(0).await?.json(201);
    create(0).await?.json(201);
    create(1).await?.problem(409, "already_exists");
    Ok(())
}

#[tokio::test]
async fn writes_and_refusals_are_logged_with_user_and_tenant() -> Result<()> {
    let house = House::open().await?;
    let library = &house.library;
    library.plant(&book("book")).await?;
    let person = house.person("logged").await?;
    person
        .grant(&library.namespace, &["get"], &["books"], &[])
        .await?;
    let api = house.api_for(&person, USER).await?;
    let user = person.user_name();
    api.post(library.path("book/borrow")).await?.json(201);
    api.get(library.loan_path("book"))
        .tenant("bob")
        .await?
        .problem(403, "forbidden");
    for (path, status, tenant) in [
        (library.path("book/borrow"), 201, user.as_str()),
        (library.loan_path("book"), 403, "bob"),
    ] {
        eventually("the access log has it", async || {
            let mut log = house.pair.user.log();
            log.find(|line| {
                line["message"] == "request"
                    && line["path"] == path
                    && line["status"] == status
                    && line["user"] == user
                    && line["tenant"] == tenant
            })
        })
        .await?;
    }
    Ok(())
}
