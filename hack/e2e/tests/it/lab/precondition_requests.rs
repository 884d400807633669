//! The cost of `If-Match`, `?force=true`, `Idempotency-Key` and uncached descriptions, counted by the API server.

use anyhow::{Context as _, Result};
use e2e::{Library, eventually};
use kube::ResourceExt as _;
use serde_json::json;

use super::Turn;
use super::requests::{TIMES, assert_costs, loan_is_known};

/// Returns the book's current entity tag from the service.
async fn etag(library: &Library, id: &str) -> Result<String> {
    let read = library.admin.get(library.path(id)).await?;
    Ok(read.header("etag").to_owned())
}

#[tokio::test]
async fn a_write_with_if_match_is_one_request() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library) = turn.services(&[]).await?;
    let created = library.add("book").await?;
    let path = library.path("book");
    let put = async |etag: &str, title: &str, query: &str| {
        let put = library.admin.put(format!("{path}{query}"));
        let put = put.json(&json!({"author": "A", "title": title}));
        put.header("If-Match", etag).await
    };
    assert_costs(&library, "saved", &[("PATCH books", TIMES)], async || {
        for number in 0..TIMES {
            let current = etag(&library, "book").await?;
            let saved = put(&current, &number.to_string(), "").await?;
            saved.json(200);
        }
        Ok(())
    })
    .await?;
    // The API server is asked for the current version.
    assert_costs(&library, "stale", &[("GET books", TIMES)], async || {
        for _ in 0..TIMES {
            let refused = put(created.header("etag"), "Stale", "").await?;
            refused.problem(412, "update_conflict");
        }
        Ok(())
    })
    .await?;
    assert_costs(&library, "forced", &[("PATCH books", TIMES)], async || {
        for number in 0..TIMES {
            let title = format!("Forced {number}");
            let forced = put(created.header("etag"), &title, "?force=true").await?;
            assert_eq!(forced.json(200)["title"], title);
        }
        Ok(())
    })
    .await?;
    let current = etag(&library, "book").await?;
    assert_costs(&library, "delete", &[("DELETE books", 1)], async || {
        let delete = library.admin.delete(&path).header("If-Match", &current);
        delete.await?.empty(204);
        Ok(())
    })
    .await?;
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn a_forced_update_is_one_request_even_where_the_book_has_just_changed() -> Result<()> {
    let turn = Turn::take().await?;
    let (mut admin, _user, library) = turn.services(&[]).await?;
    library.add("book").await?;
    // The first annotation of a book would cost another request, since a JSON patch cannot test a member of a missing
    // map.
    let touch = json!({"metadata": {"annotations": {"touched": "first"}}});
    let touched = library.kubectl_patch("book", &touch).await?;
    let version = touched.metadata.resource_version.unwrap_or_default();
    eventually("admin-api has the annotated book", async || {
        let etag = library
            .admin
            .get(library.path("book"))
            .await?
            .header("etag")
            .to_owned();
        Ok(etag.contains(&version).then_some(()))
    })
    .await?;
    // Half of the changes are made by another client, and are not in the cache. The test itself sends the reads.
    let expected = [("PATCH books", 2 * TIMES), ("GET books", TIMES)];
    assert_costs(&library, "forced", &expected, async || {
        for number in 0..TIMES {
            admin.pause()?;
            let touch = json!({"metadata": {"annotations": {"touched": number.to_string()}}});
            library.kubectl_patch("book", &touch).await?;
            let put = library.admin.put(format!("{}?force=true", library.path("book")));
            let put = tokio::spawn(put.json(&library.body("book")).into_future());
            admin.resume()?;
            put.await??.json(200);
            let object = library.books().get_metadata("book").await?;
            let touched = object.annotations().get("touched").context("an annotation")?;
            assert_eq!(*touched, number.to_string());
        }
        Ok(())
    })
    .await?;
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn a_forced_delete_is_a_request_for_book_and_loan_each_and_taking_a_loan_back_is_one() -> Result<()> {
    let turn = Turn::take().await?;
    let (admin, _user, library) = turn.services(&[]).await?;
    for id in ["lent", "free", "back"] {
        library.add(id).await?;
    }
    for id in ["lent", "back"] {
        let borrow = library.user.post(library.path(&format!("{id}/borrow")));
        borrow.tenant("bob").await?.json(201);
        loan_is_known(&admin, &library, id).await?;
    }
    let expected = [("DELETE books", 2), ("DELETE bookloans", 2)];
    assert_costs(&library, "forced", &expected, async || {
        for id in ["lent", "free"] {
            let delete = library.admin.delete(format!("{}?force=true", library.path(id)));
            delete.await?.empty(204);
        }
        library.admin.delete(library.loan_path("back")).await?.empty(204);
        Ok(())
    })
    .await?;
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn without_cached_descriptions_a_book_costs_a_request_and_a_list_none() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library) = turn.services(&["--cache-descriptions=false"]).await?;
    library.add("book").await?;
    for api in library.apis() {
        let path = library.path("book");
        let etag = api.get(&path).await?.header("etag").to_owned();
        assert_costs(&library, "books", &[("GET books", TIMES)], async || {
            for _ in 0..TIMES {
                api.get(&path).await?.json(200);
                // The tag is known to be current without the description.
                let known = api.get(&path).header("If-None-Match", &etag);
                known.await?.not_modified(&etag);
                api.get(library.list_path()).await?.json(200);
                api.get("/book").await?.json(200);
                let missing = api.get(library.path("missing")).await?;
                missing.problem(404, "not_found");
            }
            Ok(())
        })
        .await?;
    }
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn a_write_with_an_idempotency_key_is_one_request_and_its_repetition_one_read() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library) = turn.services(&[]).await?;
    let create = async |key: u64| {
        let body = library.body(&format!("book-{key}"));
        let create = library.admin.post(library.list_path()).json(&body);
        create.header("Idempotency-Key", key.to_string()).await
    };
    let borrow = async |key: u64| {
        let borrow = library.user.post(library.path(&format!("book-{key}/borrow")));
        let borrow = borrow.tenant("bob").header("Idempotency-Key", key.to_string());
        borrow.await
    };
    for (what, requests) in [("first", "POST books"), ("again", "GET books")] {
        assert_costs(&library, what, &[(requests, TIMES)], async || {
            for key in 0..TIMES {
                create(key).await?.json(201);
            }
            Ok(())
        })
        .await?;
    }
    for key in 0..TIMES {
        library.appeared(&format!("book-{key}")).await?;
    }
    for (what, requests) in [("first", "POST bookloans"), ("again", "GET bookloans")] {
        assert_costs(&library, what, &[(requests, TIMES)], async || {
            for key in 0..TIMES {
                borrow(key).await?.json(201);
            }
            Ok(())
        })
        .await?;
    }
    turn.leave();
    Ok(())
}
