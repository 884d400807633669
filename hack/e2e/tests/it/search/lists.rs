//! Results of a search: pages and entity tags.

#[tokio::test]
async fn pages_of_a_search_are_stable_while_books_come_and_go() -> Result<()> {
    let library = Library::open().await?;
    for id in ["a", "c", "e", "g", "i", "k"] {
        add(&library, id, "Author", "Kept", "").await?;
        add(&library, &format!("{id}-not"), "Author", "Other", "").await?;
    }
    for api in library.apis() {
        let mut seen = Vec::new();
        let mut next = String::new();
        for round in 0.. {
            let page = api
                .get(path(&library, "kept", &format!("&limit=1{next}")))
                .await?
                .json(200);
            seen.extend(ids(&page)?);
            let Some(token) = page["continue"].as_str() else {
                break;
            };
            next = format!("&continue={token}");
            // Creates and deletes a book before the place of the page, and one after it.
            for id in ["0", "zz"] {
                let id = format!("{id}-{round}");
                add(&library, &id, "Author", "Other", "").await?;
                library.admin.delete(library.path(&id)).await?.empty(204);
            }
        }
        assert_eq!(seen, ["a", "c", "e", "g", "i", "k"]);
    }
    // The last book of the page is deleted, and one that did not match becomes a match.
    let admin = &library.admin;
    let page = admin.get(path(&library, "kept", "&limit=2")).await?.json(200);
    assert_eq!(ids(&page)?, ["a", "c"]);
    admin.delete(library.path("c")).await?.empty(204);
    let kept = json!({"author": "Author", "title": "Kept now"});
    admin.put(library.path("g-not")).json(&kept).await?.json(200);
    let token = page["continue"].as_str().context("more")?;
    let rest = found(admin, &library, "kept", &format!("&continue={token}")).await?;
    assert_eq!(rest, ["e", "g", "g-not", "i", "k"]);
    Ok(())
}

use anyhow::{Context as _, Result};
use e2e::{Api, Library, eventually};
use serde_json::json;

use super::{add, found, ids, library, path};

#[tokio::test]
async fn the_tag_of_a_search_changes_with_its_members_alone() -> Result<()> {
    let library = library().await?;
    for (api, more) in [
        (&library.admin, ""),
        (&library.admin, "&limit=1"),
        (&library.user, ""),
    ] {
        let path = path(&library, "peace", more);
        let first = api.get(&path).await?;
        first.json(200);
        let etag = first.header("etag").to_owned();
        let again = async || api.get(&path).header("If-None-Match", &etag).await;
        again().await?.not_modified(&etag);
        let other = json!({"author": "Grass, Günter", "title": format!("Die Straße {etag:.5}{more}")});
        library
            .admin
            .put(library.path("f-street"))
            .json(&other)
            .await?
            .json(200);
        again().await?.not_modified(&etag);

        let member = json!({"author": "Tolstoy, Leo", "title": format!("War and Peace {}", etag.len()), "description": etag});
        library
            .admin
            .put(library.path("a-war"))
            .json(&member)
            .await?
            .json(200);
        let changed = eventually("the search has changed", async || {
            let answer = again().await?;
            Ok((answer.status == 200).then_some(answer))
        })
        .await?;
        assert_ne!(changed.header("etag"), etag);
        assert_eq!(
            api.get(&path)
                .header("If-Match", &etag)
                .await?
                .problem(412, "update_conflict")
                .etag
                .as_deref(),
            Some(changed.header("etag"))
        );
    }
    // For tenants, a loan changes the book.
    let tag = async |api: &Api| {
        Ok::<_, anyhow::Error>(
            api.get(path(&library, "peace", ""))
                .await?
                .header("etag")
                .to_owned(),
        )
    };
    let (admin, user) = (tag(&library.admin).await?, tag(&library.user).await?);
    library.lend("g-peace", "bob").await?;
    assert_eq!(tag(&library.admin).await?, admin);
    assert_ne!(tag(&library.user).await?, user);
    Ok(())
}
