//! Creating books over HTTP.

use anyhow::{Context as _, Result};
use bookshelf_crd::{Book, labels};
use e2e::{Library, eventually};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt as _, api::DeleteParams};
use serde_json::{Value, json};

#[tokio::test]
async fn a_book_is_created_with_all_its_fields() -> Result<()> {
    let library = Library::open().await?;
    let body = json!({
        "id": "new",
        "author": "Ŝerer",
        "title": "Title \u{1f4d6}",
        "category_id": "math",
        "namespace_id": library.namespace,
        "description": "About\neverything",
    });
    let answer = library.admin.post(library.list_path()).json(&body).await?;
    let mut expected = body.clone();
    expected["managed_by"] = "bookshelf".into();
    assert_eq!(answer.json(201), expected);
    assert_eq!(answer.header("location"), library.path("new"));
    assert_eq!(
        library.admin.get(answer.header("location")).await?.text(),
        answer.text()
    );

    let object = library.books().get("new").await?;
    assert_eq!(answer.header("etag"), etag(&object)?);
    assert_eq!(object.spec.author, "Ŝerer");
    assert_eq!(object.spec.title, "Title \u{1f4d6}");
    assert_eq!(object.spec.description.as_deref(), Some("About\neverything"));
    let expected = [(labels::CATEGORY, "math"), (labels::MANAGED_BY, "bookshelf")];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(object.labels(), &expected.into());
    Ok(())
}

fn etag(book: &Book) -> Result<String> {
    let uid = book.uid().context("a uid")?;
    let version = book.resource_version().context("a version")?;
    Ok(format!("\"{uid}.{version}\""))
}

#[tokio::test]
async fn missing_and_empty_fields_are_not_stored() -> Result<()> {
    let library = Library::open().await?;
    let given = json!({"id": "empty", "author": "A", "title": "T", "category_id": "", "description": ""});
    let left_out = json!({"id": "left-out", "author": "A", "title": "T"});
    let null = json!({"id": "null", "author": "A", "title": "T", "category_id": null, "description": null,
                      "namespace_id": null});
    for body in [given, left_out, null] {
        let answer = library.admin.post(library.list_path()).json(&body).await?;
        let expected = json!({"id": body["id"], "author": "A", "title": "T", "namespace_id": library.namespace,
                              "managed_by": "bookshelf"});
        assert_eq!(answer.json(201), expected);
        let object = library
            .books()
            .get(body["id"].as_str().unwrap_or_default())
            .await?;
        assert_eq!(object.spec.description, None);
        assert!(
            !object.labels().contains_key(labels::CATEGORY),
            "{:?}",
            object.labels()
        );
    }
    Ok(())
}

#[tokio::test]
async fn read_only_fields_are_accepted_and_ignored() -> Result<()> {
    let library = Library::open().await?;
    let mut body = library.body("new");
    body["managed_by"] = "Helm".into();
    body["available"] = true.into();
    let created = library
        .admin
        .post(library.list_path())
        .json(&body)
        .await?
        .json(201);
    assert_eq!(created["managed_by"], "bookshelf");
    assert_eq!(created["available"], Value::Null);
    Ok(())
}

#[tokio::test]
async fn a_book_read_from_either_api_can_be_posted_to_another_namespace() -> Result<()> {
    let [from, to] = [Library::open().await?, Library::open().await?];
    from.add("book").await?;
    for api in from.apis() {
        let mut body = api.get(from.path("book")).await?.json(200);
        // The body names its old namespace, which is refused. Everything else is accepted.
        to.admin
            .post(to.list_path())
            .json(&body)
            .await?
            .invalid("namespace_id");
        body["namespace_id"] = to.namespace.clone().into();
        to.admin.post(to.list_path()).json(&body).await?.json(201);
        to.admin.delete(to.path("book")).await?.empty(204);
    }
    Ok(())
}

