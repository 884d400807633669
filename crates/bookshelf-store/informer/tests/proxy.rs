//! A connector whose API server is behind a proxy.

// Clippy takes only functions marked `#[test]` for tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::net::SocketAddr;

use k8s_openapi::api::core::v1::ConfigMap;
use kube_informer::connector::{ConnectError, Connector, Options};
use kube_informer::object::ObjectKey;
use support::{Answer, listen};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Accepts CONNECT requests (RFC 9110, section 9.3.6), connects them all to one server, whichever one they name, and sends
/// their heads to the receiver.
async fn proxy_to(server: SocketAddr) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, heads) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let sender = sender.clone();
            tokio::spawn(async move {
                let mut client = BufReader::new(client);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    client.read_line(&mut head).await.unwrap();
                }
                sender.send(head).unwrap();
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let mut server = TcpStream::connect(server).await.unwrap();
                copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    (address, heads)
}

#[tokio::test]
async fn requests_go_through_the_proxy_with_its_credentials() {
    let object = r#"{"metadata": {"name": "a", "namespace": "ns"}}"#;
    let server = listen(move |_| Answer::ok(&object)).await;
    let (proxy, mut heads) = proxy_to(server).await;
    // A name that only the proxy knows.
    let mut config = kube::Config::new("http://api-server.invalid:6443".parse().unwrap());
    config.proxy_url = Some(format!("http://user:pass@{proxy}").parse().unwrap());
    let connector = Connector::new(config, &Options::default()).unwrap();

    let config_maps = connector.resource::<ConfigMap>();
    let got = config_maps.get(&ObjectKey::new("ns", "a")).await.unwrap();
    assert_eq!(got.metadata.name.as_deref(), Some("a"));
    let head = heads.recv().await.unwrap().to_lowercase();
    assert!(
        head.starts_with("connect api-server.invalid:6443 http/1.1\r\n"),
        "{head}"
    );
    // RFC 7617: user:pass, in base64.
    assert!(
        head.contains("proxy-authorization: basic dxnlcjpwyxnz\r\n"),
        "{head}"
    );
}

#[tokio::test]
async fn a_proxy_of_an_unknown_kind_is_an_error_and_not_passed_by() {
    let mut config = kube::Config::new("http://api-server.invalid:6443".parse().unwrap());
    config.proxy_url = Some("gopher://proxy".parse().unwrap());
    let refusal = Connector::new(config, &Options::default()).err().unwrap();
    assert!(matches!(refusal, ConnectError::Client(_)), "{refusal}");
}
