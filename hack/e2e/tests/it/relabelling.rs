//! A book that another tool takes over while we change it. Check and write are atomic, so none of our writes changes a
//! book of the other tool.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use anyhow::{Context as _, Result, bail};
use bookshelf_crd::{
    Book, BookSpec, labels,
    management::{MARKS, Mark, is_manageable},
};
use e2e::{Library, book};
use futures::{StreamExt as _, TryStreamExt as _};
use kube::{
    ResourceExt as _,
    api::{Patch, PatchParams, PostParams, WatchEvent, WatchParams},
};
use serde_json::{Value, json};

const RELABELLINGS: usize = 400;
/// The number of changes for each mark of a GitOps tool.
const MARKINGS: usize = 120;

/// Returns the patch that hands the book over to Helm, or marks it, or takes it back.
fn takeover(mark: Option<&Mark>, number: usize) -> Value {
    match mark {
        None => {
            let manager = match number % 6 {
                1 => Some("bookshelf"),
                3 => Some(""),
                5 => None,
                _ => Some("Helm"),
            };
            json!({"metadata": {"labels": {(labels::MANAGED_BY): manager}}})
        }
        Some(mark) => {
            let value = match number % 4 {
                0 => Some("x"),
                2 => Some(""),
                _ => None,
            };
            let map = mark.kind.field();
            json!({"metadata": {map: {(mark.key): value}}})
        }
    }
}

/// Returns the fields that clients write and the relabelling does not.
fn ours(book: &Book) -> (&BookSpec, Option<&str>) {
    (&book.spec, labels::value(book, labels::CATEGORY))
}

/// Hands the book to another tool and back, repeatedly. Recreates it if a client has deleted it.
async fn relabel(library: &Library, mark: Option<&Mark>, done: &AtomicBool) -> Result<()> {
    let books = library.books();
    let times = mark.map_or(RELABELLINGS, |_| MARKINGS);
    for number in 0..times {
        let patch = takeover(mark, number);
        match books
            .patch("book", &PatchParams::default(), &Patch::Merge(&patch))
            .await
        {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 404 => {
                books.create(&PostParams::default(), &book("book")).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    done.store(true, Ordering::Relaxed);
    Ok(())
}

/// Changes the book in one way while it is relabelled, and counts the responses by status.
async fn write(library: &Library, kind: usize, done: &AtomicBool) -> Result<BTreeMap<u16, usize>> {
    let path = library.path("book");
    let mut answers = BTreeMap::new();
    let mut number = 0_usize;
    while !done.load(Ordering::Relaxed) {
        number += 1;
        let request = match kind {
            0 => library
                .admin
                .put(&path)
                .json(&json!({"author": format!("Author {number}"), "title": "T"})),
            1 => library
                .admin
                .patch(format!("{path}/category"))
                .json(&json!({"category_id": format!("c{number}")})),
            2 => library.admin.delete(&path),
            3 => library
                .admin
                .put(format!("{path}?force=true"))
                .json(&json!({"author": format!("Forced {number}"), "title": "T"})),
            _ => library.admin.delete(format!("{path}?force=true")),
        };
        let answer = request.await?;
        if !answer.status.to_string().starts_with('2') {
            match answer.status {
                403 => _ = answer.problem(403, "not_manageable"),
                404 => _ = answer.problem(404, "not_found"),
                409 => _ = answer.problem(409, "update_conflict"),
                _ => bail!("{} {}", answer.status, answer.text()),
            }
        }
        *answers.entry(answer.status).or_default() += 1;
    }
    Ok(answers)
}

/// Returns every change of the book at the API server, from `version` until the book named `end` exists.
async fn history(library: &Library, version: &str) -> Result<Vec<WatchEvent<Book>>> {
    let parameters = WatchParams::default().timeout(280);
    let mut events = library.books().watch(&parameters, version).await?.boxed();
    let mut history = Vec::new();
    while let Some(event) = events.try_next().await? {
        match &event {
            WatchEvent::Added(book) if book.name_any() == "end" => return Ok(history),
            WatchEvent::Error(status) => bail!("{status:?}"),
            _ => history.push(event),
        }
    }
    bail!("the watch ended before the test")
}

async fn judged(mark: Option<&Mark>, writers: &[usize]) -> Result<()> {
    let library = Library::open().await?;
    let planted = library.plant(&book("book")).await?;
    let version = planted.resource_version().context("a version")?;
    let done = AtomicBool::new(false);
    let clients = async {
        let writers = writers.iter().map(|kind| write(&library, *kind, &done));
        let (relabelled, answers) = tokio::join!(
            relabel(&library, mark, &done),
            futures::future::try_join_all(writers)
        );
        relabelled?;
        library
            .books()
            .create(&PostParams::default(), &book("end"))
            .await?;
        answers
    };
    let (answers, history) = tokio::join!(clients, history(&library, &version));

    let mut before = Some(planted);
    let mut changes = 0;
    for event in history? {
        before = match event {
            WatchEvent::Added(book) => Some(book),
            WatchEvent::Modified(book) => {
                let before = before.context("what is modified was there")?;
                if ours(&before) != ours(&book) {
                    changes += 1;
                    assert!(is_manageable(&before), "changed: {before:?} to {book:?}");
                }
                Some(book)
            }
            WatchEvent::Deleted(_) => {
                let before = before.context("what is deleted was there")?;
                changes += 1;
                assert!(is_manageable(&before), "deleted: {before:?}");
                None
            }
            _ => before,
        };
    }
    // Without changes and refusals, the test has proved nothing.
    let answers = answers?;
    assert!(changes > 0, "{answers:?}");
    assert!(
        answers.iter().any(|answers| answers.contains_key(&403)),
        "{answers:?}"
    );
    Ok(())
}

#[tokio::test]
async fn updates_and_categories_never_reach_a_book_that_helm_manages() -> Result<()> {
    judged(None, &[0, 0, 1, 1]).await
}

#[tokio::test]
async fn deletes_never_reach_a_book_that_helm_manages() -> Result<()> {
    judged(None, &[2, 2]).await
}

#[tokio::test]
async fn forced_updates_never_reach_a_book_that_helm_manages() -> Result<()> {
    judged(None, &[3, 3, 3, 1]).await
}

#[tokio::test]
async fn forced_deletes_never_reach_a_book_that_helm_manages() -> Result<()> {
    judged(None, &[4, 4]).await
}

#[tokio::test]
async fn updates_and_categories_never_reach_a_book_with_a_gitops_mark() -> Result<()> {
    for mark in &MARKS {
        judged(Some(mark), &[0, 0, 1]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn forced_updates_never_reach_a_book_with_a_gitops_mark() -> Result<()> {
    for mark in &MARKS {
        judged(Some(mark), &[3, 3, 3]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn deletes_never_reach_a_book_with_a_gitops_mark_forced_or_not() -> Result<()> {
    for mark in &MARKS {
        judged(Some(mark), &[2, 4]).await?;
    }
    Ok(())
}