#[tokio::test]
async fn a_book_read_from_either_api_can_be_posted_again_after_its_deletion() -> Result<()> {
    let library = Library::open().await?;
    let full = json!({"id": "book", "author": "A", "title": "T", "category_id": "math", "description": "D"});
    library
        .admin
        .post(library.list_path())
        .json(&full)
        .await?
        .json(201);
    library.appeared("book").await?;
    for api in library.apis() {
        let served = api.get(library.path("book")).await?.json(200);
        library.admin.delete(library.path("book")).await?.empty(204);
        let again = library.admin.post(library.list_path()).json(&served).await?;
        let again = again.json(201);
        assert_eq!(library.as_served_by(api, &again, true), served);
        library.appeared("book").await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_taken_id_is_a_conflict_with_any_manager_of_the_book() -> Result<()> {
    let library = Library::open().await?;
    library.add("ours").await?;
    let mut theirs = e2e::book("theirs");
    theirs
        .labels_mut()
        .insert(labels::MANAGED_BY.to_owned(), "Helm".to_owned());
    library.plant(&theirs).await?;
    for id in ["ours", "theirs"] {
        let before = library.books().get(id).await?;
        let answer = library
            .admin
            .post(library.list_path())
            .json(&library.body(id))
            .await?;
        assert_eq!(answer.problem(409, "already_exists").message, "already exists");
        assert_eq!(library.books().get(id).await?, before);
    }
    Ok(())
}

#[tokio::test]
async fn a_deleted_id_can_be_used_again_and_is_another_book() -> Result<()> {
    let library = Library::open().await?;
    let first = library.add("book").await?;
    library.admin.delete(library.path("book")).await?.empty(204);
    let second = library
        .admin
        .post(library.list_path())
        .json(&library.body("book"))
        .await?;
    assert_eq!(second.status, 201, "{}", second.text());
    let uid = |etag: &str| etag.split('.').next().map(str::to_owned);
    assert_ne!(uid(first.header("etag")), uid(second.header("etag")));
    Ok(())
}

#[tokio::test]
async fn nothing_can_be_created_in_a_missing_namespace() -> Result<()> {
    let library = Library::open().await?;
    let answer = library
        .admin
        .post("/book/no-such-namespace")
        .json(&library.body("new"))
        .await?;
    let message = answer.problem(404, "not_found").message;
    assert_eq!(
        message,
        "not found: the namespace \"no-such-namespace\" does not exist"
    );
    Ok(())
}

#[tokio::test]
async fn nothing_can_be_created_in_a_terminating_namespace() -> Result<()> {
    let library = Library::open().await?;
    let mut held = e2e::book("held");
    held.metadata.finalizers = Some(vec!["e2e.example/hold".to_owned()]);
    library.plant(&held).await?;
    let namespaces: Api<Namespace> = Api::all(library.client.clone());
    namespaces
        .delete(&library.namespace, &DeleteParams::default())
        .await?;

    let answer = library
        .admin
        .post(library.list_path())
        .json(&library.body("new"))
        .await?;
    answer.problem(409, "namespace_terminating");
    // A book that still exists is still served.
    library.admin.get(library.path("held")).await?.json(200);

    let release = json!({"metadata": {"finalizers": null}});
    library.kubectl_patch("held", &release).await?;
    library.vanished("held").await?;
    eventually("the namespace is gone", async || {
        Ok(namespaces
            .get_opt(&library.namespace)
            .await?
            .is_none()
            .then_some(()))
    })
    .await?;
    // The API server's admission has its own watch of namespaces.
    eventually("the API server's admission knows that, too", async || {
        let body = library.body("new");
        let answer = library.admin.post(library.list_path()).json(&body).await?;
        if answer.status == 409 {
            answer.problem(409, "namespace_terminating");
            return Ok(None);
        }
        answer.problem(404, "not_found");
        Ok(Some(()))
    })
    .await?;
    Ok(())
}
