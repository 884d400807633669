//! The API server's count of its requests.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use kube::Client;

/// The numbers of requests that the API server has answered, without watches, by verb and resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests(BTreeMap<(String, String), u64>);

impl Requests {
    /// Counts the requests for books and loans in the API server's `/metrics`.
    pub async fn count(client: &Client) -> Result<Self> {
        Self::of(client, &["books", "bookloans"]).await
    }

    /// Counts the requests for journals.
    pub async fn of_journals(client: &Client) -> Result<Self> {
        Self::of(client, &["loanjournals"]).await
    }

    async fn of(client: &Client, resources: &[&str]) -> Result<Self> {
        let request = http::Request::get("/metrics").body(Vec::new())?;
        let metrics = client.request_text(request).await?;
        let mut counts = BTreeMap::new();
        for line in metrics.lines() {
            let Some(series) = line.strip_prefix("apiserver_request_total{") else {
                continue;
            };
            let (labels, value) = series.rsplit_once("} ").context("a series and its value")?;
            let label = |name: &str| {
                let (_, value) = labels.split_once(&format!("{name}=\""))?;
                value.split_once('"').map(|(value, _)| value.to_owned())
            };
            let verb = label("verb").context("apiserver_request_total has the label verb")?;
            let resource = label("resource").context("apiserver_request_total has the label resource")?;
            if resources.contains(&resource.as_str()) && verb != "WATCH" {
                // Prometheus prints large counts as 1e+06.
                let value = format!("{:.0}", value.parse::<f64>()?);
                *counts.entry((verb, resource)).or_default() += value.parse::<u64>()?;
            }
        }
        Ok(Self(counts))
    }

    /// Returns the numbers of requests counted after `before`, by verb and resource, such as `"POST books"`.
    #[must_use]
    pub fn since(&self, before: &Self) -> BTreeMap<String, u64> {
        self.0
            .iter()
            .map(|(key, count)| {
                let (verb, resource) = key;
                (
                    format!("{verb} {resource}"),
                    count - before.0.get(key).unwrap_or(&0),
                )
            })
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}
