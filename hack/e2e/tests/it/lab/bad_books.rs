//! Invalid books, stored under an older, looser schema. They are logged and left out, and never become a null in a
//! list.

use anyhow::{Context as _, Result};
use bookshelf_crd::custom_resource_definitions;
use e2e::{Library, Service, book, eventually};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::Turn;

/// Returns specs that an earlier schema may have allowed.
fn bad_specs() -> [(&'static str, Value); 5] {
    [
        ("no-author", json!({"title": "T"})),
        ("blank-author", json!({"author": " ", "title": "T"})),
        ("number-for-title", json!({"author": "A", "title": 5})),
        ("empty", json!({})),
        ("no-object", json!(null)),
    ]
}

/// Replaces the CRD of books, with the current schema or with one that allows everything.
async fn set_schema(library: &Library, is_strict: bool) -> Result<()> {
    let [mut definition, ..] = custom_resource_definitions();
    if !is_strict {
        for version in &mut definition.spec.versions {
            version.selectable_fields = None;
            version.schema = serde_json::from_value(json!({
                "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}
            }))?;
        }
    }
    let definitions: kube::Api<CustomResourceDefinition> = kube::Api::all(library.client.clone());
    let name = definition.metadata.name.clone().context("a name")?;
    let patch = json!({"spec": {"versions": definition.spec.versions}});
    definitions
        .patch(&name, &PatchParams::default(), &Patch::Merge(&patch))
        .await?;
    // A new schema takes effect with a delay.
    let probe = json!({"apiVersion": "bookshelf.lostinsoba.com/v1alpha1", "kind": "Book",
                       "metadata": {"name": "probe", "namespace": library.namespace}, "spec": {}});
    eventually("the schema is in force", async || {
        let accepted = create(library, &probe, "?dryRun=All").await.is_ok();
        Ok((accepted != is_strict).then_some(()))
    })
    .await
}

async fn create(library: &Library, object: &Value, query: &str) -> Result<DynamicObject, kube::Error> {
    let path = format!(
        "/apis/bookshelf.lostinsoba.com/v1alpha1/namespaces/{}/books{query}",
        library.namespace
    );
    let request = http::Request::post(path).header("content-type", "application/json");
    let request = request
        .body(object.to_string().into_bytes())
        .map_err(kube::Error::HttpError)?;
    library.client.request(request).await
}

/// Asserts that only the good book is served, and that the log names all others.
async fn assert_left_out(library: &Library, services: [&Service; 2]) -> Result<()> {
    let path = library.list_path();
    for (api, service) in library.apis().into_iter().zip(services) {
        let list = eventually("only the good book is served", async || {
            let list = api.get(&path).await?.json(200);
            Ok((list["list"].as_array().map(Vec::len) == Some(1)).then_some(list))
        });
        assert_eq!(list.await?["list"][0]["id"], "good");
        for (id, _) in bad_specs() {
            api.get(library.path(id)).await?.problem(404, "not_found");
            let key = format!("{}/{id}", library.namespace);
            let mut log = service.log();
            let line = log
                .line("it is left out", |line| {
                    line["key"] == key && line["level"] == "WARN"
                })
                .await?;
            let message = line["message"].as_str().unwrap_or_default();
            assert!(
                message.starts_with("leaving an object out of the cache"),
                "{line}"
            );
            assert!(
                line["error"].as_str().is_some_and(|error| !error.is_empty()),
                "{line}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_invalid_book_is_logged_and_left_out_from_the_start() -> Result<()> {
    let turn = Turn::take().await?;
    let (admin, user, library) = turn.services(&[]).await?;
    drop((admin, user));
    set_schema(&library, false).await?;
    for (id, spec) in bad_specs()
        .into_iter()
        .chain([("good", json!({"author": "A", "title": "T"}))])
    {
        let object = json!({"apiVersion": "bookshelf.lostinsoba.com/v1alpha1", "kind": "Book",
                            "metadata": {"name": id}, "spec": spec});
        create(&library, &object, "").await?;
    }
    set_schema(&library, true).await?;

    let (admin, user, other) = turn.services(&[]).await?;
    let library = Library {
        namespace: library.namespace,
        ..other
    };
    assert_left_out(&library, [&admin, &user]).await?;
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn a_book_that_becomes_invalid_is_left_out_until_it_is_valid_again() -> Result<()> {
    let turn = Turn::take().await?;
    let (admin, user, library) = turn.services(&[]).await?;
    library.plant(&book("good")).await?;
    for (id, _) in bad_specs() {
        library.plant(&book(id)).await?;
    }
    set_schema(&library, false).await?;
    let resource = ApiResource::erase::<bookshelf_crd::Book>(&());
    let objects: kube::Api<DynamicObject> =
        kube::Api::namespaced_with(library.client.clone(), &library.namespace, &resource);
    for (id, spec) in bad_specs() {
        let mut object = objects.get(id).await?;
        object.data["spec"] = spec;
        objects.replace(id, &PostParams::default(), &object).await?;
    }
    assert_left_out(&library, [&admin, &user]).await?;

    let mended = json!({"spec": {"author": "A", "title": "Mended"}});
    library.kubectl_patch("no-author", &mended).await?;
    library
        .seen("no-author", |answer| answer.text().contains("Mended"))
        .await?;
    set_schema(&library, true).await?;
    turn.leave();
    Ok(())
}
