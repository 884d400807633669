//! The watch overtakes the list of a check of the cache. The server is a socket that the test controls, since a real
//! API server cannot be made to delay an answer.

// Clippy takes only functions marked `#[test]` for tests.
#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kube_informer::cache::{Builder, Reader};

use k8s_openapi::api::core::v1::ConfigMap;
use kube_informer::ListWatch;
use kube_informer::connector::{Connector, Options};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};

const LIST: &str = r#"{"metadata": {"resourceVersion": "10"}, "items": [{"metadata": {"name": "a", "namespace": "ns", "uid": "u", "resourceVersion": "9"}}]}"#;
const DELETED: &str = r#"{"type": "DELETED", "object": {"metadata": {"name": "a", "namespace": "ns", "uid": "u", "resourceVersion": "12"}}}"#;

struct Server {
    reader: Reader<()>,
    lists: AtomicUsize,
    delete: Notify,
    /// Sends true if the object is in the cache after the check.
    was_there: mpsc::Sender<bool>,
}

impl Server {
    fn has_object(&self) -> bool {
        self.reader.load().get("ns", "a").is_some()
    }

    async fn serve(&self, mut stream: TcpStream) {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut buffer).await {
            let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let (status, body) = if request.contains("sendInitialEvents=true") {
                ("400 Bad Request", "{}")
            } else if request.contains("watch=true") {
                return self.watch(stream).await;
            } else {
                match self.lists.fetch_add(1, Ordering::SeqCst) {
                    0 => {}
                    // The list of the check is ready, but the watch is faster.
                    1 => {
                        self.delete.notify_one();
                        while self.has_object() {
                            tokio::task::yield_now().await;
                        }
                    }
                    // The check before this one is done.
                    _ => _ = self.was_there.send(self.has_object()).await,
                }
                ("200 OK", LIST)
            };
            let length = body.len();
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    }

    async fn watch(&self, mut stream: TcpStream) {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        self.delete.notified().await;
        let chunk = format!("{:x}\r\n{DELETED}\n\r\n", DELETED.len() + 1);
        stream.write_all(chunk.as_bytes()).await.unwrap();
        std::future::pending::<()>().await;
    }
}

#[tokio::test]
async fn a_check_does_not_bring_back_an_object_deleted_during_its_list() {
    let (reader, writer) = Builder::new(|_: ConfigMap| Ok::<_, Infallible>(())).build();
    let (was_there, mut answers) = mpsc::channel(1);
    let server = Arc::new(Server {
        reader,
        lists: AtomicUsize::new(0),
        delete: Notify::new(),
        was_there,
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let server = Arc::clone(&server);
            tokio::spawn(async move { server.serve(stream).await });
        }
    });
    let config = kube::Config::new(url.parse().unwrap());
    let connector = Connector::new(config, &Options::default()).unwrap();
    let list_watch = ListWatch::new(connector.resource::<ConfigMap>()).check_every(Duration::from_millis(50));
    let feed = tokio::spawn(list_watch.run(writer));
    let was_there = tokio::time::timeout(Duration::from_mins(1), answers.recv()).await;
    assert_eq!(was_there, Ok(Some(false)));
    feed.abort();
}
