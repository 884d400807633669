//! Books and loans stored under an older, looser schema: they are served, lent, filtered and corrected.

use anyhow::{Context as _, Result};
use bookshelf_crd::custom_resource_definitions;
use e2e::{Api, Library, book, eventually, loan};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps,
};
use kube::{
    ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;

use super::Turn;

const DARK: &str = "\u{98}Die\u{9c} Verwandlung";

/// Removes the text rules from a schema.
fn loosen(schema: &mut JSONSchemaProps) {
    schema.x_kubernetes_validations = None;
    schema.max_length = None;
    schema.pattern = None;
    for property in schema.properties.iter_mut().flatten() {
        loosen(property.1);
    }
}

/// Replaces both CRDs, with or without the text rules.
async fn set_rules(library: &Library, are_strict: bool) -> Result<()> {
    let definitions: kube::Api<CustomResourceDefinition> = kube::Api::all(library.client.clone());
    for mut definition in custom_resource_definitions() {
        if !are_strict {
            for version in &mut definition.spec.versions {
                let schema = version.schema.as_mut().context("a schema")?;
                schema.open_api_v3_schema.iter_mut().for_each(loosen);
            }
        }
        let patch = json!({"spec": {"versions": definition.spec.versions}});
        definitions
            .patch(
                &definition.name_any(),
                &PatchParams::default(),
                &Patch::Merge(&patch),
            )
            .await?;
    }
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let mut dark = book("probe");
    DARK.clone_into(&mut dark.spec.author);
    let ana = loan("probe", "Ana Mar\u{ed}a");
    eventually("the rules are in force", async || {
        let book = library.books().create(&dry_run, &dark).await.is_ok();
        let loan = library.loans().create(&dry_run, &ana).await.is_ok();
        Ok((book != are_strict && loan != are_strict).then_some(()))
    })
    .await
}

/// Returns a library with books and loans that the current schema refuses.
async fn stored_before(turn: &Turn) -> Result<(impl Sized, Library)> {
    let (admin, user, library) = turn.services(&[]).await?;
    set_rules(&library, false).await?;
    for (id, author, title, description) in [
        ("dark", DARK, "T", None),
        ("described", "A", "T", Some("\u{1b}[31mred")),
        ("invisible", "\u{200b}", "\u{feff}", None),
        ("long", "A", &*"t".repeat(2_000), None),
    ] {
        let mut book = book(id);
        author.clone_into(&mut book.spec.author);
        title.clone_into(&mut book.spec.title);
        book.spec.description = description.map(str::to_owned);
        library.plant(&book).await?;
    }
    for (id, borrower) in [("dark", "Ana Mar\u{ed}a"), ("long", DARK)] {
        let loan = loan(id, borrower);
        library.loans().create(&PostParams::default(), &loan).await?;
        eventually("the loan is known", async || {
            let answer = library.admin.get(library.loan_path(id)).await?;
            Ok((answer.status == 200).then_some(()))
        })
        .await?;
    }
    set_rules(&library, true).await?;
    Ok(((admin, user), library))
}

/// Returns the ids of the books on loan to the tenant in a query.
async fn lent(library: &Library, api: &Api, query: &str) -> Result<Vec<String>> {
    let path = format!("{}{query}", library.loans_path());
    let loans = api.get(path).tenant("bob").await?.json(200);
    let list = loans["list"].as_array().context("a list")?.iter();
    Ok(list
        .map(|loan| loan["book_id"].as_str().unwrap_or_default().to_owned())
        .collect())
}

#[tokio::test]
async fn a_book_stored_under_an_older_schema_can_be_read_lent_and_mended() -> Result<()> {
    let turn = Turn::take().await?;
    let (services, library) = stored_before(&turn).await?;
    for api in library.apis() {
        assert_eq!(
            library.ids(api, "").await?,
            ["dark", "described", "invisible", "long"]
        );
        let dark = api.get(library.path("dark")).await?.json(200);
        assert_eq!(dark["author"], DARK);
        let described = api.get(library.path("described")).await?.json(200);
        assert_eq!(described["description"], "\u{1b}[31mred");
    }
    for id in ["described", "invisible"] {
        let borrow = library.user.post(library.path(&format!("{id}/borrow")));
        borrow.tenant("bob").await?.json(201);
        let back = library.user.post(library.path(&format!("{id}/return")));
        back.tenant("bob").await?.empty(204);
    }
    for id in ["dark", "described", "invisible", "long"] {
        let path = library.path(id);
        let category = library.admin.patch(format!("{path}/category"));
        let changed = category.json(&json!({"category_id": "math"})).await?.json(200);
        assert_eq!(changed["category_id"], "math");
        // The same content cannot be written again.
        let put = library.admin.put(&path).json(&changed).await?;
        put.problem(400, "invalid_request");
    }
    for (id, query) in [("dark", ""), ("described", "?force=true"), ("invisible", "")] {
        let path = format!("{}{query}", library.path(id));
        let put = library.admin.put(path).json(&library.body(id)).await?;
        assert_eq!(put.json(200)["author"], "An Author");
    }
    let invisible = library.path("invisible");
    library.admin.delete(invisible).await?.empty(204);
    let long = format!("{}?force=true", library.path("long"));
    library.admin.delete(long).await?.empty(204);
    drop(services);
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn a_loan_stored_with_an_invalid_tenant_can_be_read_filtered_and_taken_back() -> Result<()> {
    let turn = Turn::take().await?;
    let (services, library) = stored_before(&turn).await?;
    let admin = &library.admin;
    for (query, ids) in [
        ("", vec!["dark", "long"]),
        ("?borrowed_by=Ana%20Mar%C3%ADa", vec!["dark"]),
        ("?borrowed_by=%C2%98Die%C2%9C%20Verwandlung", vec!["long"]),
        ("?borrowed_by=Ana", vec![]),
    ] {
        assert_eq!(lent(&library, admin, query).await?, ids, "{query}");
    }
    assert!(lent(&library, &library.user, "").await?.is_empty());
    let loan = admin.get(library.loan_path("dark")).await?.json(200);
    assert_eq!(loan["borrowed_by"], "Ana Mar\u{ed}a");
    let borrow = library.user.post(library.path("dark/borrow")).tenant("bob");
    borrow.await?.problem(409, "already_borrowed");
    let back = library.user.post(library.path("dark/return")).tenant("bob");
    back.await?.problem(403, "forbidden");
    for id in ["dark", "long"] {
        admin.delete(library.loan_path(id)).await?.empty(204);
    }
    assert!(lent(&library, admin, "").await?.is_empty());
    drop(services);
    turn.leave();
    Ok(())
}
