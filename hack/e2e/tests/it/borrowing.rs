//! Borrowing books.

use anyhow::{Context as _, Result};
use e2e::{Library, book, eventually, loan};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::OwnerReference, jiff::Timestamp};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::json;

#[tokio::test]
async fn a_loan_has_its_book_borrower_and_time() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let answer = library.borrow("book", "bob").await?;
    let borrowed = answer.json(201);
    let object = library.loans().get("book").await?;
    let created = object.creation_timestamp().context("a time")?.0;
    assert_eq!(
        borrowed,
        json!({"book_id": "book", "namespace_id": library.namespace, "borrowed_by": "bob",
               "borrowed_at": created.to_string()})
    );
    let at = borrowed["borrowed_at"].as_str().unwrap_or_default();
    assert!(at.ends_with('Z') && at.parse::<Timestamp>().is_ok(), "{at}");
    let (uid, version) = (
        object.uid().context("a uid")?,
        object.resource_version().context("a version")?,
    );
    assert_eq!(answer.header("etag"), format!("\"{uid}.{version}\""));
    assert_eq!(object.spec.borrowed_by, "bob");
    Ok(())
}

#[tokio::test]
async fn a_loan_is_owned_by_its_book_and_does_not_hold_up_its_deletion() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    library.borrow("book", "bob").await?.json(201);
    let owner = OwnerReference {
        api_version: "bookshelf.lostinsoba.com/v1alpha1".to_owned(),
        kind: "Book".to_owned(),
        name: "book".to_owned(),
        uid: library.books().get("book").await?.uid().context("a uid")?,
        controller: None,
        block_owner_deletion: Some(false),
    };
    let object = library.loans().get("book").await?;
    assert_eq!(object.owner_references(), [owner]);
    assert_eq!(object.finalizers(), [] as [String; 0]);
    Ok(())
}

#[tokio::test]
async fn a_book_on_loan_cannot_be_borrowed_by_anyone() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    library.borrow("book", "bob").await?.json(201);
    for tenant in ["alice", "bob"] {
        let answer = library.borrow("book", tenant).await?;
        assert_eq!(
            answer.problem(409, "already_borrowed").message,
            "already borrowed"
        );
    }
    assert_eq!(library.loans().get("book").await?.spec.borrowed_by, "bob");
    Ok(())
}

#[tokio::test]
async fn a_returned_book_can_be_borrowed_by_the_next() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for tenant in ["bob", "alice", "system:serviceaccount:a:b", "~!@#$%^&*()"] {
        let borrowed = library.borrow("book", tenant).await?;
        assert_eq!(borrowed.json(201)["borrowed_by"], tenant);
        library.give_back("book", tenant).await?.empty(204);
    }
    Ok(())
}

#[tokio::test]
async fn a_book_that_does_not_exist_cannot_be_borrowed() -> Result<()> {
    let library = Library::open().await?;
    for path in [
        library.path("missing/borrow"),
        "/book/no-such-namespace/missing/borrow".to_owned(),
    ] {
        let answer = library.user.post(path).tenant("bob").await?;
        let message = answer.problem(404, "not_found").message;
        assert_eq!(message, "not found: the book \"missing\" does not exist");
    }
    assert_eq!(library.loans().get_opt("missing").await?, None);
    Ok(())
}

#[tokio::test]
async fn a_loan_goes_when_its_book_goes() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    library.borrow("book", "bob").await?.json(201);
    // Like kubectl, which knows nothing of loans.
    library.books().delete("book", &DeleteParams::default()).await?;
    eventually("the loan is gone", async || {
        Ok(library.loans().get_opt("book").await?.is_none().then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_loan_made_by_kubectl_without_an_owner_counts_as_a_loan() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    library
        .loans()
        .create(&PostParams::default(), &loan("book", "carol"))
        .await?;
    let refused = library.borrow("book", "bob").await?;
    refused.problem(409, "already_borrowed");
    eventually("the tenants' API knows whose it is", async || {
        let answer = library.give_back("book", "bob").await?;
        Ok((answer.status == 403).then_some(()))
    })
    .await?;
    library.give_back("book", "carol").await?.empty(204);
    assert_eq!(library.loans().get_opt("book").await?, None);
    library.borrow("book", "bob").await?.json(201);
    Ok(())
}

#[tokio::test]
async fn a_loan_made_by_kubectl_keeps_its_book_from_being_deleted() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    library.plant_loan(&loan("book", "carol")).await?;
    library
        .admin
        .delete(library.path("book"))
        .await?
        .problem(409, "on_loan");
    Ok(())
}

#[tokio::test]
async fn the_borrower_of_a_loan_is_immutable() -> Result<()> {
    let library = Library::open().await?;
    library.plant(&book("book")).await?;
    library.borrow("book", "bob").await?.json(201);
    let patch = json!({"spec": {"borrowedBy": "alice"}});
    let refused = library
        .loans()
        .patch("book", &PatchParams::default(), &Patch::Merge(&patch))
        .await;
    let kube::Error::Api(status) = refused.err().context("the API server refuses it")? else {
        anyhow::bail!("the API server answers");
    };
    assert_eq!(status.code, 422, "{status:?}");
    assert!(status.message.contains("is immutable"), "{status:?}");
    assert_eq!(library.loans().get("book").await?.spec.borrowed_by, "bob");
    Ok(())
}
