//! Searching: `?q=` on lists of books.

mod lists;
mod refusals;

use anyhow::{Context as _, Result};
use e2e::{Api, Library};
use serde_json::{Value, json};

/// Adds a book with this author and title, and waits until both APIs serve it.
async fn add(library: &Library, id: &str, author: &str, title: &str, category: &str) -> Result<()> {
    let body = json!({"id": id, "author": author, "title": title, "category_id": category});
    let added = library.admin.post(library.list_path()).json(&body).await?;
    added.json(201);
    library.appeared(id).await
}

/// Returns a library of books in several scripts.
async fn library() -> Result<Library> {
    let library = Library::open().await?;
    for (id, author, title, category) in [
        ("a-war", "Tolstoy, Leo", "War and Peace", "novel"),
        (
            "b-march",
            "García Márquez, Gabriel",
            "Cien años de soledad",
            "novel",
        ),
        ("c-swim", "O'Brien, Flann", "At Swim-Two-Birds", ""),
        ("d-hong", "曹雪芹", "红楼梦", "novel"),
        ("e-hedgehog", "Козлов С. Г.", "Ёжик в тумане", ""),
        ("f-street", "Grass, Günter", "Die Straße", "novel"),
        ("g-peace", "Kant, Immanuel", "Perpetual Peace", "essay"),
    ] {
        add(&library, id, author, title, category).await?;
    }
    Ok(library)
}

/// Returns the path of a search in a library, with additional parameters.
fn path(library: &Library, q: &str, more: &str) -> String {
    format!("{}?q={}{more}", library.list_path(), encoded(q))
}

fn encoded(q: &str) -> String {
    let bytes: Vec<_> = q.bytes().map(|byte| format!("%{byte:02X}")).collect();
    bytes.concat()
}

fn ids(list: &Value) -> Result<Vec<String>> {
    let books = list["list"].as_array().context("a list")?;
    let ids = books
        .iter()
        .map(|book| Ok(book["id"].as_str().context("an id")?.to_owned()));
    ids.collect()
}

async fn found(api: &Api, library: &Library, q: &str, more: &str) -> Result<Vec<String>> {
    ids(&api.get(path(library, q, more)).await?.json(200))
}

#[tokio::test]
async fn books_are_found_by_words_of_author_and_title() -> Result<()> {
    let library = library().await?;
    for api in library.apis() {
        for (q, expected) in [
            ("peace", &["a-war", "g-peace"][..]),
            ("PEACE w", &["a-war"]),
            ("peace tol", &["a-war"]),
            ("garcia anos", &["b-march"]),
            ("brien", &["c-swim"]),
            ("o'brien two-birds", &["c-swim"]),
            ("birds-two", &[]),
            ("楼梦", &["d-hong"]),
            ("红梦", &[]),
            ("ежик", &["e-hedgehog"]),
            ("strasse", &["f-street"]),
            ("eace", &[]),
            (
                "",
                &[
                    "a-war",
                    "b-march",
                    "c-swim",
                    "d-hong",
                    "e-hedgehog",
                    "f-street",
                    "g-peace",
                ],
            ),
        ] {
            assert_eq!(found(api, &library, q, "").await?, expected, "{q}");
        }
        for (q, category, expected) in [
            ("peace", "novel", &["a-war"][..]),
            ("peace", "essay", &["g-peace"]),
            ("war", "essay", &[]),
        ] {
            let more = format!("&category_id={category}");
            assert_eq!(
                found(api, &library, q, &more).await?,
                expected,
                "{q} in {category}"
            );
        }
        // Each member is the same as in a list without a search.
        let all = api.get(library.list_path()).await?.json(200);
        let war = api.get(path(&library, "war", "")).await?.json(200);
        assert_eq!(war, json!({"list": [all["list"][0]]}));
    }
    Ok(())
}

