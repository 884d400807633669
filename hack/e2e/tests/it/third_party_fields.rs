//! Other tools' fields on a book: every write keeps them.

use anyhow::{Context as _, Result};
use bookshelf_crd::{Book, labels};
use e2e::{Library, book};
use k8s_openapi::{
    api::core::v1::ConfigMap,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::{ResourceExt as _, api::PostParams};
use reqwest::Method;
use serde_json::json;

/// Creates a book with fields of many tools.
async fn decorated(library: &Library) -> Result<Book> {
    let owner = ConfigMap {
        metadata: ObjectMeta {
            name: Some("owner".to_owned()),
            ..ObjectMeta::default()
        },
        ..ConfigMap::default()
    };
    let owners: kube::Api<ConfigMap> = kube::Api::namespaced(library.client.clone(), &library.namespace);
    let owner = owners.create(&PostParams::default(), &owner).await?;
    let mut book = book("book");
    book.labels_mut().extend([
        ("team".to_owned(), "a".to_owned()),
        ("app.kubernetes.io/part-of".to_owned(), "library".to_owned()),
        (labels::CATEGORY.to_owned(), "math".to_owned()),
    ]);
    book.annotations_mut()
        .insert("note".to_owned(), "keep me".to_owned());
    book.finalizers_mut().push("e2e.example/hold".to_owned());
    book.owner_references_mut().push(OwnerReference {
        api_version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        name: "owner".to_owned(),
        uid: owner.uid().context("a uid")?,
        ..OwnerReference::default()
    });
    library.plant(&book).await
}

/// Asserts that these fields are unchanged.
fn assert_all_there(now: &Book, before: &Book) {
    for key in ["team", "app.kubernetes.io/part-of"] {
        assert_eq!(now.labels().get(key), before.labels().get(key), "label {key}");
    }
    assert_eq!(now.annotations(), before.annotations());
    assert_eq!(now.finalizers(), before.finalizers());
    assert_eq!(now.owner_references(), before.owner_references());
    assert_eq!(now.uid(), before.uid());
}

#[tokio::test]
async fn labels_annotations_finalizers_and_owners_of_others_survive_every_write() -> Result<()> {
    let library = Library::open().await?;
    let before = decorated(&library).await?;
    let path = library.path("book");
    let mut full = library.body("book");
    full["category_id"] = "physics".into();
    full["description"] = "New".into();
    let writes = [
        (Method::PUT, path.clone(), full),
        (Method::PUT, path.clone(), library.body("book")),
        (
            Method::PATCH,
            format!("{path}/category"),
            json!({"category_id": "biology"}),
        ),
        (
            Method::POST,
            format!("{path}/category"),
            json!({"category_id": ""}),
        ),
    ];
    for (method, path, body) in writes {
        library.admin.request(method, path).json(&body).await?.json(200);
        assert_all_there(&library.books().get("book").await?, &before);
    }
    library.admin.delete(&path).await?.empty(204);
    // The book stays, since its finalizer is not ours to run.
    assert_all_there(&library.books().get("book").await?, &before);
    Ok(())
}

#[tokio::test]
async fn borrowing_and_returning_do_not_touch_the_book() -> Result<()> {
    let library = Library::open().await?;
    let before = decorated(&library).await?;
    library.borrow("book", "bob").await?.json(201);
    assert_eq!(library.books().get("book").await?, before);
    library.give_back("book", "bob").await?.empty(204);
    assert_eq!(library.books().get("book").await?, before);
    Ok(())
}
