//! Writes in progress while the API server hangs.

use anyhow::{Result, ensure};
use control_plane::Component;
use e2e::{Library, Program, Service, eventually};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::Turn;

/// A single worker processes data in the order of its arrival.
const ARGUMENTS: [&str; 3] = ["--workers=1", "--kube-timeout=4", "--log=info"];

/// The body of the health route.
const THERE: &str = r#"{"status":"ok"}"#;

async fn services(turn: &Turn) -> Result<([Service; 2], Library)> {
    let admin = Service::start(Program::Admin, turn.cluster(), &ARGUMENTS).await?;
    let user = Service::start(Program::User, turn.cluster(), &ARGUMENTS).await?;
    let library = Library::open_in(turn.cluster(), &admin, &user).await?;
    library.add("book").await?;
    Ok(([admin, user], library))
}

/// Returns the connection of a client that can be cut off, once it is served.
async fn client(service: &Service) -> Result<TcpStream> {
    let mut client = TcpStream::connect(service.address()).await?;
    client
        .write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await?;
    let mut answer = String::new();
    while !answer.ends_with(THERE) {
        answer.push_str(&read(&mut client).await?);
    }
    Ok(client)
}

async fn read(client: &mut TcpStream) -> Result<String> {
    let mut bytes = vec![0; 4096];
    let length = client.read(&mut bytes).await?;
    ensure!(length > 0, "the connection was closed");
    Ok(String::from_utf8_lossy(&bytes[..length]).into_owned())
}

/// Sends a write from a client, and waits until it is in progress.
async fn send(client: &mut TcpStream, library: &Library, head: &str, body: &Value) -> Result<()> {
    let (body, length) = (body.to_string(), body.to_string().len());
    let request = format!(
        "{head}\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    client.write_all(request.as_bytes()).await?;
    for _ in 0..2 {
        library.admin.get("/health").await?.json(200);
    }
    Ok(())
}

#[tokio::test]
async fn a_write_whose_client_goes_away_leaves_a_line_and_is_counted() -> Result<()> {
    let turn = Turn::take().await?;
    let ([admin, _user], library) = services(&turn).await?;
    let path = library.path("book");
    let mut client = client(&admin).await?;
    turn.control_plane().pause(Component::Apiserver)?;
    let head = format!("PUT {path} HTTP/1.1\r\nX-Request-ID: gone");
    send(&mut client, &library, &head, &library.body("book")).await?;
    // Closed with a reset, which the kernel reports at once.
    client.set_zero_linger()?;
    drop(client);
    let mut log = admin.log();
    let is_of = |line: &Value| line["span"]["request_id"] == "gone" && line["status"].is_number();
    let line = log.line("the client is gone", is_of).await?;
    turn.control_plane().resume(Component::Apiserver)?;
    assert_eq!(
        json!([line["level"], line["method"], line["path"], line["status"]]),
        json!(["INFO", "PUT", path, 499]),
        "{line}"
    );
    let metrics = admin.ops()?.get("/metrics").await?.text();
    let counted =
        r#"http_request_method="PUT",http_route="/book/{namespace}/{id}",http_response_status_code="499"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn the_key_of_a_running_request_is_refused_to_another_one() -> Result<()> {
    let turn = Turn::take().await?;
    let ([admin, _user], library) = services(&turn).await?;
    let create = |id: &str| {
        let create = library.admin.post(library.list_path()).json(&library.body(id));
        create.header("Idempotency-Key", "key")
    };
    let mut first = client(&admin).await?;
    turn.control_plane().pause(Component::Apiserver)?;
    let head = format!("POST {} HTTP/1.1\r\nIdempotency-Key: key", library.list_path());
    send(&mut first, &library, &head, &library.body("first")).await?;
    create("second").await?.problem(409, "in_progress");
    turn.control_plane().resume(Component::Apiserver)?;
    if !read(&mut first).await?.starts_with("HTTP/1.1 201") {
        // The request took too long, so its outcome is unknown to its client.
        create("first").await?.json(201);
    }
    eventually("what it has made is known", async || {
        Ok((library.admin.get(library.path("first")).await?.status == 200).then_some(()))
    })
    .await?;
    create("second").await?.problem(422, "key_reused");
    turn.leave();
    Ok(())
}
