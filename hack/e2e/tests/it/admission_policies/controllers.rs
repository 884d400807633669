//! Controllers that the policies do not affect: the garbage collector and the deletion of namespaces.

use anyhow::{Context as _, Result};
use bookshelf_crd::{Book, BookLoan, labels, management::MARKS};
use e2e::{Library, book, eventually};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, PostParams},
};
use serde_json::json;

use super::{GROUP_VERSION, actors};

/// Creates a book without a manager, one of bookshelf and one of each tool, with loans by user-api's account.
async fn lent_books(library: &Library) -> Result<Vec<Book>> {
    let actors = actors(library).await?;
    let user_api = actors
        .iter()
        .find(|actor| actor.name == "user-api")
        .context("user-api")?;
    let loans: Api<BookLoan> = Api::namespaced(user_api.client.clone(), &library.namespace);
    let managed_by = [(labels::MANAGED_BY, "bookshelf"), (labels::MANAGED_BY, "Helm")];
    let marks = MARKS.iter().map(|mark| (mark.key, ""));
    let mut books = Vec::new();
    let kinds = managed_by.into_iter().chain(marks).map(Some);
    for (number, kind) in [None].into_iter().chain(kinds).enumerate() {
        let mut book = book(&format!("book-{number}"));
        if let Some((key, value)) = kind {
            // A mark is either a label or an annotation; setting both covers it.
            book.labels_mut().insert(key.to_owned(), value.to_owned());
            book.annotations_mut().insert(key.to_owned(), value.to_owned());
        }
        let book = library.books().create(&PostParams::default(), &book).await?;
        let loan: BookLoan = serde_json::from_value(json!({
            "apiVersion": GROUP_VERSION, "kind": "BookLoan",
            "metadata": {"name": book.name_any(), "ownerReferences": [
                {"apiVersion": GROUP_VERSION, "kind": "Book", "name": book.name_any(), "uid": book.uid(),
                 "blockOwnerDeletion": false},
            ]},
            "spec": {"borrowedBy": "bob"},
        }))?;
        loans.create(&PostParams::default(), &loan).await?;
        books.push(book);
    }
    Ok(books)
}

#[tokio::test]
async fn the_garbage_collector_takes_the_loans_of_books_that_are_gone() -> Result<()> {
    let library = Library::open().await?;
    for book in lent_books(&library).await? {
        library
            .books()
            .delete(&book.name_any(), &DeleteParams::default())
            .await?;
    }
    eventually("no loan is left", async || {
        let loans = library.loans().list(&ListParams::default()).await?;
        Ok(loans.items.is_empty().then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_namespace_goes_with_its_books_and_loans() -> Result<()> {
    let library = Library::open().await?;
    lent_books(&library).await?;
    let namespaces: Api<Namespace> = Api::all(library.client.clone());
    namespaces
        .delete(&library.namespace, &DeleteParams::default())
        .await?;
    eventually("the namespace is gone", async || {
        let namespace = namespaces.get_opt(&library.namespace).await?;
        Ok(namespace.is_none().then_some(()))
    })
    .await
}
