//! `If-Match`: a write applies to the version that its client has seen, or not at all.

use anyhow::{Context as _, Result};
use bookshelf_crd::{Book, labels};
use e2e::{Answer, Api, Cluster, Library, Program, Request, Service, book, patiently};
use futures::future::try_join_all;
use kube::{ResourceExt as _, api::DeleteParams};
use serde_json::{Value, json};

fn writes(library: &Library) -> [Request; 4] {
    let path = library.path("book");
    let category = json!({"category_id": "math"});
    [
        library.admin.put(&path).json(&library.body("book")),
        library.admin.patch(format!("{path}/category")).json(&category),
        library.admin.post(format!("{path}/category")).json(&category),
        library.admin.delete(&path),
    ]
}

/// Asserts that the write was refused because the version is `current`, and that nothing was written.
async fn assert_stale(library: &Library, answer: &Answer, current: &str) -> Result<()> {
    let problem = answer.problem(412, "update_conflict");
    assert_eq!(problem.message, "update conflict", "{}", answer.what);
    assert_eq!(problem.etag.as_deref(), Some(current), "{}", answer.what);
    assert_eq!(etag(library).await?, current, "{}", answer.what);
    Ok(())
}

/// Returns the entity tag of the book from its object at the API server.
async fn etag(library: &Library) -> Result<String> {
    etag_of(&library.books().get("book").await?)
}

fn etag_of(book: &Book) -> Result<String> {
    let uid = book.uid().context("a uid")?;
    let version = book.resource_version().context("a version")?;
    Ok(format!("\"{uid}.{version}\""))
}

/// Changes the book at the API server, and returns its new tag. The APIs may not have the change yet.
async fn touch(library: &Library, value: &str) -> Result<String> {
    let patch = json!({"metadata": {"annotations": {"touched": value}}});
    let touched = library.kubectl_patch("book", &patch).await?;
    etag_of(&touched)
}

#[tokio::test]
async fn the_second_of_two_writes_to_the_same_version_gets_the_current_tag() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let path = library.path("book");
    let read = library.admin.get(&path).await?;
    let seen = read.header("etag").to_owned();
    let save = async |title: &str, query: &str| {
        let body = json!({"author": "A", "title": title});
        let put = library.admin.put(format!("{path}{query}")).json(&body);
        put.header("If-Match", &seen).await
    };
    let first = save("First", "").await?;
    assert_eq!(first.json(200)["title"], "First");
    assert_ne!(first.header("etag"), seen);

    let second = save("Second", "").await?;
    assert_stale(&library, &second, first.header("etag")).await?;
    let read = library.admin.get(&path).await?;
    assert_eq!(read.json(200)["title"], "First");
    assert_eq!(read.header("etag"), first.header("etag"));

    let forced = save("Second", "?force=true").await?;
    assert_eq!(forced.json(200)["title"], "Second");
    assert_eq!(forced.header("etag"), etag(&library).await?);
    Ok(())
}

#[tokio::test]
async fn every_write_is_done_to_the_current_version() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for write in writes(&library) {
        let current = library.admin.get(library.path("book")).await?;
        let answer = write.header("If-Match", current.header("etag")).await?;
        assert!(matches!(answer.status, 200 | 204), "{}", answer.text());
    }
    assert_eq!(library.books().get_opt("book").await?, None);
    Ok(())
}

