//! Books of all namespaces, and the namespaces that have them.

use anyhow::{Context as _, Result};
use e2e::{Api, Library, eventually};
use serde_json::{Value, json};

async fn list(api: &Api, path: &str) -> Result<Vec<Value>> {
    let answer = api.get(path).await?.json(200);
    Ok(answer["list"].as_array().context("a list")?.clone())
}

/// Returns namespace and id of the list's members in these namespaces.
fn places(list: &[Value], namespaces: &[&str]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    list.iter()
        .map(|book| (text(&book["namespace_id"]), text(&book["id"])))
        .filter(|(namespace, _)| namespaces.contains(&namespace.as_str()))
        .collect()
}

#[tokio::test]
async fn the_books_of_all_namespaces_are_sorted_by_namespace_then_id() -> Result<()> {
    let [one, two] = [Library::open().await?, Library::open().await?];
    for (library, id, category) in [
        (&two, "a", "math"),
        (&one, "b", "math"),
        (&one, "a", "physics"),
        (&two, "a.9", "math"),
    ] {
        let body = json!({"id": id, "author": "A", "title": "T", "category_id": category});
        library
            .admin
            .post(library.list_path())
            .json(&body)
            .await?
            .json(201);
        library.appeared(id).await?;
    }
    let mut namespaces = [one.namespace.as_str(), two.namespace.as_str()];
    namespaces.sort_unstable();
    let expected = |all: &[(&Library, &str)]| {
        let mut all: Vec<_> = all
            .iter()
            .map(|(library, id)| (library.namespace.clone(), (*id).to_owned()))
            .collect();
        all.sort();
        all
    };
    for api in one.apis() {
        let all = list(api, "/book").await?;
        let order: Vec<_> = all
            .iter()
            .map(|book| (book["namespace_id"].as_str(), book["id"].as_str()))
            .collect();
        assert!(order.is_sorted(), "{order:?}");
        assert_eq!(
            places(&all, &namespaces),
            expected(&[(&one, "a"), (&one, "b"), (&two, "a"), (&two, "a.9")])
        );
        let math = list(api, "/book?category_id=math").await?;
        assert!(math.iter().all(|book| book["category_id"] == "math"));
        assert_eq!(
            places(&math, &namespaces),
            expected(&[(&one, "b"), (&two, "a"), (&two, "a.9")])
        );
        let bad = api.get("/book?category_id=-").await?;
        bad.invalid("category_id");
    }
    Ok(())
}

#[tokio::test]
async fn a_change_in_any_namespace_is_in_the_next_list_of_all() -> Result<()> {
    let library = Library::open().await?;
    let here = [library.namespace.as_str()];
    for round in 0..20 {
        let created = library.admin.post(library.list_path());
        created.json(&library.body("book")).await?.json(201);
        let all = list(&library.admin, "/book").await?;
        assert_eq!(places(&all, &here).len(), 1, "round {round}");
        let namespaces = list(&library.admin, "/namespace").await?;
        let expected = json!({"id": library.namespace, "books": 1});
        assert!(namespaces.contains(&expected), "round {round}");

        library.admin.delete(library.path("book")).await?.empty(204);
        let all = list(&library.admin, "/book").await?;
        assert_eq!(places(&all, &here).len(), 0, "round {round}");
        let namespaces = list(&library.admin, "/namespace").await?;
        assert!(
            namespaces
                .iter()
                .all(|one| one["id"] != library.namespace.as_str()),
            "round {round}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_loan_in_any_namespace_is_in_the_next_list_of_all() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for (action, is_available) in [("borrow", false), ("return", true)] {
        let path = library.path(&format!("book/{action}"));
        let answer = library.user.post(path).tenant("bob").await?;
        assert!(answer.status < 300, "{}", answer.text());
        let all = list(&library.user, "/book").await?;
        let book = all
            .iter()
            .find(|book| book["namespace_id"] == library.namespace.as_str());
        assert_eq!(book.context("the book")?["available"], is_available);
    }
    Ok(())
}

#[tokio::test]
async fn the_namespace_list_counts_the_books_of_each_namespace_that_has_any() -> Result<()> {
    let [empty, full] = [Library::open().await?, Library::open().await?];
    for id in ["a", "b", "c"] {
        full.add(id).await?;
    }
    for api in full.apis() {
        let namespaces = list(api, "/namespace").await?;
        let ids: Vec<_> = namespaces.iter().map(|one| one["id"].as_str()).collect();
        assert!(ids.is_sorted(), "{ids:?}");
        assert!(!ids.contains(&Some(empty.namespace.as_str())), "{ids:?}");
        let of_full = namespaces.iter().find(|one| one["id"] == full.namespace.as_str());
        assert_eq!(of_full, Some(&json!({"id": full.namespace, "books": 3})));
    }
    Ok(())
}

#[tokio::test]
async fn an_unchanged_list_of_all_namespaces_is_not_sent_again() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for api in library.apis() {
        for path in ["/book", "/book?category_id=math", "/namespace"] {
            // Other tests change other namespaces at the same time.
            eventually("nothing changes for a moment", async || {
                let read = api.get(path).await?;
                read.json(200);
                let again = api.get(path).header("If-None-Match", read.header("etag"));
                let again = again.await?;
                if again.status == 304 {
                    again.not_modified(read.header("etag"));
                }
                Ok((again.status == 304).then_some(()))
            })
            .await?;
        }
    }
    Ok(())
}
