//! A book that Helm takes over while we change it: check and write are one, so that none of our writes is done to a
//! book that Helm has.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use anyhow::{Context as _, Result, bail};
use bookshelf_crd::{Book, BookSpec, labels};
use e2e::{Library, book};
use futures::{StreamExt as _, TryStreamExt as _};
use kube::{
    ResourceExt as _,
    api::{Patch, PatchParams, PostParams, WatchEvent, WatchParams},
};
use serde_json::json;

const RELABELLINGS: usize = 400;

fn is_helms(book: &Book) -> bool {
    labels::value(book, labels::MANAGED_BY) == Some("Helm")
}

/// What we write, and the relabelling does not.
fn ours(book: &Book) -> (&BookSpec, Option<&str>) {
    (&book.spec, labels::value(book, labels::CATEGORY))
}

/// Gives the book to Helm and back, to us or to nobody, again and again; makes it anew where a client has deleted it.
async fn relabel(library: &Library, done: &AtomicBool) -> Result<()> {
    let books = library.books();
    for number in 0..RELABELLINGS {
        let manager = match number % 6 {
            1 => Some("bookshelf"),
            3 => Some(""),
            5 => None,
            _ => Some("Helm"),
        };
        let patch = json!({"metadata": {"labels": {(labels::MANAGED_BY): manager}}});
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

/// Changes the book in one way as long as it is relabelled, and counts the answers.
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

/// Every change of the book that the API server tells of, from `version` until the book named `end` is there.
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

async fn judged(writers: &[usize]) -> Result<()> {
    let library = Library::open().await?;
    let planted = library.plant(&book("book")).await?;
    let version = planted.resource_version().context("a version")?;
    let done = AtomicBool::new(false);
    let clients = async {
        let writers = writers.iter().map(|kind| write(&library, *kind, &done));
        let (relabelled, answers) =
            tokio::join!(relabel(&library, &done), futures::future::try_join_all(writers));
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
                    assert!(!is_helms(&before), "changed: {before:?} to {book:?}");
                }
                Some(book)
            }
            WatchEvent::Deleted(_) => {
                let before = before.context("what is deleted was there")?;
                changes += 1;
                assert!(!is_helms(&before), "deleted: {before:?}");
                None
            }
            _ => before,
        };
    }
    // Without both, there was no race to judge.
    let answers = answers?;
    assert!(changes > 5, "{answers:?}");
    assert!(
        answers.iter().any(|answers| answers.contains_key(&403)),
        "{answers:?}"
    );
    Ok(())
}

#[tokio::test]
async fn no_update_and_no_category_reaches_a_book_that_helm_has() -> Result<()> {
    judged(&[0, 0, 1, 1]).await
}

#[tokio::test]
async fn no_delete_reaches_a_book_that_helm_has() -> Result<()> {
    judged(&[2, 2]).await
}

#[tokio::test]
async fn no_forced_update_reaches_a_book_that_helm_has() -> Result<()> {
    judged(&[3, 3, 3, 1]).await
}

#[tokio::test]
async fn no_forced_delete_reaches_a_book_that_helm_has() -> Result<()> {
    judged(&[4, 4]).await
}
