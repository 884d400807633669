//! Concurrent requests: no two tenants get the same book, and no write mixes with another.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use e2e::Library;
use futures::future::try_join_all;
use serde_json::json;

#[tokio::test]
async fn exactly_one_of_32_concurrent_borrowers_gets_the_book_in_100_rounds() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let (borrow, give_back) = (library.path("book/borrow"), library.path("book/return"));
    let tenants: Vec<String> = (0..32).map(|number| format!("tenant-{number}")).collect();
    for round in 0..100 {
        let attempts = tenants.iter().map(async |tenant| {
            let answer = library.user.post(&borrow).tenant(tenant).await?;
            anyhow::Ok((tenant, answer))
        });
        let mut winners = Vec::new();
        for (tenant, answer) in try_join_all(attempts).await? {
            if answer.status == 201 {
                assert_eq!(answer.json(201)["borrowed_by"], tenant.as_str(), "round {round}");
                winners.push(tenant);
            } else {
                let problem = answer.problem(409, "already_borrowed");
                assert_eq!(problem.message, "already borrowed", "round {round}");
            }
        }
        assert_eq!(winners.len(), 1, "round {round}: {winners:?}");
        assert_eq!(
            &library.loans().get("book").await?.spec.borrowed_by,
            winners[0],
            "round {round}"
        );
        library.user.post(&give_back).tenant(winners[0]).await?.empty(204);
    }
    Ok(())
}

#[tokio::test]
async fn exactly_one_of_16_concurrent_creates_succeeds() -> Result<()> {
    let library = Library::open().await?;
    for round in 0..20 {
        let id = format!("book-{round}");
        let attempts = (0..16).map(async |number| {
            let body = json!({"id": id, "author": format!("Author {number}"), "title": "T"});
            library.admin.post(library.list_path()).json(&body).await
        });
        let answers = try_join_all(attempts).await?;
        let (created, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
        for answer in refused {
            answer.problem(409, "already_exists");
        }
        assert_eq!(created.len(), 1, "{id}");
        let author = created[0].json(201)["author"].clone();
        assert_eq!(author, library.books().get(&id).await?.spec.author);
    }
    Ok(())
}

#[tokio::test]
async fn each_of_16_concurrent_updates_is_done_or_refused_and_the_last_is_stored_whole() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let path = library.path("book");
    let mut outcomes = BTreeSet::new();
    for round in 0..20 {
        let attempts = (0..16).map(async |number| {
            let all = format!("{round}-{number}");
            let body = json!({"author": all, "title": all, "description": all, "category_id": all});
            let answer = library.admin.put(&path).json(&body).await?;
            anyhow::Ok((all, answer))
        });
        let mut done = BTreeSet::new();
        for (all, answer) in try_join_all(attempts).await? {
            outcomes.insert(answer.status);
            if answer.status == 200 {
                let book = answer.json(200);
                for field in ["author", "title", "description", "category_id"] {
                    assert_eq!(book[field], all.as_str());
                }
                done.insert(all);
            } else {
                let problem = answer.problem(409, "update_conflict");
                assert_eq!(problem.message, "update conflict");
            }
        }
        let book = library.admin.get(&path).await?.json(200);
        let last = book["author"].as_str().context("an author")?;
        assert!(done.contains(last), "{last} was acknowledged");
        for field in ["title", "description", "category_id"] {
            assert_eq!(book[field], last, "round {round}: {book}");
        }
        let object = library.books().get("book").await?;
        assert_eq!(object.spec.author, last, "round {round}");
    }
    assert!(outcomes.contains(&200), "{outcomes:?}");
    Ok(())
}
