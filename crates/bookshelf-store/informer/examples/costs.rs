//! Costs of a GET through `kube::Api`, through the connector, and through the connector without
//! `metadata.managedFields`:
//!
//! ```text
//! taskset -c 1 cargo run --release -p kube-informer --example costs
//! ```
//!
//! On one core: with several, the latency of waking another core would be measured as well.
//!
//! The loopback server always sends the same response, so the remaining time is spent in the client.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube_informer::connector::{Connector, Options, ResourceClient};
use kube_informer::object::ObjectKey;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const ROUNDS: usize = 20;
const REQUESTS: u32 = 2_000;

/// An object with the `managedFields` that `kubectl apply --server-side` and one controller leave.
const OBJECT: &str = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"ns","uid":"3b241101-a2bc-42f1-9a54-09d2b9b1ffee","resourceVersion":"7","creationTimestamp":"2026-01-01T00:00:00Z","labels":{"app.kubernetes.io/name":"a","app.kubernetes.io/part-of":"shelf"},"managedFields":[{"manager":"kubectl","operation":"Apply","apiVersion":"v1","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:labels":{"f:app.kubernetes.io/name":{},"f:app.kubernetes.io/part-of":{}}},"f:data":{"f:author":{},"f:title":{}}}},{"manager":"controller","operation":"Update","apiVersion":"v1","time":"2026-01-01T00:00:01Z","fieldsType":"FieldsV1","fieldsV1":{"f:data":{"f:category":{},"f:state":{}}}}]},"data":{"author":"Ursula K. Le Guin","title":"The Dispossessed","category":"novel","state":"lent"}}"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let config = kube::Config::new(serve()?.parse()?);
    let api = Api::<ConfigMap>::namespaced(kube::Client::try_from(config.clone())?, "ns");
    let whole: ResourceClient<ConfigMap> = Connector::new(config, &Options::default())?.resource();
    let without = whole.clone().without_managed_fields();
    let key = ObjectKey::new("ns", "a");

    let mut best = [Duration::MAX; 3];
    for _ in 0..ROUNDS {
        let took = [
            time(async || api.get("a").await).await?,
            time(async || whole.get(&key).await).await?,
            time(async || without.get(&key).await).await?,
        ];
        for (best, took) in best.iter_mut().zip(took) {
            *best = took.min(*best);
        }
    }
    let names = ["kube::Api", "connector", "connector, without managedFields"];
    for (name, best) in names.iter().zip(best) {
        println!("{:6.1} µs  {name}", best.as_secs_f64() * 1e6);
    }
    Ok(())
}

/// Returns the mean time of [`REQUESTS`] sequential requests.
async fn time<E>(
    request: impl AsyncFn() -> std::result::Result<ConfigMap, E>,
) -> std::result::Result<Duration, E> {
    let began = Instant::now();
    for _ in 0..REQUESTS {
        request().await?;
    }
    Ok(began.elapsed() / REQUESTS)
}

/// Answers every request with the object. Returns the URL.
fn serve() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            thread::spawn(move || answer(&connection));
        }
    });
    Ok(address)
}

fn answer(mut connection: &TcpStream) -> Result<()> {
    connection.set_nodelay(true)?;
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        OBJECT.len()
    );
    let answer = [head.as_bytes(), OBJECT.as_bytes()].concat();
    let mut requests = BufReader::new(connection.try_clone()?);
    loop {
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if requests.read_line(&mut line)? == 0 {
                return Ok(());
            }
        }
        connection.write_all(&answer)?;
    }
}
