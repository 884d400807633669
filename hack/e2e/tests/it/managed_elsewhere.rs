//! Books that another tool manages: served and lent, but never changed.

use anyhow::Result;
use bookshelf_crd::{
    Book, labels,
    management::{MARKS, Mark, MarkKind},
};
use e2e::{Answer, Library, Request, book, eventually};
use kube::{ResourceExt as _, api::DeleteParams};
use serde_json::json;

fn managed_by(id: &str, manager: &str) -> Book {
    let mut book = book(id);
    book.labels_mut()
        .insert(labels::MANAGED_BY.to_owned(), manager.to_owned());
    book
}

fn marked(id: &str, mark: &Mark, value: &str) -> Book {
    let mut book = book(id);
    let values = match mark.kind {
        MarkKind::Annotation => book.annotations_mut(),
        MarkKind::Label => book.labels_mut(),
    };
    values.insert(mark.key.to_owned(), value.to_owned());
    book
}

fn writes(library: &Library, id: &str) -> Vec<Request> {
    let path = library.path(id);
    let category = json!({"category_id": "math"});
    vec![
        library.admin.put(&path).json(&library.body(id)),
        library.admin.patch(format!("{path}/category")).json(&category),
        library.admin.post(format!("{path}/category")).json(&category),
        library.admin.delete(&path),
        library
            .admin
            .put(format!("{path}?force=true"))
            .json(&library.body(id)),
        library.admin.delete(format!("{path}?force=true")),
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
        let served = library.admin.get(library.path(&id)).await?.json(200);
        assert_eq!(served["managed_by"], *manager);
    }
    Ok(())
}

#[tokio::test]
async fn a_book_that_bears_the_mark_of_a_gitops_tool_is_lent_and_not_changed() -> Result<()> {
    let library = Library::open().await?;
    for (number, mark) in MARKS.iter().enumerate() {
        for (kind, value, managed_by) in [("full", "x", None), ("empty", "", Some("bookshelf"))] {
            let id = format!("{kind}-{number}");
            let mut object = marked(&id, mark, value);
            if let Some(managed_by) = managed_by {
                let labels = object.labels_mut();
                labels.insert(labels::MANAGED_BY.to_owned(), managed_by.to_owned());
            }
            let before = library.plant(&object).await?;
            for write in writes(&library, &id) {
                assert_not_manageable(&write.await?);
            }
            for api in library.apis() {
                let served = api.get(library.path(&id)).await?.json(200);
                assert_eq!(served["managed_by"], mark.tool, "{mark:?}");
            }
            let borrow = library.user.post(library.path(&format!("{id}/borrow")));
            borrow.tenant("bob").await?.json(201);
            let back = library.user.post(library.path(&format!("{id}/return")));
            back.tenant("bob").await?.empty(204);
            assert_eq!(library.books().get(&id).await?, before);
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_added_gitops_mark_counts_at_once() -> Result<()> {
    let library = Library::open().await?;
    for (number, mark) in MARKS.iter().enumerate() {
        let map = mark.kind.field();
        // Without labels and annotations, and with others.
        for (kind, others) in [("bare", json!({})), ("full", json!({"example.com/other": "x"}))] {
            for write in 0..writes(&library, "").len() {
                let id = format!("{kind}-{number}-{write}");
                let mut object = book(&id);
                object.metadata.labels = serde_json::from_value(others.clone())?;
                object.metadata.annotations = serde_json::from_value(others.clone())?;
                library.plant(&object).await?;
                let patch = json!({"metadata": {map: {(mark.key): ""}}});
                let marked = library.kubectl_patch(&id, &patch).await?;
                // Whether the cache has the mark or not.
                assert_not_manageable(&writes(&library, &id).remove(write).await?);
                assert_eq!(library.books().get(&id).await?, marked);
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_book_that_another_tool_manages_can_be_borrowed_and_returned() -> Result<()> {
    let library = Library::open().await?;
    let before = library.plant(&managed_by("book", "Helm")).await?;
    library.borrow("book", "bob").await?.json(201);
    let again = library.borrow("book", "alice").await?;
    again.problem(409, "already_borrowed");
    library.give_back("book", "bob").await?.empty(204);
    assert_eq!(library.books().get("book").await?, before);
    Ok(())
}

#[tokio::test]
async fn a_book_of_another_tool_stays_unchangeable_while_it_is_being_deleted() -> Result<()> {
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
        library.kubectl_patch("book", &patch).await
    };
    relabel("Helm").await?;
    // At once, whether the cache has the label or not.
    for write in writes(&library, "book") {
        assert_not_manageable(&write.await?);
    }
    relabel("bookshelf").await?;
    // Refusals may continue until the watch has confirmed the label.
    eventually("it is ours again", async || {
        let put = library
            .admin
            .put(library.path("book"))
            .json(&library.body("book"));
        Ok((put.await?.status == 200).then_some(()))
    })
    .await
}
