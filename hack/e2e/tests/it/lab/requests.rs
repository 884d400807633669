//! The cost of operations, counted by the API server.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use bookshelf_crd::labels;
use e2e::{Library, Requests, Service, book, eventually};
use kube::{ResourceExt as _, api::DeleteParams};
use serde_json::json;

use super::Turn;

/// The number of times that each operation is repeated, so that an additional request in some of them shows.
pub(super) const TIMES: u64 = 10;

/// Asserts the number of requests, except watches, that the API server gets during `act`.
pub(super) async fn assert_costs(
    library: &Library,
    what: &str,
    expected: &[(&str, u64)],
    act: impl AsyncFnOnce() -> Result<()>,
) -> Result<()> {
    let before = Requests::count(&library.client).await?;
    act().await?;
    // A request is counted shortly after its response. When this read is counted, so are the earlier ones.
    assert!(library.books().get_opt("fence").await?.is_none());
    let mut expected: BTreeMap<String, u64> = expected
        .iter()
        .map(|(request, count)| ((*request).to_owned(), *count))
        .collect();
    *expected.entry("GET books".to_owned()).or_default() += 1;
    let counted = eventually("the requests are counted", async || {
        let counted = Requests::count(&library.client).await?.since(&before);
        let is_enough = expected
            .iter()
            .all(|(request, count)| counted.get(request).unwrap_or(&0) >= count);
        Ok(is_enough.then_some(counted))
    })
    .await?;
    assert_eq!(counted, expected, "{what}");
    Ok(())
}

pub(super) async fn loan_is_known(service: &Service, library: &Library, id: &str) -> Result<()> {
    let key = format!("{}/{id}", library.namespace);
    let mut log = service.log();
    log.line("the loan is known", |line| {
        line["kind"] == "loan" && line["key"] == key
    })
    .await?;
    Ok(())
}

/// Returns the number of open watches of books, loans and journals at the API server.
pub(super) async fn watches(library: &Library) -> Result<i64> {
    let request = http::Request::get("/metrics").body(Vec::new())?;
    let metrics = library.client.request_text(request).await?;
    let series = metrics.lines().filter(|line| {
        line.starts_with("apiserver_longrunning_requests{")
            && line.contains("verb=\"WATCH\"")
            && line.contains("group=\"bookshelf.lostinsoba.com\"")
    });
    let counts = series.map(|line| Ok(line.rsplit_once(' ').context("a value")?.1.parse::<i64>()?));
    counts.sum()
}

