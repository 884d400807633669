//! Concurrent clients, each of which sends its next request after the response to the one before.

use std::{
    iter,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use futures::future::try_join_all;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use kube::{
    client::ConfigExt as _,
    config::{Config, KubeConfigOptions, Kubeconfig},
};

use super::{request::Request, tally::Tally};
use crate::{args::Api, rig::Rig, service::Service};

/// Longer than any answer takes.
const TIMEOUT: Duration = Duration::from_mins(1);

const ATTEMPTS: usize = 5;

/// A server, and the credentials of its clients.
pub(super) struct Target {
    connector: HttpsConnector<HttpConnector>,
    headers: HeaderMap,
    api_server: String,
}

impl Target {
    /// Returns the target for an API, with the headers of a tenant.
    pub(super) async fn of_service(rig: &Rig<'_>, api: Api) -> Result<Self> {
        let mut target = Self::of_account(rig, api).await?;
        target
            .headers
            .insert("X-TENANT-ID", HeaderValue::from_static("bench"));
        Ok(target)
    }

    /// Returns the target for the API server, with the token of admin-api.
    pub(super) async fn of_api_server(rig: &Rig<'_>) -> Result<Self> {
        let mut target = Self::of_account(rig, Api::Admin).await?;
        let token = format!("Bearer {}", rig.cluster.account(Api::Admin).token);
        target.headers.insert(AUTHORIZATION, token.parse()?);
        Ok(target)
    }

    async fn of_account(rig: &Rig<'_>, api: Api) -> Result<Self> {
        let account = rig.cluster.account(api);
        let kubeconfig = Kubeconfig::read_from(&account.kubeconfig)?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        Ok(Self {
            connector: config.rustls_https_connector_with_connector(tcp)?,
            headers: HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]),
            api_server: account.server.trim_end_matches('/').to_owned(),
        })
    }

    /// The URL of `service`, or of the API server without one.
    pub(super) fn url(&self, service: Option<&Service>) -> String {
        service.map_or_else(|| self.api_server.clone(), |service| service.url(""))
    }
}

/// Clients that each keep a connection.
pub(super) struct Crowd {
    clients: Vec<Client<HttpsConnector<HttpConnector>, Full<Bytes>>>,
    headers: HeaderMap,
}

impl Crowd {
    pub(super) fn new(target: &Target, clients: usize) -> Self {
        let client = || Client::builder(TokioExecutor::new()).build(target.connector.clone());
        Self {
            clients: iter::repeat_with(client).take(clients).collect(),
            headers: target.headers.clone(),
        }
    }

    /// Sends the requests in this order, until all are answered or there is no time to begin another. If there are no
    /// more requests than clients, each client sends one.
    pub(super) async fn send(&self, requests: Vec<Request>, time: Duration) -> Result<Tally> {
        let work = Arc::new(Work {
            next: AtomicUsize::new(0),
            requests,
            started: Instant::now(),
            time,
        });
        let clients = self.clients.iter().map(|client| {
            let one = OneClient {
                client: client.clone(),
                headers: self.headers.clone(),
                tally: Tally::default(),
            };
            tokio::spawn(one.send_all(Arc::clone(&work), work.requests.len() <= self.clients.len()))
        });
        let mut all = Tally::default();
        for tally in try_join_all(clients).await? {
            all.join(tally?);
        }
        Ok(all)
    }
}

struct Work {
    next: AtomicUsize,
    requests: Vec<Request>,
    started: Instant,
    time: Duration,
}

impl Work {
    fn next(&self) -> Option<&Request> {
        if self.started.elapsed() > self.time {
            return None;
        }
        self.requests.get(self.next.fetch_add(1, Ordering::Relaxed))
    }
}

struct OneClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    headers: HeaderMap,
    tally: Tally,
}

impl OneClient {
    async fn send_all(mut self, work: Arc<Work>, one_only: bool) -> Result<Tally> {
        let most = if one_only { 1 } else { usize::MAX };
        for _ in 0..most {
            let Some(request) = work.next() else { break };
            self.send(request).await?;
        }
        self.tally.seconds = work.started.elapsed().as_secs_f64();
        Ok(self.tally)
    }

    /// Sends a request, and repeats it while it is refused, each time after the delay in the refusal.
    async fn send(&mut self, request: &Request) -> Result<()> {
        for attempt in 0..ATTEMPTS {
            let sent = Instant::now();
            let answered = tokio::time::timeout(TIMEOUT, self.exchange(request)).await;
            let (status, headers, body) = match answered.context("no answer in time") {
                Ok(Ok(answer)) => answer,
                Ok(Err(error)) | Err(error) => {
                    self.tally.fail(|| format!("no answer: {error:#}"));
                    return Ok(());
                }
            };
            match status {
                StatusCode::TOO_MANY_REQUESTS => {
                    let wait = self.tally.refuse(&headers, attempt > 0);
                    tokio::time::sleep(wait).await;
                }
                status if status.is_success() => {
                    self.tally.latencies.push(sent.elapsed().as_secs_f64() * 1e3);
                    self.tally.done.push(request.number);
                    return Ok(());
                }
                status if status.is_server_error() => {
                    let text = String::from_utf8_lossy(&body);
                    self.tally.fail(|| format!("{status}: {text}"));
                    return Ok(());
                }
                status => bail!(
                    "{} of {} was answered with {status}: {}",
                    request.method,
                    request.uri,
                    String::from_utf8_lossy(&body)
                ),
            }
        }
        Ok(())
    }

    async fn exchange(&self, request: &Request) -> Result<(StatusCode, HeaderMap, Bytes)> {
        let mut http = http::Request::new(Full::new(request.body.clone()));
        *http.method_mut() = request.method.clone();
        *http.uri_mut() = request.uri.clone();
        http.headers_mut().clone_from(&self.headers);
        let (parts, body) = self.client.request(http).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok((parts.status, parts.headers, body))
    }
}
