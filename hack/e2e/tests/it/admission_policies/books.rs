//! The rule of managed books: kinds of books × ways to write × callers.

use anyhow::Result;
use bookshelf_crd::{
    Book, labels,
    management::{MARKS, MarkKind},
};
use e2e::Library;
use http::Method;
use kube::{ResourceExt as _, api::PostParams};
use serde_json::{Map, Value, json};

use super::{Actor, GROUP_VERSION, JSON, JSON_PATCH, MERGE_PATCH, Write, actors};

/// The message for a book that another tool manages.
const FOREIGN: &str = "another tool manages this book";
/// The message for a write that would hand a book to another tool.
const HANDED_OVER: &str = "does not hand a book to another tool";

/// A kind of book: its manager, and the labels and annotations that name it.
struct Kind {
    about: String,
    labels: Map<String, Value>,
    annotations: Map<String, Value>,
    is_ours: bool,
}

impl Kind {
    fn labelled(managed_by: Option<&str>) -> Self {
        let labels = managed_by.map(|manager| (labels::MANAGED_BY.to_owned(), manager.into()));
        Self {
            about: format!("a book of {managed_by:?}"),
            labels: labels.into_iter().collect(),
            annotations: Map::new(),
            is_ours: matches!(managed_by, None | Some("" | "bookshelf")),
        }
    }

    fn marked(mut self, kind: MarkKind, key: &str, value: &str) -> Self {
        let map = match kind {
            MarkKind::Annotation => &mut self.annotations,
            MarkKind::Label => &mut self.labels,
        };
        map.insert(key.to_owned(), value.into());
        let about = format!("{} with {key}: {value:?}", self.about);
        Self {
            about,
            is_ours: false,
            ..self
        }
    }

    fn all() -> Vec<Self> {
        let managers = [None, Some(""), Some("bookshelf"), Some("Helm"), Some("Bookshelf")];
        let labelled = managers.into_iter().map(Self::labelled);
        let marked = MARKS.iter().flat_map(|mark| {
            [(None, "library"), (Some("bookshelf"), "")]
                .map(|(manager, value)| Self::labelled(manager).marked(mark.kind, mark.key, value))
        });
        labelled.chain(marked).collect()
    }

    fn object(&self, name: &str, title: &str) -> Value {
        let mut metadata = json!({"name": name});
        for (field, map) in [("labels", &self.labels), ("annotations", &self.annotations)] {
            if !map.is_empty() {
                metadata[field] = map.clone().into();
            }
        }
        json!({
            "apiVersion": GROUP_VERSION, "kind": "Book", "metadata": metadata,
            "spec": {"author": "An Author", "title": title},
        })
    }
}

/// Returns every way to create a book of a kind.
fn creates(kind: &Kind) -> Vec<(&'static str, Write)> {
    let object = kind.object("another", "A Title");
    let mut nameless = object.clone();
    nameless["metadata"]["name"] = Value::Null;
    nameless["metadata"]["generateName"] = "another-".into();
    vec![
        ("create", Write::create("books", object.clone())),
        ("create of a generated name", Write::create("books", nameless)),
        ("create by apply", Write::apply("books/another", object.clone())),
    ]
}

/// Returns every way to write to a book without changing its manager.
fn writes(name: &str, stored: &Value) -> Vec<(&'static str, Write)> {
    let path = format!("books/{name}");
    let mut update = stored.clone();
    update["spec"]["title"] = "Another".into();
    let spec = json!({"author": "An Author", "title": "Another"});
    let apply = json!({
        "apiVersion": GROUP_VERSION, "kind": "Book", "metadata": {"name": name}, "spec": spec,
    });
    let title = json!([{"op": "replace", "path": "/spec/title", "value": "Another"}]);
    vec![
        ("update", Write::new(Method::PUT, JSON, &path, update)),
        (
            "merge patch",
            Write::new(Method::PATCH, MERGE_PATCH, &path, json!({"spec": spec})),
        ),
        ("json patch", Write::new(Method::PATCH, JSON_PATCH, &path, title)),
        ("apply", Write::apply(&path, apply)),
        ("delete", Write::new(Method::DELETE, JSON, &path, Value::Null)),
        (
            "deletecollection",
            Write::new(
                Method::DELETE,
                JSON,
                format!("books?fieldSelector=metadata.name={name}"),
                Value::Null,
            ),
        ),
        // Attempts to take over a book: by labelling it as bookshelf's, and by removing all marks.
        (
            "relabel to bookshelf",
            relabel(&path, &json!({(labels::MANAGED_BY): "bookshelf"})),
        ),
        (
            "marks off by merge patch",
            merge_metadata(&path, &json!({"labels": null, "annotations": null})),
        ),
        (
            "marks off by json patch",
            Write::new(
                Method::PATCH,
                JSON_PATCH,
                &path,
                json!([{"op": "add", "path": "/metadata/labels", "value": {}},
                       {"op": "add", "path": "/metadata/annotations", "value": {}}]),
            ),
        ),
        ("marks off by update", {
            let mut update = stored.clone();
            update["metadata"]["labels"] = Value::Null;
            update["metadata"]["annotations"] = Value::Null;
            Write::new(Method::PUT, JSON, &path, update)
        }),
    ]
}

