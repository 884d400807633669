//! The end of streams: by the client, by the service's shutdown, and by a timeout for clients that do not read.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use e2e::{Cluster, Library, Program, Service, eventually};
use futures::StreamExt as _;
use rustix::process::Signal;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use super::{about, stream_of, synced};

async fn open_streams(service: &Service) -> Result<u64> {
    let metrics = service.ops()?.get("/metrics").await?.text();
    let mut lines = metrics.lines();
    let count = lines.find_map(|line| line.strip_prefix("http_server_active_streams "));
    Ok(count.context("the gauge")?.parse()?)
}

async fn are_open(service: &Service, streams: u64) -> Result<()> {
    eventually(&format!("{streams} streams are open"), async || {
        Ok((open_streams(service).await? == streams).then_some(()))
    })
    .await
}

/// Opens a connection that requests `path` and reads nothing, with the smallest receive buffer.
async fn request_and_do_not_read(service: &Service, path: &str, accept: &str) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(1)?;
    let mut stream = socket.connect(service.address()).await?;
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    Ok(stream)
}

/// Adds books with the longest descriptions: in total more than kernels buffer for a connection.
async fn fill(library: &Library) -> Result<()> {
    let fill = (0..400).map(|number| {
        let mut body = library.body(&format!("book-{number}"));
        body["description"] = "x".repeat(16_384).into();
        library.admin.post(library.list_path()).json(&body)
    });
    // A few at a time, since the control plane serves other tests too.
    let mut added = futures::stream::iter(fill.map(IntoFuture::into_future)).buffer_unordered(4);
    while let Some(answer) = added.next().await {
        answer?.json(201);
    }
    Ok(())
}

#[tokio::test]
async fn an_idle_stream_sends_heartbeats() -> Result<()> {
    let library = Library::open().await?;
    let shared = library.shared.as_ref().context("the shared APIs")?;
    let mut stream = TcpStream::connect(shared.admin().address()).await?;
    let head = format!(
        "GET {} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n",
        library.list_path()
    );
    let start = Instant::now();
    stream.write_all(head.as_bytes()).await?;
    let mut received = Vec::new();
    // Heartbeats have an id to resume from, but no event.
    let comments = |received: &[u8]| {
        received
            .windows(7)
            .filter(|window| window == b"\r\n:\nid:")
            .count()
    };
    while comments(&received) < 2 {
        let read = timeout(Duration::from_secs(40), stream.read_buf(&mut received)).await??;
        assert_ne!(
            read,
            0,
            "the stream has ended: {}",
            String::from_utf8_lossy(&received)
        );
    }
    assert!(
        (25..45).contains(&start.elapsed().as_secs()),
        "{:?}",
        start.elapsed()
    );
    Ok(())
}

#[tokio::test]
async fn a_service_that_ends_ends_its_streams_at_once() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for program in Program::ALL {
        let mut service = Service::start(program, &Cluster::shared()?, &[]).await?;
        let mut listeners = Vec::new();
        for _ in 0..5 {
            let mut listener = stream_of(&service.api()?, &library.list_path()).listen().await?;
            synced(&mut listener, &library).await?;
            listeners.push(listener);
        }
        are_open(&service, 5).await?;
        let start = Instant::now();
        service.signal(Signal::TERM)?;
        for mut listener in listeners {
            while listener.next().await?.is_some() {}
        }
        assert!(service.ended().await?.success());
        // The next heartbeat would come after 15 seconds, and requests in progress have 20.
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        let log = service.log().rest()?;
        assert_eq!(log.last().context("a last line")?["message"], "stopped");
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_ends_with_its_client() -> Result<()> {
    let library = Library::open().await?;
    let service = Service::start(Program::Admin, &library.cluster, &[]).await?;
    let before = service.connections()?;
    let mut listener = stream_of(&service.api()?, &library.list_path()).listen().await?;
    synced(&mut listener, &library).await?;
    are_open(&service, 1).await?;
    drop(listener);
    are_open(&service, 0).await?;
    eventually("its connection is closed", async || {
        Ok((service.connections()? <= before).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_client_that_does_not_read_loses_its_connection_and_costs_the_others_nothing() -> Result<()> {
    let library = Library::open().await?;
    fill(&library).await?;
    let service = Service::start(Program::Admin, &library.cluster, &["--write-timeout=2"]).await?;
    let api = service.api()?;
    let mut listener = stream_of(&api, &library.list_path()).listen().await?;
    synced(&mut listener, &library).await?;
    let before = service.connections()?;

    let mut silent = Vec::new();
    for accept in ["text/event-stream", "application/json"] {
        for _ in 0..3 {
            silent.push(request_and_do_not_read(&service, &library.list_path(), accept).await?);
        }
    }
    are_open(&service, 4).await?;
    eventually("their connections are open", async || {
        Ok((service.connections()? >= before + silent.len()).then_some(()))
    })
    .await?;
    // A client that reads still gets every event.
    for round in 0..5 {
        let body = json!({"author": "A", "title": format!("Round {round}")});
        library.put("book-0", &body).await?.json(200);
        let (event, data) = about(&mut listener, &library, "book-0").await?;
        assert_eq!((event.as_str(), &data["title"]), ("updated", &body["title"]));
    }
    are_open(&service, 1).await?;
    eventually("their connections are closed", async || {
        Ok((service.connections()? <= before).then_some(()))
    })
    .await?;
    // They get the bytes that were already sent, and nothing more.
    for mut stream in silent {
        let mut received = Vec::new();
        let read = timeout(Duration::from_secs(30), stream.read_to_end(&mut received)).await?;
        assert!(
            received.len() < 400 * 16_384,
            "{read:?}: {} bytes",
            received.len()
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_service_that_ends_does_not_wait_for_clients_that_do_not_read() -> Result<()> {
    let library = Library::open().await?;
    fill(&library).await?;
    for program in Program::ALL {
        let arguments = ["--shutdown-timeout=60", "--write-timeout=60"];
        let mut service = Service::start(program, &Cluster::shared()?, &arguments).await?;
        let mut silent = Vec::new();
        for _ in 0..3 {
            silent.push(request_and_do_not_read(&service, &library.list_path(), "text/event-stream").await?);
        }
        are_open(&service, 3).await?;
        // Refused requests for streams leave no connection open.
        {
            let api = service.api()?;
            let accept = |request: e2e::Request| request.header("Accept", "text/event-stream");
            assert_eq!(accept(api.head(library.list_path())).await?.status, 200);
            let page = format!("{}?limit=1", library.list_path());
            accept(api.get(page)).await?.invalid("limit");
        }
        let start = Instant::now();
        service.signal(Signal::TERM)?;
        assert!(service.ended().await?.success());
        let took = start.elapsed();
        let log = service.log().rest()?;
        assert!(took < Duration::from_secs(20), "{took:?}: {log:?}");
        assert_eq!(log.last().context("a last line")?["message"], "stopped");
    }
    Ok(())
}
