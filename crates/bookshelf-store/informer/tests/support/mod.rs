//! An API server that a test controls: a socket, since a real API server cannot be made to misbehave at will.

#![allow(dead_code, reason = "not every test needs all of it")]

use std::net::SocketAddr;
use std::sync::Arc;

use kube_informer::connector::{Connector, Options};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The server's reaction to a request.
pub(crate) enum Answer {
    /// Answers with this status line and body.
    With(&'static str, String),
    /// Opens a watch, sends these lines, if any, and keeps the watch open.
    Watch(Vec<String>),
}

impl Answer {
    pub(crate) fn ok(body: &impl ToString) -> Self {
        Self::With("200 OK", body.to_string())
    }
}

/// Returns a connector to a server that [`listen`] starts.
pub(crate) async fn api_server(
    options: &Options,
    answer: impl Fn(&str) -> Answer + Send + Sync + 'static,
) -> Connector {
    let url = format!("http://{}", listen(answer).await);
    Connector::new(kube::Config::new(url.parse().unwrap()), options).unwrap()
}

/// Starts a server that answers each request with `answer`, which gets the first line, and returns its address.
pub(crate) async fn listen(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            tokio::spawn(async move { serve(stream, &*answer).await });
        }
    });
    address
}

async fn serve(mut stream: TcpStream, answer: &(impl Fn(&str) -> Answer + Sync)) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
        match answer(request.lines().next().unwrap_or_default()) {
            Answer::With(status, body) => {
                let length = body.len();
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await?;
            }
            Answer::Watch(lines) => {
                let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
                stream.write_all(head.as_bytes()).await?;
                for line in lines {
                    let chunk = format!("{:x}\r\n{line}\n\r\n", line.len() + 1);
                    stream.write_all(chunk.as_bytes()).await?;
                }
                // Until the client leaves.
                while stream.read(&mut buffer).await? > 0 {}
            }
        }
    }
}
