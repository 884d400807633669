//! The loan of an earlier book with the same name, before it is collected: no garbage collector runs here.

use anyhow::Result;
use bookshelf_crd::BookLoan;
use e2e::{Library, loan};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{ResourceExt as _, api::DeleteParams};

use super::Turn;

/// Lends, deletes and recreates a book, and returns the loan of the earlier one.
async fn made_anew(library: &Library) -> Result<BookLoan> {
    library.add("book").await?;
    library.lend("book", "bob").await?;
    library.books().delete("book", &DeleteParams::default()).await?;
    library.vanished("book").await?;
    library.add("book").await?;
    Ok(library.loans().get("book").await?)
}

#[tokio::test]
async fn a_leftover_loan_does_not_keep_the_new_book_from_being_borrowed() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library) = turn.services(&[]).await?;
    let left_over = made_anew(&library).await?;
    for tenant in ["alice", "bob"] {
        let borrowed = library.borrow("book", tenant).await?;
        assert_eq!(borrowed.json(201)["borrowed_by"], tenant);
        let now = library.loans().get("book").await?;
        assert_eq!(now.spec.borrowed_by, tenant);
        assert_ne!(now.uid(), left_over.uid());
        assert_eq!(
            Some(&now.owner_references()[0].uid),
            library.books().get("book").await?.uid().as_ref()
        );
        library.give_back("book", tenant).await?.empty(204);
    }
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn a_leftover_loan_cannot_be_returned() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library) = turn.services(&[]).await?;
    let left_over = made_anew(&library).await?;
    library.give_back("book", "alice").await?.empty(204);
    assert_eq!(library.loans().get_opt("book").await?, Some(left_over));
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn a_leftover_loan_does_not_keep_the_new_book_from_being_deleted() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library) = turn.services(&[]).await?;
    made_anew(&library).await?;
    library.admin.delete(library.path("book")).await?.empty(204);
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn a_loan_with_other_owners_counts_as_a_loan() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library) = turn.services(&[]).await?;
    let book = library.add("book").await?;
    assert_eq!(book.status, 201);
    let owner = |kind: &str, name: &str| OwnerReference {
        api_version: "v1".to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
        uid: "11111111-2222-3333-4444-555555555555".to_owned(),
        ..OwnerReference::default()
    };
    let mut loan = loan("book", "carol");
    loan.metadata.owner_references = Some(vec![owner("ConfigMap", "book"), owner("Book", "another")]);
    library.plant_loan(&loan).await?;
    let refused = library.borrow("book", "bob").await?;
    refused.problem(409, "already_borrowed");
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn a_leftover_loan_is_not_served_as_a_loan_of_the_new_book() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library) = turn.services(&[]).await?;
    made_anew(&library).await?;
    let book = library.user.get(library.path("book")).await?.json(200);
    assert_eq!(book["available"], true);
    let list = library.user.get(library.list_path()).await?.json(200);
    assert_eq!(list["list"][0]["available"], true);
    for api in library.apis() {
        let list = api.get(library.loans_path()).tenant("bob").await?;
        assert_eq!(list.text(), r#"{"list":[]}"#);
        let loan = api.get(library.loan_path("book")).tenant("bob").await?;
        loan.problem(404, "not_found");
    }
    turn.leave();
    Ok(())
}