#[tokio::test]
async fn every_write_is_one_request() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library) = turn.services(&[]).await?;
    let ids: Vec<String> = (0..TIMES).map(|number| format!("book-{number}")).collect();

    assert_costs(&library, "create", &[("POST books", TIMES)], async || {
        for id in &ids {
            library
                .admin
                .post(library.list_path())
                .json(&library.body(id))
                .await?
                .json(201);
        }
        Ok(())
    })
    .await?;
    assert_costs(&library, "update", &[("PATCH books", TIMES)], async || {
        for id in &ids {
            let body = json!({"author": "Another", "title": "T", "category_id": "math"});
            library.put(id, &body).await?.json(200);
        }
        Ok(())
    })
    .await?;
    assert_costs(&library, "category", &[("PATCH books", TIMES)], async || {
        for id in &ids {
            let path = library.path(&format!("{id}/category"));
            library
                .admin
                .patch(path)
                .json(&json!({"category_id": "physics"}))
                .await?
                .json(200);
        }
        Ok(())
    })
    .await?;
    for id in &ids {
        library.appeared(id).await?;
    }
    assert_costs(&library, "borrow", &[("POST bookloans", TIMES)], async || {
        for id in &ids {
            library.borrow(id, "bob").await?.json(201);
        }
        Ok(())
    })
    .await?;
    assert_costs(&library, "return", &[("DELETE bookloans", TIMES)], async || {
        for id in &ids {
            library.give_back(id, "bob").await?.empty(204);
        }
        Ok(())
    })
    .await?;
    // A return without a loan succeeds only after a check with the API server: the cache is not enough.
    assert_costs(
        &library,
        "return again",
        &[("GET bookloans", TIMES)],
        async || {
            for id in &ids {
                library.give_back(id, "bob").await?.empty(204);
            }
            Ok(())
        },
    )
    .await?;
    let never_lent: Vec<String> = (0..TIMES).map(|number| format!("never-lent-{number}")).collect();
    for id in &never_lent {
        library.add(id).await?;
    }
    assert_costs(&library, "delete", &[("DELETE books", TIMES)], async || {
        for id in &never_lent {
            library.admin.delete(library.path(id)).await?.empty(204);
        }
        Ok(())
    })
    .await?;
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn no_read_is_a_request() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library) = turn.services(&[]).await?;
    library.add("book").await?;
    assert_costs(&library, "reads", &[], async || {
        for api in library.apis() {
            for _ in 0..200 {
                api.get(library.path("book")).await?.json(200);
                api.get(library.list_path()).await?.json(200);
                api.get(format!("{}?category_id=math", library.list_path()))
                    .await?
                    .json(200);
                let search = api.get(format!("{}?q=title", library.list_path())).await?;
                assert_eq!(search.json(200)["list"].as_array().map(Vec::len), Some(1));
                api.get(library.path("missing")).await?.problem(404, "not_found");
                api.get("/book/no-such-namespace").await?.json(200);
                api.get("/book").await?.json(200);
                api.get("/namespace").await?.json(200);
                api.get(library.loans_path()).tenant("bob").await?.json(200);
                let loan = api.get(library.loan_path("book")).tenant("bob");
                loan.await?.problem(404, "not_found");
                let known = api.get(library.path("book")).header("If-None-Match", "*");
                assert_eq!(known.await?.status, 304);
                api.get("/health").await?.json(200);
            }
        }
        Ok(())
    })
    .await?;
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn a_refusal_from_the_cache_costs_no_request() -> Result<()> {
    let turn = Turn::take().await?;
    let (admin, _user, library) = turn.services(&[]).await?;
    library.add("ours").await?;
    library.add("lent").await?;
    let mut helms = book("helms");
    helms
        .labels_mut()
        .insert(labels::MANAGED_BY.to_owned(), "Helm".to_owned());
    library.plant(&helms).await?;
    let mut going = book("going");
    going.finalizers_mut().push("e2e.example/hold".to_owned());
    library.plant(&going).await?;
    library.books().delete("going", &DeleteParams::default()).await?;
    eventually("both know that it is being deleted", async || {
        let put = library.put("going", &library.body("going")).await?;
        let borrow = library.borrow("going", "bob").await?;
        Ok((put.status == 409 && borrow.status == 409).then_some(()))
    })
    .await?;
    library.borrow("lent", "bob").await?.json(201);
    loan_is_known(&admin, &library, "lent").await?;

    let (category, bad) = (json!({"category_id": "math"}), json!({"category_id": "-"}));
    assert_costs(&library, "refusals", &[], async || {
        for _ in 0..TIMES {
            let body = |id: &str| library.body(id);
            let admin = &library.admin;
            admin
                .post(library.list_path())
                .json(&body("ours"))
                .await?
                .problem(409, "already_exists");
            for (id, status, code) in [
                ("missing", 404, "not_found"),
                ("helms", 403, "not_manageable"),
                ("going", 409, "being_deleted"),
            ] {
                let path = library.path(id);
                admin.put(&path).json(&body(id)).await?.problem(status, code);
                admin
                    .patch(format!("{path}/category"))
                    .json(&category)
                    .await?
                    .problem(status, code);
            }
            for (id, status, code) in [
                ("missing", 404, "not_found"),
                ("helms", 403, "not_manageable"),
                ("lent", 409, "on_loan"),
            ] {
                admin.delete(library.path(id)).await?.problem(status, code);
            }
            admin
                .put(library.path("ours"))
                .json(&json!({}))
                .await?
                .invalid("author");
            admin
                .patch(library.path("ours/category"))
                .json(&bad)
                .await?
                .invalid("category_id");
            for (id, status, code) in [
                ("missing", 404, "not_found"),
                ("lent", 409, "already_borrowed"),
                ("going", 409, "being_deleted"),
            ] {
                let borrow = library.user.post(library.path(&format!("{id}/borrow")));
                borrow.tenant("alice").await?.problem(status, code);
            }
            let give_back = library.user.post(library.path("lent/return"));
            give_back.tenant("alice").await?.problem(403, "forbidden");
        }
        Ok(())
    })
    .await?;
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn a_service_keeps_one_watch_of_each_resource_open_and_nothing_else() -> Result<()> {
    let turn = Turn::take().await?;
    let (admin, user, library) = turn.services(&[]).await?;
    for (services, expected) in [(vec![admin, user], 6), (vec![], 0)] {
        eventually(&format!("{expected} watches are open"), async || {
            Ok((watches(&library).await? == expected).then_some(()))
        })
        .await?;
        drop(services);
    }
    turn.leave();
    Ok(())
}