#[tokio::test]
async fn books_of_all_namespaces_are_found_in_their_order() -> Result<()> {
    let [one, two] = [Library::open().await?, Library::open().await?];
    // A word that no other test uses.
    let word = one.namespace.replace('-', "");
    for library in [&one, &two] {
        for id in ["b", "a"] {
            add(library, id, &word, "T", "").await?;
        }
    }
    add(&one, "c", "A", "T", "").await?;
    let mut expected: Vec<_> = [&one, &two]
        .into_iter()
        .flat_map(|library| ["a", "b"].map(|id| json!([library.namespace, id])))
        .collect();
    expected.sort_by_key(ToString::to_string);
    for api in one.apis() {
        let mut books = Vec::new();
        let mut next = String::new();
        loop {
            let page = api.get(format!("/book?q={word}&limit=3{next}")).await?.json(200);
            let list = page["list"].as_array().context("a list")?;
            books.extend(list.iter().map(|book| json!([book["namespace_id"], book["id"]])));
            let Some(token) = page["continue"].as_str() else {
                break;
            };
            next = format!("&continue={token}");
        }
        assert_eq!(books, expected);
    }
    Ok(())
}

#[tokio::test]
async fn a_write_is_found_by_the_next_search() -> Result<()> {
    let library = Library::open().await?;
    let admin = &library.admin;
    for round in 0..20 {
        let id = format!("book-{round}");
        let body = json!({"id": id, "author": "A", "title": format!("First{round}")});
        admin.post(library.list_path()).json(&body).await?.json(201);
        assert_eq!(
            found(admin, &library, &format!("first{round}"), "").await?,
            [id.as_str()]
        );

        let body = json!({"author": "A", "title": format!("Second {round}")});
        let put = admin.put(library.path(&id)).json(&body).await?;
        put.json(200);
        assert_eq!(
            found(admin, &library, &format!("second {round}"), "").await?,
            [id.as_str()]
        );
        assert!(
            found(admin, &library, &format!("first{round}"), "")
                .await?
                .is_empty()
        );
        // The other API finds it at the version of the write.
        let elsewhere = library.user.get(path(&library, &format!("second {round}"), ""));
        let elsewhere = elsewhere
            .header("X-Resource-Version", put.header("x-resource-version"))
            .await?;
        assert_eq!(ids(&elsewhere.json(200))?, [id.as_str()]);

        let category = json!({"category_id": format!("of-{round}")});
        admin
            .patch(library.path(&format!("{id}/category")))
            .json(&category)
            .await?
            .json(200);
        let of_category = format!("&category_id=of-{round}");
        assert_eq!(
            found(admin, &library, "second", &of_category).await?,
            [id.as_str()]
        );

        admin.delete(library.path(&id)).await?.empty(204);
        assert!(
            found(admin, &library, &format!("second {round}"), "")
                .await?
                .is_empty()
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_book_written_with_kubectl_is_found() -> Result<()> {
    let library = Library::open().await?;
    let mut book = e2e::book("planted");
    book.spec.title = "Planted by hand".to_owned();
    library.plant(&book).await?;
    for api in library.apis() {
        assert_eq!(found(api, &library, "hand", "").await?, ["planted"]);
    }
    Ok(())
}

#[tokio::test]
async fn a_search_is_the_same_on_both_apis() -> Result<()> {
    let library = library().await?;
    for q in ["peace", "a", "g", "楼", "nothing"] {
        let [admin, user] = library.apis().map(|api| found(api, &library, q, ""));
        assert_eq!(admin.await?, user.await?, "{q}");
    }
    Ok(())
}

#[tokio::test]
async fn a_live_search_finds_the_books_of_the_api_server() -> Result<()> {
    let library = library().await?;
    for api in library.apis() {
        let live = api
            .get(path(&library, "peace", ""))
            .header("Cache-Control", "no-cache");
        assert_eq!(ids(&live.await?.json(200))?, ["a-war", "g-peace"]);
    }
    Ok(())
}
