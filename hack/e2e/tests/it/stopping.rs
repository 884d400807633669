//! The shutdown of a service: graceful, after running requests have finished.

use std::time::Instant;

use anyhow::{Context as _, Result};
use e2e::{Cluster, Library, Program, Service, eventually};
use rustix::process::Signal;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A request whose handler is waiting for the rest of its body.
struct UnderWay {
    stream: TcpStream,
    body: String,
}

impl UnderWay {
    /// Begins a PUT of the library's book, and waits until its handler runs.
    async fn begin(service: &Service, library: &Library) -> Result<Self> {
        let body = json!({"author": "In time", "title": "T"}).to_string();
        let mut stream = TcpStream::connect(service.address()).await?;
        let head = format!(
            "PUT {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Expect: 100-continue\r\n\r\n",
            library.path("book"),
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            assert_ne!(
                stream.read_buf(&mut answer).await?,
                0,
                "the service asks for the body"
            );
        }
        assert!(
            answer.starts_with(b"HTTP/1.1 100"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
        stream.write_all(&body.as_bytes()[..5]).await?;
        Ok(Self { stream, body })
    }

    /// Sends the rest, and returns the response.
    async fn finish(mut self) -> Result<String> {
        self.stream.write_all(&self.body.as_bytes()[5..]).await?;
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }
}

async fn service(program: Program, arguments: &[&str]) -> Result<Service> {
    Service::start(program, &Cluster::shared()?, arguments).await
}

/// Waits until a service logs its shutdown.
async fn announced(service: &Service) -> Result<()> {
    let mut log = service.log();
    log.line("it shuts down", |line| line["message"] == "shutting down")
        .await?;
    Ok(())
}

#[tokio::test]
async fn sigterm_and_sigint_end_both_with_success() -> Result<()> {
    for program in Program::ALL {
        for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::INT, "SIGINT")] {
            let mut service = service(program, &[]).await?;
            // A client that keeps its connection open does not delay the shutdown.
            let api = service.api()?;
            api.get("/health").await?.json(200);
            let start = Instant::now();
            service.signal(signal)?;
            let status = service.ended().await?;
            assert!(status.success(), "{program:?} {name}: {status}");
            assert!(
                start.elapsed().as_secs() < 10,
                "{program:?} {name}: {:?}",
                start.elapsed()
            );
            let log = service.log().rest()?;
            assert!(log.iter().any(|line| line["signal"] == name), "{log:?}");
            assert_eq!(log.last().context("a last line")?["message"], "stopped");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_request_under_way_is_finished() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let mut service = service(Program::Admin, &[]).await?;
    eventually("it knows the book", async || {
        let answer = service.api()?.get(library.path("book")).await?;
        Ok((answer.status == 200).then_some(()))
    })
    .await?;
    let request = UnderWay::begin(&service, &library).await?;
    service.signal(Signal::TERM)?;
    announced(&service).await?;

    let answer = request.finish().await?;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\"author\":\"In time\""), "{answer}");
    assert!(service.ended().await?.success());
    assert_eq!(library.books().get("book").await?.spec.author, "In time");
    Ok(())
}

#[tokio::test]
async fn a_request_that_takes_longer_than_it_may_is_cut_off() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let mut service = service(Program::Admin, &["--shutdown-timeout=1"]).await?;
    let _request = UnderWay::begin(&service, &library).await?;
    let start = Instant::now();
    service.signal(Signal::TERM)?;
    assert!(service.ended().await?.success());
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    Ok(())
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let mut service = service(Program::Admin, &["--shutdown-timeout=300"]).await?;
    let _request = UnderWay::begin(&service, &library).await?;
    service.signal(Signal::TERM)?;
    eventually("it takes no more connections", async || {
        Ok(TcpStream::connect(service.address()).await.is_err().then_some(()))
    })
    .await?;
    let start = Instant::now();
    service.signal(Signal::TERM)?;
    assert!(service.ended().await?.success());
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    Ok(())
}

#[tokio::test]
async fn requests_are_answered_during_the_shutdown_delay_although_it_is_not_ready() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for program in Program::ALL {
        let service = service(program, &["--shutdown-delay=300"]).await?;
        service.signal(Signal::TERM)?;
        announced(&service).await?;
        let ops = service.ops()?;
        let answer = ops.get("/readyz").await?;
        assert_eq!(answer.status, 503);
        assert!(
            answer.text().contains("[-]not-draining failed"),
            "{}",
            answer.text()
        );
        assert_eq!(ops.get("/livez").await?.status, 200);
        let api = service.api()?;
        let answers = [
            api.get(library.list_path()).await?,
            api.get(library.path("other")).await?,
            api.get("/health").await?,
        ];
        for (answer, status) in answers.iter().zip([200, 404, 200]) {
            assert_eq!(answer.status, status);
            // The response tells a client that keeps its connection about the shutdown.
            assert_eq!(answer.header("connection"), "close");
        }
        // Drop kills the service, which would otherwise wait for the shutdown delay.
    }
    Ok(())
}
