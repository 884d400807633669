//! The HTTP client of the exporter: hyper and rustls with ring, as in the client of the API server.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use bytes::Bytes;
use http::uri::Scheme;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{HttpClient, HttpError};
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::Handle;

/// The longest answer of a collector, in bytes.
const LONGEST_ANSWER: usize = 1 << 20;

type Hyper = legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

pub(super) struct Client {
    hyper: Hyper,
    timeout: Duration,
    /// The runtime of the calls, since the exporter runs on its own thread.
    runtime: Handle,
    /// True if the last batch was lost. Only changes of this are logged.
    is_failing: AtomicBool,
}

impl Client {
    /// Creates a client of this endpoint on the current runtime. `timeout` limits each of its calls.
    pub(super) fn new(endpoint: &Uri, timeout: Duration) -> anyhow::Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let connector = if endpoint.scheme() == Some(&Scheme::HTTPS) {
            HttpsConnectorBuilder::new()
                .with_provider_and_native_roots(provider)
                .context("no certificates to trust were found: SSL_CERT_FILE says where they are")?
        } else {
            // Not used without TLS, and there may be no certificates to load.
            let config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()?
                .with_root_certificates(RootCertStore::empty())
                .with_no_client_auth();
            HttpsConnectorBuilder::new().with_tls_config(config)
        };
        let connector = connector.https_or_http().enable_http1().build();
        Ok(Self {
            hyper: legacy::Client::builder(TokioExecutor::new()).build(connector),
            timeout,
            runtime: Handle::current(),
            is_failing: AtomicBool::new(false),
        })
    }

    fn note(&self, sent: &Result<Response<Bytes>, HttpError>) {
        let failure = match sent {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(response.status().to_string()),
            Err(error) => Some(chain(error.as_ref())),
        };
        let was_failing = self.is_failing.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(error) if !was_failing => tracing::warn!(error, "spans are lost: they cannot be exported"),
            None if was_failing => tracing::info!("spans are exported again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let call = call(self.hyper.clone(), request);
        let timeout = self.timeout;
        let call = self
            .runtime
            .spawn(async move { tokio::time::timeout(timeout, call).await? });
        let sent = call.await.unwrap_or_else(|error| Err(error.into()));
        self.note(&sent);
        sent
    }
}

async fn call(hyper: Hyper, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let response = hyper.request(request.map(Full::new)).await?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, LONGEST_ANSWER).collect().await?.to_bytes();
    Ok(Response::from_parts(head, body))
}

/// Returns the text of an error with its causes.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
