//! `Idempotency-Key`: a create or borrow that is repeated happens only once.

mod lost_answers;

use anyhow::{Context as _, Result};
use e2e::{Answer, Api, Cluster, Library, Program, Request, Service, book, loan};
use futures::future::try_join_all;
use kube::{
    ResourceExt as _,
    api::{DeleteParams, PostParams},
};
use serde_json::{Value, json};

fn create(library: &Library, api: &Api, key: &str, body: &Value) -> Request {
    let create = api.post(library.list_path()).json(body);
    create.header("Idempotency-Key", key)
}

fn borrow(library: &Library, api: &Api, key: &str, tenant: &str) -> Request {
    let borrow = api.post(library.path("book/borrow")).tenant(tenant);
    borrow.header("Idempotency-Key", key)
}

/// Asserts that the response of a repeated request is the same as the first.
fn assert_same(first: &Answer, again: &Answer) {
    assert_eq!(first.json(201), again.json(201));
    for header in ["location", "etag"] {
        assert_eq!(first.header(header), again.header(header), "{header}");
    }
    assert!(!first.header("etag").is_empty());
}

async fn replica(program: Program) -> Result<Service> {
    Service::start(program, &Cluster::shared()?, &[]).await
}

#[tokio::test]
async fn a_create_that_is_repeated_is_answered_as_the_first_on_every_replica() -> Result<()> {
    let library = Library::open().await?;
    let other = replica(Program::Admin).await?;
    let mut body = library.body("book");
    body["category_id"] = "math".into();
    body["description"] = "D".into();
    let first = create(&library, &library.admin, "key", &body).await?;
    assert_eq!(first.header("location"), library.path("book"));
    for api in [&library.admin, &other.api()?] {
        assert_same(&first, &create(&library, api, "key", &body).await?);
        // The content of the body counts, not its formatting.
        let spaced = serde_json::to_string_pretty(&body)?;
        let post = api.post(library.list_path()).body("application/json", spaced);
        assert_same(&first, &post.header("Idempotency-Key", "key").await?);
    }
    let annotations = library.books().get("book").await?;
    let annotations = format!("{:?}", annotations.annotations());
    assert!(
        !annotations.contains("\"key\""),
        "the key is nobody else's business: {annotations}"
    );
    Ok(())
}

#[tokio::test]
async fn a_repeated_create_is_answered_with_the_book_as_it_was_created() -> Result<()> {
    let library = Library::open().await?;
    let other = replica(Program::Admin).await?;
    let body = library.body("book");
    let first = create(&library, &library.admin, "key", &body).await?;
    let touch = json!({"metadata": {"annotations": {"note": "touched"}}});
    let touched = library.kubectl_patch("book", &touch).await?;
    let again = create(&library, &other.api()?, "key", &body).await?;
    assert_eq!(again.json(201), first.json(201));
    let version = touched.resource_version().context("a version")?;
    assert!(
        again.header("etag").contains(&version),
        "what is there reads the same"
    );

    let changed = json!({"author": "Another", "title": "Another", "category_id": "math"});
    library.put("book", &changed).await?.json(200);
    for api in [&library.admin, &other.api()?] {
        let again = create(&library, api, "key", &body).await?;
        assert_eq!(again.json(201), first.json(201));
        assert_eq!(again.header("location"), first.header("location"));
        // A current tag would let the client overwrite a version that it has not seen.
        assert_eq!(again.header("etag"), "");
    }
    let stored = library.books().get("book").await?;
    assert_eq!(stored.spec.author, "Another");
    Ok(())
}

#[tokio::test]
async fn a_key_with_another_body_is_refused() -> Result<()> {
    let library = Library::open().await?;
    let other = replica(Program::Admin).await?;
    create(&library, &library.admin, "key", &library.body("book"))
        .await?
        .json(201);
    library.appeared("book").await?;
    e2e::eventually("the other replica shows it", async || {
        Ok((other.api()?.get(library.path("book")).await?.status == 200).then_some(()))
    })
    .await?;
    let mut another = library.body("book");
    another["title"] = "Another".into();
    for api in [&library.admin, &other.api()?] {
        for body in [&another, &library.body("other-id")] {
            let refused = create(&library, api, "key", body).await?;
            refused.problem(422, "key_reused");
        }
    }
    assert!(library.books().get_opt("other-id").await?.is_none());
    assert_eq!(library.books().get("book").await?.spec.title, "A Title");
    // Another namespace means another path, and so another request.
    let elsewhere = Library::open().await?;
    create(&elsewhere, &elsewhere.admin, "key", &another)
        .await?
        .json(201);
    Ok(())
}

#[tokio::test]
async fn a_book_created_without_the_key_is_still_a_conflict() -> Result<()> {
    let library = Library::open().await?;
    create(&library, &library.admin, "key", &library.body("book"))
        .await?
        .json(201);
    library.plant(&book("kubectls")).await?;
    let post = |id: &str| library.admin.post(library.list_path()).json(&library.body(id));
    for request in [
        post("book"),
        post("book").header("Idempotency-Key", "another"),
        post("kubectls"),
        post("kubectls").header("Idempotency-Key", "third"),
    ] {
        request.await?.problem(409, "already_exists");
    }
    library.appeared("book").await?;
    borrow(&library, &library.user, "key", "bob").await?.json(201);
    for (key, tenant) in [("another", "bob"), ("key", "alice")] {
        let refused = borrow(&library, &library.user, key, tenant).await?;
        refused.problem(409, "already_borrowed");
    }
    Ok(())
}

