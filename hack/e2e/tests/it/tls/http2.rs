//! HTTP/2: event streams next to requests, clients that do not read, and the shutdown of the service.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use e2e::{Library, Mirror, Program, eventually};
use h2::{
    Reason, RecvStream,
    client::{Builder, SendRequest},
};
use http_0_2::{Request, Response};
use rustix::process::Signal;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Encrypted, HTTP_2};

/// A connection from which the test reads only as much as it chooses.
struct Raw(SendRequest<Bytes>);

impl Raw {
    /// Connects with a window of this number of bytes for each response.
    async fn connect(encrypted: &Encrypted, window: u32) -> Result<Self> {
        let tls = Arc::new(e2e::tls(encrypted.issued.authority.clone(), HTTP_2)?);
        let stream = TcpStream::connect(encrypted.service.address()).await?;
        let stream = TlsConnector::from(tls)
            .connect("localhost".try_into()?, stream)
            .await?;
        let mut builder = Builder::new();
        builder
            .initial_window_size(window)
            .initial_connection_window_size(16 << 20);
        let (send, connection) = builder.handshake(stream).await?;
        tokio::spawn(connection);
        Ok(Self(send))
    }

    /// Requests a path, and returns the head of the response with its unread body.
    async fn ask(&mut self, path: &str, accept: &str) -> Result<Response<RecvStream>> {
        self.0 = self.0.clone().ready().await?;
        let request = Request::get(format!("https://localhost{path}"))
            .header("accept", accept)
            .body(())?;
        let (answer, _) = self.0.send_request(request, true)?;
        Ok(answer.await?)
    }
}

impl Encrypted {
    async fn has_streams(&self, count: &str) -> Result<()> {
        eventually(&format!("{count} streams are open"), async || {
            let open = self.metric("http_server_active_streams").await?;
            Ok((open.as_deref() == Some(count)).then_some(()))
        })
        .await
    }
}

/// Adds books whose list exceeds the window of a stream.
async fn fill(library: &Library) -> Result<()> {
    for number in 0..20 {
        let mut body = library.body(&format!("book-{number}"));
        body["description"] = "x".repeat(16_000).into();
        library
            .admin
            .post(library.list_path())
            .json(&body)
            .await?
            .json(201);
    }
    Ok(())
}

#[tokio::test]
async fn streams_and_requests_share_a_connection_and_streams_go_on_from_their_last_id() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let encrypted = Encrypted::start(Program::Admin, &library, &[]).await?;
    let api = encrypted.api(HTTP_2)?;
    encrypted.has_streams("0").await?;
    api.get("/health").await?.json(200);
    let before = encrypted.service.connections()?;
    let (mut listeners, mut last_id) = (Vec::new(), String::new());
    for _ in 0..10 {
        let mut listener = api.get(library.list_path()).listen().await?;
        last_id.clone_from(
            &listener
                .until("synced")
                .await?
                .last()
                .context("an event")?
                .last_id,
        );
        listeners.push(listener);
    }
    encrypted.has_streams("10").await?;
    let body = json!({"author": "A", "title": "Over HTTP/2"});
    api.put(library.path("book")).json(&body).await?.json(200);
    for listener in &mut listeners {
        assert_eq!(listener.next_event().await?.data["title"], "Over HTTP/2");
    }
    let resumed = api.get(library.list_path()).header("Last-Event-ID", &last_id);
    let received = resumed.listen().await?.next_event().await?;
    assert_eq!(
        (received.event.as_str(), &received.data["title"]),
        ("updated", &json!("Over HTTP/2"))
    );
    assert_eq!((before, encrypted.service.connections()?), (1, 1));
    drop(listeners);
    encrypted.has_streams("0").await?;
    api.get("/health").await?.json(200);
    Ok(())
}

