//! A minimal HTTP/1.1 client on one keep-alive connection, for timing.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufStream},
    net::TcpStream,
};

/// An HTTP/1.1 connection that requests one path.
pub(crate) struct KeepAlive {
    stream: BufStream<TcpStream>,
    request: String,
    body: Vec<u8>,
}

impl KeepAlive {
    pub(crate) async fn open(address: SocketAddr, path: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufStream::new(stream),
            request: format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n"),
            body: Vec::new(),
        })
    }

    /// Sends the request again and returns the body of the response, which must be a 200.
    pub(crate) async fn get(&mut self) -> Result<&[u8]> {
        self.stream.write_all(self.request.as_bytes()).await?;
        self.stream.flush().await?;
        let length = read_head(&mut self.stream).await?;
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body).await?;
        Ok(&self.body)
    }
}

/// Reads the head of a response and returns the length of its body.
async fn read_head(stream: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> Result<usize> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    ensure!(
        line.starts_with("HTTP/1.1 200 "),
        "answered with {:?}",
        line.trim_end()
    );
    let mut length = None;
    loop {
        line.clear();
        ensure!(
            stream.read_line(&mut line).await? > 0,
            "the answer ends in its head"
        );
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            return length.context("an answer without Content-Length");
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = Some(value.trim().parse()?);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_length_of_the_body_is_in_the_head() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-type: text/plain\r\n\r\nok";
        let mut stream = answer.as_slice();
        assert_eq!(read_head(&mut stream).await.unwrap(), 2);
        assert_eq!(stream, b"ok");
    }

    #[tokio::test]
    async fn any_other_answer_is_refused() {
        for answer in [
            "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\n",
        ] {
            assert!(read_head(&mut answer.as_bytes()).await.is_err(), "{answer}");
        }
    }
}