#[tokio::test]
async fn a_key_is_1_to_128_visible_ascii_characters() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for bad in ["", " ", "a b", "\u{e4}", &"a".repeat(129)] {
        create(&library, &library.admin, bad, &library.body("new"))
            .await?
            .invalid("Idempotency-Key");
        borrow(&library, &library.user, bad, "bob")
            .await?
            .invalid("Idempotency-Key");
    }
    let twice = create(&library, &library.admin, "a", &library.body("new"));
    twice
        .header("Idempotency-Key", "a")
        .await?
        .invalid("Idempotency-Key");
    assert!(library.books().get_opt("new").await?.is_none());
    assert!(library.loans().get_opt("book").await?.is_none());
    let longest = "~".repeat(128);
    create(&library, &library.admin, &longest, &library.body("new"))
        .await?
        .json(201);
    borrow(
        &library,
        &library.user,
        "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"",
        "bob",
    )
    .await?
    .json(201);
    Ok(())
}

#[tokio::test]
async fn errors_are_not_repeated() -> Result<()> {
    let library = Library::open().await?;
    let body = library.body("book");
    library
        .books()
        .create(&PostParams::default(), &book("book"))
        .await?;
    let attempt = || create(&library, &library.admin, "key", &body);
    attempt().await?.problem(409, "already_exists");
    library.books().delete("book", &DeleteParams::default()).await?;
    attempt().await?.json(201);

    library.appeared("book").await?;
    library
        .loans()
        .create(&PostParams::default(), &loan("book", "alice"))
        .await?;
    let attempt = || borrow(&library, &library.user, "key", "bob");
    attempt().await?.problem(409, "already_borrowed");
    library.give_back("book", "alice").await?.empty(204);
    attempt().await?.json(201);
    Ok(())
}

#[tokio::test]
async fn a_key_lasts_as_long_as_its_object() -> Result<()> {
    let library = Library::open().await?;
    let body = library.body("book");
    let first = create(&library, &library.admin, "key", &body).await?;
    library.admin.delete(library.path("book")).await?.empty(204);
    // Even with another body, since the key was stored in the deleted book.
    let mut another = body.clone();
    another["title"] = "Another".into();
    let second = create(&library, &library.admin, "key", &another).await?;
    assert_eq!(second.json(201)["title"], "Another");
    assert_ne!(first.header("etag"), second.header("etag"));

    library.vanished("no-such").await?;
    library.appeared("book").await?;
    let first = borrow(&library, &library.user, "key", "bob").await?;
    library.give_back("book", "bob").await?.empty(204);
    let second = borrow(&library, &library.user, "key", "bob").await?;
    second.json(201);
    assert_ne!(first.header("etag"), second.header("etag"));
    Ok(())
}

#[tokio::test]
async fn a_borrow_that_is_repeated_is_answered_as_the_first_on_every_replica() -> Result<()> {
    let library = Library::open().await?;
    let other = replica(Program::User).await?;
    library.add("book").await?;
    let other = other.api()?;
    for api in [&library.user, &other] {
        e2e::eventually("the book is known", async || {
            Ok((api.get(library.path("book")).await?.status == 200).then_some(()))
        })
        .await?;
    }
    let first = borrow(&library, &library.user, "key", "bob").await?;
    for api in [&library.user, &other] {
        assert_same(&first, &borrow(&library, api, "key", "bob").await?);
    }
    Ok(())
}

#[tokio::test]
async fn sixteen_concurrent_repetitions_get_one_answer() -> Result<()> {
    let library = Library::open().await?;
    let others = tokio::try_join!(replica(Program::Admin), replica(Program::User))?;
    let (admins, users) = (
        [&library.admin, &others.0.api()?],
        [&library.user, &others.1.api()?],
    );
    let body = library.body("book");
    for round in 0..10 {
        let key = format!("key-{round}");
        let creates = (0..16).map(|number| create(&library, admins[number % 2], &key, &body).into_future());
        let answers = try_join_all(creates).await?;
        for answer in &answers[1..] {
            assert_same(&answers[0], answer);
        }
        for api in users {
            e2e::eventually("the book is known", async || {
                Ok((api.get(library.path("book")).await?.status == 200).then_some(()))
            })
            .await?;
        }
        let borrows = (0..16).map(|number| borrow(&library, users[number % 2], &key, "bob").into_future());
        let answers = try_join_all(borrows).await?;
        for answer in &answers[1..] {
            assert_same(&answers[0], answer);
        }
        library.books().delete("book", &DeleteParams::default()).await?;
        for api in [admins, users].concat() {
            e2e::eventually("the book is gone", async || {
                Ok((api.get(library.path("book")).await?.status == 404).then_some(()))
            })
            .await?;
        }
    }
    Ok(())
}
