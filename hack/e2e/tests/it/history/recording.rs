//! Recording of events through the APIs, kubectl and the garbage collector.

use anyhow::Result;
use e2e::{Library, eventually, loan};
use http::Request;
use kube::api::DeleteParams;
use serde_json::Value;

/// Returns the distinct lines of the library's journals, as `event book tenant`, ordered by time.
async fn lines(library: &Library) -> Result<Vec<String>> {
    let path = format!(
        "/apis/bookshelf.lostinsoba.com/v1alpha1/namespaces/{}/loanjournals",
        library.namespace
    );
    let journals: Value = library
        .client
        .request(Request::get(path).body(Vec::new())?)
        .await?;
    let journals = journals["items"].as_array().cloned().unwrap_or_default();
    let lines = journals
        .iter()
        .filter_map(|journal| journal["spec"]["lines"].as_array());
    let mut lines: Vec<String> = lines
        .flatten()
        .filter_map(|line| Some(line.as_str()?.to_owned()))
        .collect();
    lines.sort();
    lines.dedup();
    Ok(lines)
}

/// Waits for a line with these words in this order.
async fn line_with(library: &Library, words: &[&str]) -> Result<String> {
    eventually(&format!("a line has {words:?}"), async || {
        let lines = lines(library).await?;
        Ok(lines.into_iter().find(|line| {
            let mut parts = line.split(' ');
            words.iter().all(|word| parts.any(|part| part == *word))
        }))
    })
    .await
}

#[tokio::test]
async fn a_loan_through_the_api_is_recorded_from_its_beginning_to_its_return() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    line_with(&library, &["created", "book"]).await?;
    library.borrow("book", "bob").await?.json(201);
    let beginning = line_with(&library, &["borrowed", "book", "bob"]).await?;
    library.give_back("book", "bob").await?.empty(204);
    let end = line_with(&library, &["returned", "book", "bob"]).await?;
    // Both lines name the loan, and the end has the time of the beginning.
    let parts = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let (beginning, end) = (parts(&beginning), parts(&end));
    assert_eq!(beginning[3], end[3]);
    assert_eq!(beginning[0], end[4]);
    Ok(())
}

#[tokio::test]
async fn who_ends_a_loan_and_how_is_in_the_word() -> Result<()> {
    let library = Library::open().await?;
    for id in ["taken-back", "by-kubectl", "with-its-book", "forced"] {
        library.add(id).await?;
        library.borrow(id, "bob").await?.json(201);
    }
    let taken_back = library.admin.delete(library.loan_path("taken-back")).await?;
    taken_back.empty(204);
    library
        .loans()
        .delete("by-kubectl", &DeleteParams::default())
        .await?;
    // The garbage collector deletes this loan.
    library
        .books()
        .delete("with-its-book", &DeleteParams::background())
        .await?;
    let forced = format!("{}?force=true", library.path("forced"));
    library.admin.delete(forced).await?.empty(204);
    for (word, id) in [
        ("taken_back", "taken-back"),
        ("ended", "by-kubectl"),
        ("book_gone", "with-its-book"),
        ("book_gone", "forced"),
    ] {
        line_with(&library, &[word, id, "bob"]).await?;
    }
    line_with(&library, &["deleted", "forced", "forced"]).await?;
    line_with(&library, &["deleted", "with-its-book"]).await?;
    Ok(())
}

#[tokio::test]
async fn a_loan_that_kubectl_makes_and_ends_at_once_is_recorded_whole() -> Result<()> {
    let library = Library::open().await?;
    library.plant_loan(&loan("by-hand", "ann")).await?;
    library
        .loans()
        .delete("by-hand", &DeleteParams::default())
        .await?;
    line_with(&library, &["borrowed", "by-hand", "ann"]).await?;
    line_with(&library, &["ended", "by-hand", "ann"]).await?;
    Ok(())
}