/// Returns every way to hand a book to another tool.
fn handovers(name: &str, stored: &Value) -> Vec<(String, Write)> {
    let path = format!("books/{name}");
    let mut update = stored.clone();
    update["metadata"]["labels"] = json!({(labels::MANAGED_BY): "Helm"});
    let apply = json!({
        "apiVersion": GROUP_VERSION, "kind": "Book",
        "metadata": {"name": name, "labels": {(labels::MANAGED_BY): "Helm"}},
        "spec": {"author": "An Author", "title": "A Title"},
    });
    let mut handovers = vec![
        (
            "relabel to Helm".to_owned(),
            relabel(&path, &json!({(labels::MANAGED_BY): "Helm"})),
        ),
        (
            "relabel by update".to_owned(),
            Write::new(Method::PUT, JSON, &path, update),
        ),
        ("relabel by apply".to_owned(), Write::apply(&path, apply)),
    ];
    for mark in MARKS {
        let map = mark.kind.field();
        let mark_on = merge_metadata(&path, &json!({map: {(mark.key): ""}}));
        handovers.push((format!("{} on", mark.key), mark_on));
    }
    handovers
}

fn relabel(path: &str, labels: &Value) -> Write {
    merge_metadata(path, &json!({"labels": labels}))
}

fn merge_metadata(path: &str, metadata: &Value) -> Write {
    Write::new(Method::PATCH, MERGE_PATCH, path, json!({"metadata": metadata}))
}

/// Asserts that a write succeeds, or that it is refused with these words.
async fn assert(
    library: &Library,
    actor: &Actor,
    about: &str,
    write: &Write,
    refused: Option<&str>,
) -> Result<()> {
    match refused.filter(|_| actor.is_held) {
        Some(words) => write.assert_refused(library, actor, about, words).await,
        None => write.assert_allowed(library, actor, about).await,
    }
}

#[tokio::test]
async fn both_accounts_are_held_to_the_rule_of_managed_books_and_nobody_else_is() -> Result<()> {
    let library = Library::open().await?;
    let actors = actors(&library).await?;
    for (number, kind) in Kind::all().iter().enumerate() {
        let name = format!("book-{number}");
        let object: Book = serde_json::from_value(kind.object(&name, "A Title"))?;
        let before = library.books().create(&PostParams::default(), &object).await?;
        let stored = serde_json::to_value(&before)?;
        for actor in &actors {
            for (way, write) in creates(kind) {
                let refused = (!kind.is_ours).then_some(HANDED_OVER);
                assert(&library, actor, &format!("{way} {}", kind.about), &write, refused).await?;
            }
            for (way, write) in writes(&name, &stored) {
                let refused = (!kind.is_ours).then_some(FOREIGN);
                assert(&library, actor, &format!("{way} {}", kind.about), &write, refused).await?;
            }
            for (way, write) in handovers(&name, &stored) {
                let refused = if kind.is_ours { HANDED_OVER } else { FOREIGN };
                assert(
                    &library,
                    actor,
                    &format!("{way} {}", kind.about),
                    &write,
                    Some(refused),
                )
                .await?;
            }
        }
        assert_eq!(
            library.books().get(&before.name_any()).await?,
            before,
            "{}",
            kind.about
        );
    }
    Ok(())
}

#[tokio::test]
async fn one_managed_book_stops_the_deletion_of_a_collection_at_that_book() -> Result<()> {
    let library = Library::open().await?;
    let actors = actors(&library).await?;
    let helms = Kind::labelled(Some("Helm")).object("helms", "A Title");
    let helms: Book = serde_json::from_value(helms)?;
    library.books().create(&PostParams::default(), &helms).await?;
    let all = Write::new(Method::DELETE, JSON, "books", Value::Null);
    for actor in actors.iter().filter(|actor| actor.is_held) {
        let ours: Book = serde_json::from_value(Kind::labelled(None).object("ours", "A Title"))?;
        library.books().create(&PostParams::default(), &ours).await?;
        all.assert_refused(&library, actor, "deletecollection", FOREIGN)
            .await?;
        assert!(
            library.books().get_opt("helms").await?.is_some(),
            "{}",
            actor.name
        );
        // The API server may or may not have deleted this book before it came to the managed one.
        library
            .books()
            .delete("ours", &kube::api::DeleteParams::default())
            .await
            .ok();
    }
    let person = actors.iter().find(|actor| !actor.is_held);
    let (status, message) = all.send(&library, person.unwrap_or(&actors[0])).await?;
    assert_eq!(status, 200, "{message}");
    assert_eq!(library.books().get_opt("helms").await?, None);
    Ok(())
}