#[tokio::test]
async fn no_write_is_done_to_another_version_with_any_state_of_the_cache() -> Result<()> {
    let library = Library::open().await?;
    let created = library.add("book").await?;
    for round in 0..20 {
        // The cache may have this version or the previous one.
        let before = library.admin.get(library.path("book")).await?;
        let current = touch(&library, &round.to_string()).await?;
        for write in writes(&library) {
            let answer = write.header("If-Match", before.header("etag")).await?;
            assert_stale(&library, &answer, &current).await?;
        }
        for write in writes(&library) {
            let answer = write.header("If-Match", created.header("etag")).await?;
            assert_stale(&library, &answer, &current).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_write_to_a_version_that_the_cache_lacks_succeeds() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for round in 0..200 {
        let current = touch(&library, &round.to_string()).await?;
        let body = json!({"author": "A", "title": format!("Title {round}")});
        let put = library.admin.put(library.path("book")).json(&body);
        put.header("If-Match", current).await?.json(200);
    }
    Ok(())
}

#[tokio::test]
async fn the_version_of_an_earlier_book_of_the_name_is_refused() -> Result<()> {
    let library = Library::open().await?;
    let first = library.add("book").await?;
    library.admin.delete(library.path("book")).await?.empty(204);
    let second = library
        .admin
        .post(library.list_path())
        .json(&library.body("book"))
        .await?;
    second.json(201);
    let (uid, _) = first.header("etag").rsplit_once('.').context("a uid")?;
    let (_, version) = second.header("etag").rsplit_once('.').context("a version")?;
    // The tag of the old book, and one that no book ever had: the old uid with the new version.
    for stale in [first.header("etag").to_owned(), format!("{uid}.{version}")] {
        for write in writes(&library) {
            let answer = write.header("If-Match", &stale).await?;
            assert_stale(&library, &answer, second.header("etag")).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn one_matching_strong_tag_of_several_is_enough() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let path = library.path("book");
    let put = async |values: &[String]| -> Result<Answer> {
        let mut put = library.admin.put(&path).json(&library.body("book"));
        for value in values {
            put = put.header("If-Match", value);
        }
        put.await
    };
    let current = etag(&library).await?;
    for good in [
        vec!["*".to_owned()],
        vec![format!("\"other\", {current}")],
        vec![format!("W/\"a,b\" ,, {current} ,")],
        vec!["\"other\"".to_owned(), current.clone()],
    ] {
        assert_eq!(put(&good).await?.status, 200, "{good:?}");
    }
    for stale in [
        format!("W/{current}"),
        "\"other\"".to_owned(),
        "\"\"".to_owned(),
        current.to_uppercase(),
    ] {
        let answer = put(std::slice::from_ref(&stale)).await?;
        assert_stale(&library, &answer, &current).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_malformed_tag_is_refused_on_every_write() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let current = etag(&library).await?;
    let bare = current.replace('"', "");
    for bad in ["", "nonsense", &bare, "\"open", &format!("*, {current}")] {
        for write in writes(&library) {
            let message = write.header("If-Match", bad).await?.invalid("If-Match");
            assert!(message.contains("must be * or entity tags"), "{message}");
        }
    }
    assert_eq!(etag(&library).await?, current);
    Ok(())
}

#[tokio::test]
async fn a_missing_book_is_not_found_with_any_tag() -> Result<()> {
    let library = Library::open().await?;
    let created = library.add("book").await?;
    library.admin.delete(library.path("book")).await?.empty(204);
    for tag in ["*", created.header("etag"), "\"other\""] {
        for write in writes(&library) {
            write.header("If-Match", tag).await?.problem(404, "not_found");
        }
    }
    Ok(())
}

#[tokio::test]
async fn other_refusals_take_precedence_over_a_failed_if_match() -> Result<()> {
    let library = Library::open().await?;
    let mut helms = book("book");
    helms
        .labels_mut()
        .insert(labels::MANAGED_BY.to_owned(), "Helm".to_owned());
    library.plant(&helms).await?;
    for tag in [etag(&library).await?, "\"other\"".to_owned()] {
        for write in writes(&library) {
            write
                .header("If-Match", &tag)
                .await?
                .problem(403, "not_manageable");
        }
    }
    let patch = json!({"metadata": {"labels": {(labels::MANAGED_BY): "bookshelf"}}});
    library.kubectl_patch("book", &patch).await?;
    // A client that has seen the new label is not refused because of a cache without it.
    let put = library
        .admin
        .put(library.path("book"))
        .json(&library.body("book"));
    put.header("If-Match", etag(&library).await?).await?.json(200);
    library.lend("book", "bob").await?;
    let delete = library.admin.delete(library.path("book"));
    delete
        .header("If-Match", "\"other\"")
        .await?
        .problem(409, "on_loan");
    Ok(())
}

#[tokio::test]
async fn a_book_taken_over_by_helm_is_not_changed_with_an_older_tag() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for round in 0..10 {
        let seen = etag(&library).await?;
        let patch = json!({"metadata": {"labels": {(labels::MANAGED_BY): "Helm"}}});
        let helms = library.kubectl_patch("book", &patch).await?;
        for write in writes(&library) {
            write
                .header("If-Match", &seen)
                .await?
                .problem(403, "not_manageable");
        }
        assert_eq!(library.books().get("book").await?, helms, "round {round}");
        library.books().delete("book", &DeleteParams::default()).await?;
        library.vanished("book").await?;
        library.add("book").await?;
    }
    Ok(())
}

/// Adds one to the number in the book's title, `times` times. Starts over after a conflict. Returns the number of
/// conflicts.
async fn count_up(api: &Api, path: &str, times: usize) -> Result<usize> {
    let mut conflicts = 0;
    for _ in 0..times {
        loop {
            let read = api.get(path).await?;
            let mut book: Value = read.json(200);
            let number: u64 = book["title"].as_str().context("a title")?.parse()?;
            book["title"] = (number + 1).to_string().into();
            let answer = patiently(async || {
                let put = api.put(path).json(&book);
                put.header("If-Match", read.header("etag")).await
            });
            let answer = answer.await?;
            if answer.status == 200 {
                break;
            }
            let problem = answer.problem(412, "update_conflict");
            assert!(problem.etag.is_some_and(|etag| etag != read.header("etag")));
            conflicts += 1;
        }
    }
    Ok(conflicts)
}

#[tokio::test]
async fn no_increment_of_1000_by_16_clients_of_two_replicas_is_lost() -> Result<()> {
    const CLIENTS: usize = 16;
    const INCREMENTS: usize = 1_000;
    let library = Library::open().await?;
    let replica = Service::start(Program::Admin, &Cluster::shared()?, &[]).await?;
    let body = json!({"id": "book", "author": "A", "title": "0"});
    library
        .admin
        .post(library.list_path())
        .json(&body)
        .await?
        .json(201);
    let path = library.path("book");
    let other = replica.api()?;
    e2e::eventually("both replicas have it", async || {
        Ok((other.get(&path).await?.status == 200).then_some(()))
    })
    .await?;
    let clients = (0..CLIENTS).map(|client| {
        let api = if client % 2 == 0 { &library.admin } else { &other };
        let first = usize::from(client < INCREMENTS % CLIENTS);
        count_up(api, &path, INCREMENTS / CLIENTS + first)
    });
    let conflicts: usize = try_join_all(clients).await?.iter().sum();
    let object = library.books().get("book").await?;
    assert_eq!(object.spec.title, INCREMENTS.to_string());
    // Without conflicts, the test has proved nothing.
    assert!(conflicts > 0);
    Ok(())
}
