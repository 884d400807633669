//! A plain HTTP client of an API.

use std::{
    future::{Future, IntoFuture},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use reqwest::{
    Client, Method, RequestBuilder,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::{Answer, Listener, documented};

/// The request timeout, longer than the services' own deadlines.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The timeout of streams, longer than any test listens.
const LONGEST_STREAM: Duration = Duration::from_mins(10);

/// A client of one HTTP server. It can only be used in the runtime, and so in the test, that creates it.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client,
    base: String,
    token: Option<String>,
}

macro_rules! method {
    ($name:ident, $method:ident) => {
        #[doc = concat!("A `", stringify!($method), "` request.")]
        pub fn $name(&self, path: impl AsRef<str>) -> Request {
            self.request(Method::$method, path)
        }
    };
}

impl Api {
    /// Returns a client of the server at `address`.
    pub fn new(address: SocketAddr) -> Result<Self> {
        let client = Client::builder().no_proxy().timeout(TIMEOUT).build()?;
        let base = format!("http://{address}");
        Ok(Self {
            client,
            base,
            token: None,
        })
    }

    /// Returns a client of the server at `address` over HTTPS. It offers these ALPN protocols in this order, such as
    /// `h2` and `http/1.1`.
    pub fn encrypted(address: SocketAddr, trusted: RootCertStore, protocols: &[&str]) -> Result<Self> {
        let tls = tls(trusted, protocols)?;
        let client = Client::builder()
            .no_proxy()
            .timeout(TIMEOUT)
            .tls_backend_preconfigured(tls);
        Ok(Self {
            client: client.build()?,
            base: format!("https://{address}"),
            token: None,
        })
    }

    /// Returns a client of the same server that sends this token.
    #[must_use]
    pub fn as_bearer(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    method!(get, GET);
    method!(head, HEAD);
    method!(post, POST);
    method!(put, PUT);
    method!(patch, PATCH);
    method!(delete, DELETE);

    /// Returns a request of any method.
    pub fn request(&self, method: Method, path: impl AsRef<str>) -> Request {
        let path = path.as_ref();
        let what = format!("{method} {path}");
        let builder = self.client.request(method, format!("{}{path}", self.base));
        let builder = match &self.token {
            Some(token) => builder.bearer_auth(token),
            None => builder,
        };
        Request { what, builder }
    }
}

/// Returns the TLS configuration of a client that trusts these authorities and offers these protocols.
pub fn tls(trusted: RootCertStore, protocols: &[&str]) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(trusted)
        .with_no_client_auth();
    let protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec());
    tls.alpn_protocols = protocols.collect();
    Ok(tls)
}

/// Sends `request` unchanged to the server at `address`, and returns everything received until the connection closes.
/// For requests that no HTTP client would send.
pub async fn raw(address: SocketAddr, request: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    let all = stream.read_to_string(&mut answer);
    timeout(TIMEOUT, all)
        .await
        .context("the connection is not closed")??;
    Ok(answer)
}

/// A request, which is sent when it is awaited.
#[derive(Debug)]
#[must_use = "a request is sent when it is awaited"]
pub struct Request {
    what: String,
    builder: RequestBuilder,
}

impl Request {
    /// Adds a header, and keeps others of that name.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name = HeaderName::try_from(name);
        let value = HeaderValue::from_bytes(value.as_ref());
        match (name, value) {
            (Ok(name), Ok(value)) => self.builder = self.builder.header(name, value),
            // An invalid header becomes an error when the request is sent, like any other.
            _ => self.builder = self.builder.header("", ""),
        }
        self
    }

    /// Sets the tenant of the request.
    pub fn tenant(self, tenant: &str) -> Self {
        self.header("X-TENANT-ID", tenant)
    }

    /// Sets a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Sets a body of any content type.
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.builder = self.builder.header(CONTENT_TYPE, content_type).body(body.into());
        self
    }
}

impl Request {
    /// Requests an event stream, and listens to it.
    pub async fn listen(self) -> Result<Listener> {
        self.listen_for(usize::MAX).await
    }

    /// Does the same as [`Request::listen`], but breaks the connection after this number of bytes of the body.
    pub async fn listen_for(self, bytes: usize) -> Result<Listener> {
        let what = self.what.clone();
        let request = self.header("Accept", "text/event-stream");
        let response = request.builder.timeout(LONGEST_STREAM).send().await?;
        ensure!(response.status() == 200, "{what}: {}", response.status());
        let content_type = response.headers().get(CONTENT_TYPE);
        let is_stream = content_type.is_some_and(|value| value == "text/event-stream; charset=utf-8");
        ensure!(is_stream, "{what}: {content_type:?}");
        documented::check_stream(&what, response.status().as_u16(), response.headers());
        Ok(Listener::to(response, bytes))
    }
}

impl IntoFuture for Request {
    type Output = Result<Answer>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let failed = || format!("{} was not answered", self.what);
            let response = self.builder.send().await.with_context(failed)?;
            let status = response.status().as_u16();
            let (version, headers) = (response.version(), response.headers().clone());
            let body = response.bytes().await.with_context(failed)?.to_vec();
            let answer = Answer {
                what: self.what,
                status,
                version,
                headers,
                body,
            };
            documented::check(&answer);
            Ok(answer)
        })
    }
}
