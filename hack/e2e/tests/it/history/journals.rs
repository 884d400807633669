//! Loan journals at the API server, to which many clients append without preconditions.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use bookshelf_crd::loan_journal::LINES_MAX;
use e2e::Library;
use http::Request;
use kube::Client;
use serde_json::{Value, json};

const WRITERS: usize = 4;
const LINE: &str = "2026-11-22T11:11:09Z borrowed first 3b241101a2bc42f1 bob";

fn journals(namespace: &str) -> String {
    format!("/apis/bookshelf.lostinsoba.com/v1alpha1/namespaces/{namespace}/loanjournals")
}

async fn create(library: &Library, name: &str, lines: &[&str]) -> Result<()> {
    let journal = json!({
        "apiVersion": "bookshelf.lostinsoba.com/v1alpha1", "kind": "LoanJournal",
        "metadata": {"name": name}, "spec": {"lines": lines},
    });
    let request = Request::post(journals(&library.namespace)).header("content-type", "application/json");
    let request = request.body(journal.to_string().into_bytes())?;
    library.client.request::<Value>(request).await?;
    Ok(())
}

/// Appends a line. Returns false if the API server refuses it.
async fn append(client: &Client, path: &str, line: &str) -> Result<bool> {
    let appended = json!([{"op": "add", "path": "/spec/lines/-", "value": line}]);
    let request = Request::patch(path).header("content-type", "application/json-patch+json");
    match client
        .request::<Value>(request.body(appended.to_string().into_bytes())?)
        .await
    {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 422 => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[tokio::test]
async fn four_writers_fill_a_journal_to_its_limit_and_no_accepted_line_is_lost() -> Result<()> {
    let library = Library::open().await?;
    create(&library, "000001", &[LINE]).await?;
    let path = format!("{}/000001", journals(&library.namespace));
    let writers = (0..WRITERS).map(|writer| {
        let (client, path) = (library.client.clone(), path.clone());
        tokio::spawn(async move {
            let mut accepted = BTreeSet::new();
            for number in 0..LINES_MAX / 2 {
                let id = format!("w{writer}.{number}");
                if append(&client, &path, &LINE.replace("first", &id)).await? {
                    accepted.insert(id);
                }
            }
            anyhow::Ok(accepted)
        })
    });
    let mut accepted = BTreeSet::from(["first".to_owned()]);
    for writer in writers.collect::<Vec<_>>() {
        accepted.extend(writer.await??);
    }
    let journal: Value = library
        .client
        .request(Request::get(path).body(Vec::new())?)
        .await?;
    let lines = journal["spec"]["lines"].as_array().context("no lines")?;
    assert_eq!(lines.len(), LINES_MAX);
    let ids = lines.iter().filter_map(|line| line.as_str()?.split(' ').nth(2));
    assert_eq!(ids.map(str::to_owned).collect::<BTreeSet<_>>(), accepted);
    Ok(())
}

#[tokio::test]
async fn a_journal_takes_nothing_that_is_no_line() -> Result<()> {
    let library = Library::open().await?;
    create(&library, "000001", &[LINE]).await?;
    let path = format!("{}/000001", journals(&library.namespace));
    for bad in [
        "",
        "no line",
        "2026-11-22 borrowed first 3b241101a2bc42f1 bob",
        "2026-11-22T11:11:09Z lost first 3b241101a2bc42f1 bob",
        "2026-11-22T11:11:09Z borrowed First 3b241101a2bc42f1 bob",
        "2026-11-22T11:11:09Z borrowed first 3b24 bob",
        "2026-11-22T11:11:09Z borrowed first 3b241101a2bc42f1 bób",
        "2026-11-22T11:11:09Z borrowed first 3b241101a2bc42f1 bob\nnext",
    ] {
        assert!(!append(&library.client, &path, bad).await?, "{bad:?}");
    }
    assert!(append(&library.client, &path, LINE).await?);
    Ok(())
}

#[tokio::test]
async fn kubectl_shows_number_from_and_to() -> Result<()> {
    let library = Library::open().await?;
    create(&library, "000001", &[LINE]).await?;
    let kubectl = library.cluster.kubectl().await?;
    let table = kubectl.run(&["get", "lj", "-n", &library.namespace]).await?;
    let head: Vec<&str> = table
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    assert_eq!(head, ["NAME", "FROM", "TO"]);
    Ok(())
}
