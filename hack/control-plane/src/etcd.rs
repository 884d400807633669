//! The compaction of etcd.

use anyhow::{Context, Result};
use http::Request;
use kube::Client;
use serde::Deserialize;
use serde_json::json;

/// Compacts all revisions before the current one, as the API server does periodically, and returns the current one.
///
/// Uses the JSON gateway of etcd's v3 API, which needs no etcd client.
pub(crate) async fn compact(client: &Client) -> Result<i64> {
    // Every read returns the revision, even of a key that does not exist.
    let read: Answer = post(client, "/v3/kv/range", &json!({"key": "AA=="})).await?;
    let revision: i64 = read
        .header
        .revision
        .parse()
        .context("etcd's answer has no revision")?;
    let _: serde_json::Value = post(
        client,
        "/v3/kv/compaction",
        &json!({"revision": revision, "physical": true}),
    )
    .await?;
    Ok(revision)
}

#[derive(Deserialize)]
struct Answer {
    header: Header,
}

#[derive(Deserialize)]
struct Header {
    /// A quoted number, since not every JSON parser keeps all digits of an int64.
    revision: String,
}

async fn post<T: for<'de> Deserialize<'de>>(
    client: &Client,
    path: &str,
    body: &serde_json::Value,
) -> Result<T> {
    let request = Request::post(path).body(serde_json::to_vec(body)?)?;
    let text = client
        .request_text(request)
        .await
        .with_context(|| format!("etcd refused POST {path}"))?;
    serde_json::from_str(&text)
        .with_context(|| format!("etcd's answer to POST {path} is not as expected: {text}"))
}
