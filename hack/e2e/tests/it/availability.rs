//! The availability of books in the tenants' API.

use anyhow::{Context as _, Result};
use e2e::{Library, eventually};
use serde_json::{Value, json};

/// Returns the availability of a book in its GET and in both lists.
async fn available(library: &Library, id: &str) -> Result<[Value; 3]> {
    let user = &library.user;
    let alone = user.get(library.path(id)).await?.json(200)["available"].clone();
    let in_list = async |query: &str| -> Result<Value> {
        let answer = user.get(format!("{}{query}", library.list_path())).await?;
        let list = answer.json(200)["list"].clone();
        let mut books = list.as_array().context("a list")?.iter();
        let book = books.find(|book| book["id"] == id).context("the book")?;
        Ok(book["available"].clone())
    };
    Ok([alone, in_list("").await?, in_list("?category_id=math").await?])
}

#[tokio::test]
async fn a_book_is_available_until_it_is_borrowed_and_when_it_is_back() -> Result<()> {
    let library = Library::open().await?;
    for id in ["a", "book", "c"] {
        let body = json!({"id": id, "author": "A", "title": "T", "category_id": "math"});
        library
            .admin
            .post(library.list_path())
            .json(&body)
            .await?
            .json(201);
        library.appeared(id).await?;
    }
    for round in 0..50 {
        for (action, is_available) in [("borrow", false), ("return", true)] {
            let path = library.path(&format!("book/{action}"));
            let answer = library.user.post(path).tenant("bob").await?;
            assert!(answer.status < 300, "{}", answer.text());
            // The next read from the same process already shows it.
            let served = available(&library, "book").await?;
            assert_eq!(
                served,
                [json!(is_available), json!(is_available), json!(is_available)],
                "round {round}, {action}"
            );
            for other in ["a", "c"] {
                assert_eq!(
                    available(&library, other).await?,
                    [true, true, true].map(Value::from)
                );
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_book_that_a_librarian_took_back_becomes_available() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    library.lend("book", "bob").await?;
    library.admin.delete(library.loan_path("book")).await?.empty(204);
    eventually("it is available", async || {
        let book = library.user.get(library.path("book")).await?.json(200);
        Ok((book["available"] == true).then_some(()))
    })
    .await
}

#[tokio::test]
async fn books_of_the_admin_api_have_no_availability() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    library.lend("book", "bob").await?;
    let book = library.admin.get(library.path("book")).await?.json(200);
    assert_eq!(book.get("available"), None);
    Ok(())
}