#[tokio::test]
async fn a_large_list_is_the_same_over_http_2() -> Result<()> {
    let library = Library::open().await?;
    fill(&library).await?;
    let encrypted = Encrypted::start(Program::Admin, &library, &[]).await?;
    let list = encrypted.api(HTTP_2)?.get(library.list_path()).await?.json(200);
    assert_eq!(Mirror::of_list(&list)?.len(), 20);
    assert_eq!(
        list,
        encrypted
            .api(super::HTTP_1)?
            .get(library.list_path())
            .await?
            .json(200)
    );
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_not_read_is_given_up_and_nothing_else_on_its_connection() -> Result<()> {
    let library = Library::open().await?;
    fill(&library).await?;
    let encrypted = Encrypted::start(Program::Admin, &library, &["--write-timeout=2"]).await?;
    let mut raw = Raw::connect(&encrypted, 1000).await?;
    let mut silent = Vec::new();
    for accept in ["application/json", "text/event-stream"] {
        silent.push(raw.ask(&library.list_path(), accept).await?.into_body());
    }
    encrypted.has_streams("1").await?;
    encrypted.has_streams("0").await?;
    let mut health = raw.ask("/health", "application/json").await?;
    assert_eq!(health.status(), 200);
    let said = health.body_mut().data().await.context("a body")??;
    assert_eq!(said, r#"{"status":"ok"}"#);
    for mut body in silent {
        let mut read = 0;
        let error = loop {
            match body.data().await.context("an error at the end")? {
                Ok(chunk) => read += chunk.len(),
                Err(error) => break error,
            }
        };
        assert_eq!((read, error.reason()), (1000, Some(Reason::CANCEL)));
    }
    Ok(())
}

#[tokio::test]
async fn a_connection_that_does_not_read_many_answers_costs_little_memory() -> Result<()> {
    let library = Library::open().await?;
    fill(&library).await?;
    let encrypted = Encrypted::start(Program::Admin, &library, &[]).await?;
    encrypted.api(HTTP_2)?.get(library.list_path()).await?.json(200);
    let mut raw = Raw::connect(&encrypted, 1000).await?;
    let before = encrypted.service.memory()?;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(raw.ask(&library.list_path(), "application/json").await?);
        silent.push(raw.ask(&library.list_path(), "text/event-stream").await?);
    }
    encrypted.has_streams("100").await?;
    // Copies of the list would use at least 60 MiB.
    let grown = encrypted.service.memory()?.saturating_sub(before);
    assert!(grown < 30, "{grown} MiB");
    assert_eq!(raw.ask("/health", "*/*").await?.status(), 200);
    drop(silent);
    encrypted.has_streams("0").await
}

#[tokio::test]
async fn a_service_that_ends_answers_the_requests_under_way_and_waits_for_no_idle_connection() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for under_way in [false, true] {
        let mut encrypted = Encrypted::start(Program::Admin, &library, &["--shutdown-timeout=60"]).await?;
        let mut raw = Raw::connect(&encrypted, 1 << 20).await?;
        let stream = raw.ask(&library.list_path(), "text/event-stream").await?;
        let path = format!("https://localhost{}", library.path("book"));
        let mut begun = None;
        if under_way {
            let put = Request::put(path)
                .header("content-type", "application/json")
                .body(())?;
            begun = Some(raw.0.send_request(put, false)?);
        }
        // This request is ordered after the stream's, so the stream is open before the shutdown.
        assert_eq!(raw.ask("/health", "*/*").await?.status(), 200);
        let start = Instant::now();
        encrypted.service.signal(Signal::TERM)?;
        let mut body = stream.into_body();
        while let Some(Ok(chunk)) = body.data().await {
            body.flow_control().release_capacity(chunk.len())?;
        }
        assert!(body.is_end_stream(), "the stream ends in order");
        if let Some((answer, mut send)) = begun {
            // The client learns that it must send new requests elsewhere.
            eventually("no new request is taken", async || {
                Ok(raw.ask("/health", "*/*").await.is_err().then_some(()))
            })
            .await?;
            send.send_data(
                json!({"author": "In time", "title": "T"}).to_string().into(),
                true,
            )?;
            assert_eq!(answer.await?.status(), 200);
        }
        assert!(encrypted.service.ended().await?.success());
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }
    assert_eq!(library.books().get("book").await?.spec.author, "In time");
    Ok(())
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused_and_the_connection_goes_on() -> Result<()> {
    let library = Library::open().await?;
    let encrypted = Encrypted::start(Program::User, &library, &[]).await?;
    let mut raw = Raw::connect(&encrypted, 1 << 20).await?;
    let large = "a".repeat(100_000);
    let answer = raw.ask("/health", &large).await;
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status() == 431));
    assert_eq!(encrypted.api(HTTP_2)?.get("/health").await?.status, 200);
    Ok(())
}
