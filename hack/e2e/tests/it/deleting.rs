//! Deleting books, and books with a pending deletion.

use anyhow::Result;
use e2e::{Library, book, eventually};
use kube::{ResourceExt as _, api::DeleteParams};
use serde_json::json;

#[tokio::test]
async fn a_deleted_book_is_gone_everywhere() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    library.admin.delete(library.path("book")).await?.empty(204);
    library
        .admin
        .get(library.path("book"))
        .await?
        .problem(404, "not_found");
    assert_eq!(library.books().get_opt("book").await?, None);
    library.vanished("book").await
}

#[tokio::test]
async fn a_missing_book_cannot_be_deleted() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    library.admin.delete(library.path("book")).await?.empty(204);
    for id in ["missing", "book"] {
        let answer = library.admin.delete(library.path(id)).await?;
        let message = answer.problem(404, "not_found").message;
        assert_eq!(message, format!("not found: the book {id:?} does not exist"));
    }
    Ok(())
}

#[tokio::test]
async fn a_book_on_loan_is_deleted_only_when_it_is_back() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    library.lend("book", "bob").await?;
    library
        .admin
        .delete(library.path("book"))
        .await?
        .problem(409, "on_loan");
    library.admin.get(library.path("book")).await?.json(200);
    library.books().get("book").await?;

    library.give_back("book", "bob").await?.empty(204);
    eventually("the librarians' API knows that it is back", async || {
        let answer = library.admin.delete(library.path("book")).await?;
        Ok((answer.status == 204).then_some(()))
    })
    .await?;
    assert_eq!(library.books().get_opt("book").await?, None);
    Ok(())
}

#[tokio::test]
async fn a_book_with_a_finalizer_is_served_until_that_has_run() -> Result<()> {
    let library = Library::open().await?;
    let mut held = book("held");
    held.metadata.finalizers = Some(vec!["e2e.example/hold".to_owned()]);
    library.plant(&held).await?;
    let before = library.admin.get(library.path("held")).await?.json(200);

    library.admin.delete(library.path("held")).await?.empty(204);
    // A second DELETE does no harm.
    library.admin.delete(library.path("held")).await?.empty(204);
    let object = library.books().get("held").await?;
    assert!(object.metadata.deletion_timestamp.is_some());
    for api in library.apis() {
        // It can no longer be borrowed, which user-api shows once its cache has the deletion.
        let expected = library.as_served_by(api, &before, false);
        let served = eventually("it is not available", async || {
            let served = api.get(library.path("held")).await?.json(200);
            Ok((served["available"] != true).then_some(served))
        });
        assert_eq!(served.await?, expected);
        let list = api.get(library.list_path()).await?.json(200);
        assert_eq!(list["list"], json!([expected]));
    }

    let release = json!({"metadata": {"finalizers": null}});
    library.kubectl_patch("held", &release).await?;
    library.vanished("held").await
}

#[tokio::test]
async fn a_book_that_is_being_deleted_cannot_be_changed_borrowed_or_made_again() -> Result<()> {
    let library = Library::open().await?;
    let mut held = book("held");
    held.metadata.finalizers = Some(vec!["e2e.example/hold".to_owned()]);
    library.plant(&held).await?;
    library.books().delete("held", &DeleteParams::default()).await?;
    let being_deleted = library.books().get("held").await?;

    // Whether the caches have the deletion or not.
    for _ in 0..20 {
        let put = library.put("held", &library.body("held")).await?;
        put.problem(409, "being_deleted");
        let path = library.path("held/category");
        let category = library
            .admin
            .patch(path)
            .json(&json!({"category_id": "math"}))
            .await?;
        category.problem(409, "being_deleted");
        let post = library
            .admin
            .post(library.list_path())
            .json(&library.body("held"))
            .await?;
        post.problem(409, "already_exists");
    }
    assert_eq!(library.books().get("held").await?, being_deleted);

    eventually("the tenants' API knows that it is being deleted", async || {
        let borrow = library.borrow("held", "bob").await?;
        if borrow.status == 201 {
            library.give_back("held", "bob").await?.empty(204);
            return Ok(None);
        }
        borrow.problem(409, "being_deleted");
        Ok(Some(()))
    })
    .await?;
    assert_eq!(
        library.loans().get_opt("held").await?.map(|loan| loan.name_any()),
        None
    );
    Ok(())
}
