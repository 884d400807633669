use std::fs;
use std::net::TcpListener;
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, rt, web};
use clap::Parser as _;
use http_0_2::Request;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::encrypted;
use super::shared::Shared;
use crate::args::ServeArgs;
use crate::connection::Connections;
use crate::tls::{HTTP_2, Tls};

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    serve: ServeArgs,
}

async fn answer(request: HttpRequest) -> HttpResponse {
    assert_ne!(request.path(), "/panic", "a panic on purpose");
    HttpResponse::Ok().finish()
}

/// A server, and a client's connection to it.
async fn connected() -> (ServerHandle, Shared<TlsStream<TcpStream>>) {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let args = Flags::parse_from([
        "api".to_owned(),
        format!("--tls-cert-file={}", file("tls.crt", issued.cert.pem())),
        format!(
            "--tls-private-key-file={}",
            file("tls.key", issued.signing_key.serialize_pem())
        ),
        "--workers=1".to_owned(),
    ]);
    let config = Tls::load(&args.serve).unwrap().unwrap().config().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let app = || App::new().default_service(web::to(answer));
    let server = encrypted::serve(listener, config, app, Connections::default(), &args.serve).unwrap();
    let handle = server.handle();
    rt::spawn(server);

    let mut trusted = RootCertStore::empty();
    trusted.add(issued.cert.der().clone()).unwrap();
    let mut tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(trusted)
        .with_no_client_auth();
    tls.alpn_protocols = vec![HTTP_2.to_vec()];
    let stream = TcpStream::connect(address).await.unwrap();
    let connecting = TlsConnector::from(Arc::new(tls)).connect("localhost".try_into().unwrap(), stream);
    (handle, Shared::new(connecting.await.unwrap()))
}

#[actix_web::test]
async fn a_client_that_still_sends_as_the_process_ends_is_not_reset() {
    let (server, mut stream) = connected().await;
    let (mut send, mut connection) = h2::client::handshake(stream.clone()).await.unwrap();
    let request = Request::get("https://localhost/").body(()).unwrap();
    let answer = send.send_request(request, true).unwrap().0;
    let answer = tokio::select! {
        answer = answer => answer.unwrap(),
        ended = &mut connection => panic!("{ended:?}"),
    };
    assert_eq!(answer.status(), 200);

    // From here on by hand: h2 would close its side, too.
    rt::spawn(server.stop(true));
    let ping = |flags, data: &[u8]| [&[0, 0, 8, 6, flags, 0, 0, 0, 0], data].concat();
    let mut frames = Vec::new();
    let pinged = loop {
        assert_ne!(stream.read_buf(&mut frames).await.unwrap(), 0, "{frames:?}");
        if let Some(frame) = frames.windows(17).find(|frame| frame.starts_with(&ping(0, b""))) {
            break frame[9..].to_vec();
        }
    };
    stream.write_all(&ping(1, &pinged)).await.unwrap();
    stream.flush().await.unwrap();
    stream.read_to_end(&mut frames).await.unwrap();
    // The server has closed its side. A reset would fail the write after the one that causes it.
    for _ in 0..100 {
        stream.write_all(&ping(0, b"pingping")).await.unwrap();
        stream.flush().await.unwrap();
    }
}

#[actix_web::test]
async fn a_handler_that_panics_ends_its_request_and_nothing_else_on_the_connection() {
    let (server, stream) = connected().await;
    let (mut send, connection) = h2::client::handshake(stream).await.unwrap();
    rt::spawn(connection);
    for _ in 0..2 {
        let mut answers = Vec::new();
        for path in ["/panic", "/"] {
            send = send.ready().await.unwrap();
            let request = Request::get(format!("https://localhost{path}")).body(()).unwrap();
            answers.push(send.send_request(request, true).unwrap().0);
        }
        let [panicked, answered] = answers.try_into().unwrap_or_else(|_| unreachable!());
        assert!(panicked.await.unwrap_err().is_reset());
        assert_eq!(answered.await.unwrap().status(), 200);
    }
    server.stop(false).await;
}
