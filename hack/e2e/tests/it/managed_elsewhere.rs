//! Books that another tool manages: shown and lent, never changed.

use anyhow::Result;
use bookshelf_crd::{Book, labels};
use e2e::{Answer, Library, Request, book, eventually};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;

fn managed_by(id: &str, manager: &str) -> Book {
    let mut book = book(id);
    book.labels_mut()
        .insert(labels::MANAGED_BY.to_owned(), manager.to_owned());
    book
}

/// Every way to change a book.
fn writes(library: &Library, id: &str) -> Vec<Request> {
    let path = library.path(id);
    let category = json!({"category_id": "math"});
    vec![
        library.admin.put(&path).json(&library.body(id)),
        library.admin.patch(format!("{path}/category")).json(&category),
        library.admin.post(format!("{path}/category")).json(&category),
        library.admin.delete(&path),
    ]
}

fn assert_not_manageable(answer: &Answer) {
    let problem = answer.problem(403, "not_manageable");
    assert_eq!(problem.message, "not manageable", "{}", answer.what);
}

#[tokio::test]
async fn a_book_that_another_tool_manages_cannot_be_changed() -> Result<()> {
    let library = Library::open().await?;
    for (number, manager) in ["Helm", "argocd", "Bookshelf", "bookshelf2"].iter().enumerate() {
        let id = format!("book-{number}");
        let before = library.plant(&managed_by(&id, manager)).await?;
        for write in writes(&library, &id) {
            assert_not_manageable(&write.await?);
        }
        assert_eq!(library.books().get(&id).await?, before);
        let shown = library.admin.get(library.path(&id)).await?.json(200);
        assert_eq!(shown["managed_by"], *manager);
    }
    Ok(())
}

#[tokio::test]
async fn a_book_that_another_tool_manages_can_be_borrowed_and_returned() -> Result<()> {
    let library = Library::open().await?;
    let before = library.plant(&managed_by("book", "Helm")).await?;
    library
        .user
        .post(library.path("book/borrow"))
        .tenant("bob")
        .await?
        .json(201);
    let again = library
        .user
        .post(library.path("book/borrow"))
        .tenant("alice")
        .await?;
    again.problem(409, "already_borrowed");
    library
        .user
        .post(library.path("book/return"))
        .tenant("bob")
        .await?
        .empty(204);
    assert_eq!(library.books().get("book").await?, before);
    Ok(())
}

#[tokio::test]
async fn a_book_that_another_tool_is_deleting_is_still_not_ours() -> Result<()> {
    let library = Library::open().await?;
    let mut held = managed_by("held", "Helm");
    held.finalizers_mut().push("e2e.example/hold".to_owned());
    library.plant(&held).await?;
    library.books().delete("held", &DeleteParams::default()).await?;
    for write in writes(&library, "held") {
        assert_not_manageable(&write.await?);
    }
    Ok(())
}

#[tokio::test]
async fn a_book_changes_hands_with_its_label() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let relabel = async |manager: &str| {
        let patch = json!({"metadata": {"labels": {(labels::MANAGED_BY): manager}}});
        let patch = Patch::Merge(&patch);
        library
            .books()
            .patch("book", &PatchParams::default(), &patch)
            .await
    };
    relabel("Helm").await?;
    // At once, whether the cache knows it or not.
    for write in writes(&library, "book") {
        assert_not_manageable(&write.await?);
    }
    relabel("bookshelf").await?;
    // That it is ours again is a refusal less: it may take until the watch has told it.
    eventually("it is ours again", async || {
        let put = library
            .admin
            .put(library.path("book"))
            .json(&library.body("book"));
        Ok((put.await?.status == 200).then_some(()))
    })
    .await
}
