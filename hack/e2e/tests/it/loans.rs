//! Loans, read through both APIs and taken back by librarians.

use anyhow::{Context as _, Result};
use e2e::{Api, Library, book, eventually, loan};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

async fn ids(api: &Api, path: &str, tenant: &str) -> Result<Vec<String>> {
    let answer = api.get(path).tenant(tenant).await?.json(200);
    let list = answer["list"].as_array().context("a list")?;
    let id = |loan: &Value| Ok(loan["book_id"].as_str().context("an id")?.to_owned());
    list.iter().map(id).collect()
}

async fn lend_all(library: &Library, loans: &[(&str, &str)]) -> Result<()> {
    for (id, tenant) in loans {
        library.add(id).await?;
        library.lend(id, tenant).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_loan_is_served_as_it_was_made_with_its_version() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let made = library.lend("book", "bob").await?;
    let object = library.loans().get("book").await?;
    let (uid, version) = (
        object.uid().context("a uid")?,
        object.resource_version().context("a version")?,
    );
    let etag = format!("\"{uid}.{version}\"");
    let path = library.loan_path("book");
    for api in library.apis() {
        let read = api.get(&path).tenant("bob").await?;
        assert_eq!(read.json(200), made);
        assert_eq!(read.header("etag"), etag);
        let again = api.get(&path).tenant("bob").header("If-None-Match", &etag);
        again.await?.not_modified(&etag);
        let list = api.get(library.loans_path()).tenant("bob").await?;
        assert_eq!(list.json(200), json!({"list": [made]}));
        let again = api.get(library.loans_path()).tenant("bob");
        let again = again.header("If-None-Match", list.header("etag")).await?;
        again.not_modified(list.header("etag"));
    }
    Ok(())
}

#[tokio::test]
async fn librarians_see_all_loans_and_those_of_a_tenant() -> Result<()> {
    let library = Library::open().await?;
    lend_all(
        &library,
        &[("c", "bob"), ("a", "bob"), ("b", "alice"), ("a.9", "b/ob")],
    )
    .await?;
    let path = library.loans_path();
    for (query, expected) in [
        ("", vec!["a", "a.9", "b", "c"]),
        ("?borrowed_by=", vec!["a", "a.9", "b", "c"]),
        ("?borrowed_by=bob", vec!["a", "c"]),
        ("?borrowed_by=alice", vec!["b"]),
        ("?borrowed_by=b%2Fob", vec!["a.9"]),
        ("?borrowed_by=carol", vec![]),
        ("?borrowed_by=bo", vec![]),
        ("?borrowed_by=b%20ob", vec![]),
        ("?borrowed_by=Ana%20Mar%C3%ADa", vec![]),
    ] {
        // The librarians' API ignores the header.
        let path = format!("{path}{query}");
        assert_eq!(ids(&library.admin, &path, "carol").await?, expected, "{query}");
    }
    Ok(())
}

#[tokio::test]
async fn tenants_see_their_own_loans_and_no_others() -> Result<()> {
    let library = Library::open().await?;
    lend_all(&library, &[("c", "bob"), ("a", "bob"), ("b", "alice")]).await?;
    let path = library.loans_path();
    for (tenant, own) in [("bob", vec!["a", "c"]), ("alice", vec!["b"]), ("carol", vec![])] {
        assert_eq!(ids(&library.user, &path, tenant).await?, own, "{tenant}");
        let forged = format!("{path}?borrowed_by=bob");
        assert_eq!(ids(&library.user, &forged, tenant).await?, own, "{tenant}");
        for id in ["a", "b", "c"] {
            let answer = library.user.get(library.loan_path(id)).tenant(tenant).await?;
            if own.contains(&id) {
                assert_eq!(answer.json(200)["borrowed_by"], tenant);
            } else {
                // The same response as for a loan that does not exist.
                let message = answer.problem(404, "not_found").message;
                let expected = format!("not found: the loan of the book {id:?} does not exist");
                assert_eq!(message, expected);
            }
        }
    }
    for path in [path, library.loan_path("a")] {
        let message = library.user.get(&path).await?.invalid("X-TENANT-ID");
        assert!(message.contains("is required"), "{message}");
    }
    Ok(())
}

#[tokio::test]
async fn a_missing_loan_is_not_found_and_in_no_list() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for api in library.apis() {
        for path in [library.loans_path(), "/loan/no-such-namespace".to_owned()] {
            let answer = api.get(path).tenant("bob").await?;
            assert_eq!(answer.text(), r#"{"list":[]}"#);
        }
        for id in ["book", "missing"] {
            let answer = api.get(library.loan_path(id)).tenant("bob").await?;
            let message = answer.problem(404, "not_found").message;
            let expected = format!("not found: the loan of the book {id:?} does not exist");
            assert_eq!(message, expected);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_librarian_takes_a_book_back_from_any_tenant() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let path = library.loan_path("book");
    for tenant in ["bob", "alice"] {
        // At once, whether the cache of the librarians' API has the loan or not.
        let borrow = library.user.post(library.path("book/borrow")).tenant(tenant);
        borrow.await?.json(201);
        library.admin.delete(&path).await?.empty(204);
        assert_eq!(library.loans().get_opt("book").await?, None);
        library.admin.get(&path).await?.problem(404, "not_found");
        library.admin.delete(&path).await?.problem(404, "not_found");
        eventually("the tenants' API knows that it is back", async || {
            let answer = library.user.get(library.path("book")).await?.json(200);
            Ok((answer["available"] == true).then_some(()))
        })
        .await?;
    }
    let missing = library.admin.delete(library.loan_path("missing")).await?;
    let message = missing.problem(404, "not_found").message;
    assert_eq!(
        message,
        "not found: the loan of the book \"missing\" does not exist"
    );
    Ok(())
}

#[tokio::test]
async fn a_librarian_takes_back_the_loan_that_if_match_names() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    library.lend("book", "bob").await?;
    let path = library.loan_path("book");
    let first = library.admin.get(&path).await?.header("etag").to_owned();
    let give_back = library.user.post(library.path("book/return")).tenant("bob");
    give_back.await?.empty(204);
    library.lend("book", "alice").await?;
    let loan = library.loans().get("book").await?;
    let etag = format!(
        "\"{}.{}\"",
        loan.uid().context("a uid")?,
        loan.resource_version().context("a version")?
    );
    let stale = library.admin.delete(&path).header("If-Match", &first).await?;
    assert_eq!(stale.problem(412, "update_conflict").etag, Some(etag.clone()));
    library
        .admin
        .delete(&path)
        .header("If-Match", "x")
        .await?
        .invalid("If-Match");
    assert_eq!(library.loans().get("book").await?, loan);

    let touch = json!({"metadata": {"annotations": {"touched": "yes"}}});
    let touched = library
        .loans()
        .patch("book", &PatchParams::default(), &Patch::Merge(&touch))
        .await?;
    let stale = library.admin.delete(&path).header("If-Match", &etag).await?;
    let current = stale.problem(412, "update_conflict").etag.context("a tag")?;
    assert!(current.ends_with(&format!(
        ".{}\"",
        touched.resource_version().context("a version")?
    )));
    let delete = library.admin.delete(&path).header("If-Match", &current);
    delete.await?.empty(204);
    Ok(())
}

#[tokio::test]
async fn a_loan_made_by_hand_is_served_and_taken_back_as_any() -> Result<()> {
    let library = Library::open().await?;
    library.plant(&book("book")).await?;
    library
        .loans()
        .create(&PostParams::default(), &loan("book", "carol"))
        .await?;
    for api in library.apis() {
        eventually("the loan is served", async || {
            let ids = ids(api, &library.loans_path(), "carol").await?;
            Ok((ids == ["book"]).then_some(()))
        })
        .await?;
    }
    library.admin.delete(library.loan_path("book")).await?.empty(204);
    library.books().delete("book", &DeleteParams::default()).await?;
    Ok(())
}

#[tokio::test]
async fn the_time_of_a_restored_loan_is_set_once_and_served() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    library.lend("book", "bob").await?;
    let loans = library.loans();
    let at = async |time: Value| {
        let patch = json!({"spec": {"borrowedAt": time}});
        loans
            .patch("book", &PatchParams::default(), &Patch::Merge(&patch))
            .await
    };
    let code = |refused: kube::Error| match refused {
        kube::Error::Api(status) => Ok(status.code),
        other => Err(other),
    };
    for not_a_time in ["yesterday", "", "2020-01-02"] {
        let refused = at(json!(not_a_time)).await.err().context("it is refused")?;
        assert_eq!(code(refused)?, 422, "{not_a_time:?}");
    }
    let kept = at(json!("2020-01-02T03:04:05+01:00")).await?;
    library
        .loans_at(&kept.resource_version().context("a version")?)
        .await?;
    for api in library.apis() {
        let loan = api.get(library.loan_path("book")).tenant("bob").await?.json(200);
        assert_eq!(loan["borrowed_at"], "2020-01-02T02:04:05Z");
    }
    for other in [json!("2021-01-02T03:04:05Z"), Value::Null] {
        let refused = at(other).await.err().context("it is refused")?;
        assert_eq!(code(refused)?, 422);
    }
    Ok(())
}
