//! Updating books with PUT.

use anyhow::Result;
use bookshelf_crd::labels;
use e2e::{Library, book};
use kube::ResourceExt as _;
use serde_json::json;

#[tokio::test]
async fn an_update_replaces_every_field() -> Result<()> {
    let library = Library::open().await?;
    let created = library.add("book").await?;
    let body = json!({
        "id": "book",
        "author": "Another",
        "title": "Other",
        "category_id": "math",
        "namespace_id": library.namespace,
        "description": "New",
    });
    let answer = library.put("book", &body).await?;
    let mut expected = body.clone();
    expected["managed_by"] = "bookshelf".into();
    assert_eq!(answer.json(200), expected);
    assert_eq!(
        library.admin.get(library.path("book")).await?.text(),
        answer.text()
    );
    assert_ne!(answer.header("etag"), created.header("etag"));
    let object = library.books().get("book").await?;
    let version = object.resource_version().unwrap_or_default();
    assert!(
        answer.header("etag").ends_with(&format!(".{version}\"")),
        "{answer:?}"
    );
    assert_eq!(
        (object.spec.author.as_str(), object.spec.title.as_str()),
        ("Another", "Other")
    );
    assert_eq!(object.spec.description.as_deref(), Some("New"));
    Ok(())
}

#[tokio::test]
async fn fields_missing_from_an_update_are_removed() -> Result<()> {
    let library = Library::open().await?;
    let full = json!({"id": "book", "author": "A", "title": "T", "category_id": "math", "description": "D"});
    library
        .admin
        .post(library.list_path())
        .json(&full)
        .await?
        .json(201);
    for nothing in [
        json!({"author": "A", "title": "T"}),
        json!({"author": "A", "title": "T", "category_id": "", "description": ""}),
        json!({"author": "A", "title": "T", "category_id": null, "description": null}),
    ] {
        library.put("book", &full).await?.json(200);
        let answer = library.put("book", &nothing).await?;
        let expected = json!({"id": "book", "author": "A", "title": "T", "namespace_id": library.namespace,
                              "managed_by": "bookshelf"});
        assert_eq!(answer.json(200), expected, "{nothing}");
        let object = library.books().get("book").await?;
        assert_eq!(object.spec.description, None, "{nothing}");
        assert!(!object.labels().contains_key(labels::CATEGORY), "{nothing}");
    }
    Ok(())
}

#[tokio::test]
async fn a_book_read_from_either_api_can_be_put_unchanged() -> Result<()> {
    let library = Library::open().await?;
    let mut full = book("full");
    full.spec.description = Some("Described".to_owned());
    full.labels_mut()
        .insert(labels::CATEGORY.to_owned(), "math".to_owned());
    library.plant(&full).await?;
    library.plant(&book("bare")).await?;
    library.add("ours").await?;
    for id in ["full", "bare", "ours"] {
        for api in library.apis() {
            let mut served = api.get(library.path(id)).await?.json(200);
            let put = library.put(id, &served).await?;
            served["managed_by"] = "bookshelf".into();
            let put = put.json(200);
            assert_eq!(library.as_served_by(api, &put, true), served);
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_update_that_changes_nothing_keeps_the_version() -> Result<()> {
    let library = Library::open().await?;
    let created = library.add("book").await?;
    let answer = library.put("book", &library.body("book")).await?;
    assert_eq!(answer.json(200), created.json(201));
    assert_eq!(answer.header("etag"), created.header("etag"));
    Ok(())
}

#[tokio::test]
async fn an_update_makes_bookshelf_the_manager_of_an_unmanaged_book() -> Result<()> {
    let library = Library::open().await?;
    let mut unlabelled = book("unlabelled");
    unlabelled.metadata.labels = None;
    let mut empty = book("empty");
    empty
        .labels_mut()
        .insert(labels::MANAGED_BY.to_owned(), String::new());
    for book in [unlabelled, empty] {
        let id = book.name_any();
        library.plant(&book).await?;
        let answer = library.put(&id, &library.body(&id)).await?;
        assert_eq!(answer.json(200)["managed_by"], "bookshelf");
        let object = library.books().get(&id).await?;
        assert_eq!(labels::value(&object, labels::MANAGED_BY), Some("bookshelf"));
    }
    Ok(())
}

#[tokio::test]
async fn a_missing_book_is_not_made_by_an_update() -> Result<()> {
    let library = Library::open().await?;
    let answer = library.put("missing", &library.body("missing")).await?;
    let message = answer.problem(404, "not_found").message;
    assert_eq!(message, "not found: the book \"missing\" does not exist");
    assert_eq!(library.books().get_opt("missing").await?, None);
    Ok(())
}

#[tokio::test]
async fn id_and_namespace_in_the_body_have_to_be_those_of_the_path() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let before = library.books().get("book").await?;
    for (field, value) in [
        ("id", "other"),
        ("namespace_id", "other"),
        ("id", ""),
        ("namespace_id", ""),
    ] {
        let mut body = library.body("book");
        body[field] = value.into();
        let message = library.put("book", &body).await?.invalid(field);
        assert!(message.contains("must be the path's"), "{message}");
    }
    assert_eq!(library.books().get("book").await?, before);
    Ok(())
}
