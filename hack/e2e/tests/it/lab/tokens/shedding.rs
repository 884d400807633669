//! Token mode while the API server sheds reviews (429) or queues them.

use std::{
    fs, io,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use e2e::{Library, book, eventually};
use futures::stream;
use kube::api::PostParams;
use reqwest::{Body, Client, header::CONTENT_TYPE};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::timeout};

use super::{House, Turn};

/// A priority level without seats. It still executes a single request, and rejects concurrent ones.
const SHED: &str = r#"
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: PriorityLevelConfiguration
metadata: {name: no-reviews}
spec:
  type: Limited
  limited:
    nominalConcurrencyShares: 0
    lendablePercent: 0
    borrowingLimitPercent: 0
    limitResponse: {type: Reject}
---
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: FlowSchema
metadata: {name: no-reviews}
spec:
  matchingPrecedence: 2
  priorityLevelConfiguration: {name: no-reviews}
  rules:
  - subjects:
    - kind: ServiceAccount
      serviceAccount: {name: bookshelf-admin-api, namespace: bookshelf}
    resourceRules:
    - verbs: [create]
      apiGroups: [authentication.k8s.io]
      resources: [tokenreviews]
      clusterScope: true
    - verbs: [create]
      apiGroups: [bookshelf.lostinsoba.com]
      resources: [books]
      namespaces: ["*"]
"#;

/// A priority level without seats, whose requests wait in a queue until they time out.
const QUEUE: &str = r"
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: PriorityLevelConfiguration
metadata: {name: slow-reviews}
spec:
  type: Limited
  limited:
    nominalConcurrencyShares: 0
    lendablePercent: 0
    borrowingLimitPercent: 0
    limitResponse: {type: Queue, queuing: {queues: 1, handSize: 1, queueLengthLimit: 50}}
---
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: FlowSchema
metadata: {name: slow-reviews}
spec:
  matchingPrecedence: 2
  priorityLevelConfiguration: {name: slow-reviews}
  rules:
  - subjects:
    - kind: ServiceAccount
      serviceAccount: {name: bookshelf-admin-api, namespace: bookshelf}
    resourceRules:
    - verbs: [create]
      apiGroups: [authentication.k8s.io, authorization.k8s.io]
      resources: [tokenreviews, subjectaccessreviews]
      clusterScope: true
";

/// Waits until an API server metric of that priority level has this value.
async fn level_has(library: &Library, metric: &str, value: &str) -> Result<()> {
    eventually(&format!("{metric} is {value}"), async || {
        let request = http::Request::get("/metrics").body(Vec::new())?;
        let metrics = library.client.request_text(request).await?;
        let mut lines = metrics.lines();
        let is_so = lines.any(|line| {
            let is_it = line.starts_with(metric) && line.contains(r#"priority_level="no-reviews""#);
            is_it && line.ends_with(&format!(" {value}"))
        });
        Ok(is_so.then_some(()))
    })
    .await
}

/// Occupies the single place of the priority level with a create whose body never arrives.
async fn occupy(turn: &Turn, namespace: &str) -> Result<JoinHandle<()>> {
    let kubeconfig = serde_json::to_value(turn.cluster().kubeconfig_of("admin-api").await?)?;
    let text = |pointer: &str| {
        let text = kubeconfig.pointer(pointer).and_then(Value::as_str);
        text.map(str::to_owned).with_context(|| format!("no {pointer}"))
    };
    let ca = fs::read(turn.control_plane().data_dir().join("pki/ca.crt"))?;
    let mut trusted = RootCertStore::empty();
    trusted.add(CertificateDer::from_pem_slice(&ca)?)?;
    let client = Client::builder()
        .no_proxy()
        .tls_backend_preconfigured(e2e::tls(trusted, &["http/1.1"])?)
        .build()?;
    let server = text("/clusters/0/cluster/server")?;
    let path = format!("/apis/bookshelf.lostinsoba.com/v1alpha1/namespaces/{namespace}/books");
    let create = client
        .post(format!("{server}{path}"))
        .bearer_auth(text("/users/0/user/token")?)
        .header(CONTENT_TYPE, "application/json")
        .body(Body::wrap_stream(stream::pending::<Result<Bytes, io::Error>>()));
    Ok(tokio::spawn(async move {
        // The request ends with the test.
        let _ = create.send().await;
    }))
}

#[tokio::test]
async fn an_api_server_that_sheds_load_lets_no_unknown_caller_in_and_no_event_out() -> Result<()> {
    let turn = Turn::take().await?;
    let house = House::open(&turn).await?;
    let (path, library) = (house.library.path("book"), &house.library);
    let (known_token, known) = house.known_caller().await?;
    let mut stream = known.get(library.list_path()).listen().await?;
    stream.until("synced").await?;
    let kubectl = turn.cluster().kubectl().await?;
    kubectl.apply(SHED).await?;
    level_has(library, "apiserver_flowcontrol_nominal_limit_seats", "0").await?;
    let occupant = occupy(&turn, &library.namespace).await?;
    level_has(library, "apiserver_flowcontrol_current_executing_seats", "1").await?;

    let (unknown_token, unknown) = house.unknown_caller().await?;
    super::away::assert_undecided(&unknown, library).await?;
    eventually("the kept decision ends", async || {
        let read = known.get(&path).await?;
        if read.status != 200 {
            read.problem(503, "unavailable");
        }
        Ok((read.status != 200).then_some(()))
    })
    .await?;

    // The stream stays open, without events while the listener cannot be authorized.
    library
        .books()
        .create(&PostParams::default(), &book("later"))
        .await?;
    let key = format!("{}/later", library.namespace);
    let mut log = house.admin.log();
    log.line("the book is known", |line| {
        line["kind"] == "book" && line["key"] == key
    })
    .await?;
    let received = timeout(Duration::from_secs(2), stream.next()).await;
    assert!(received.is_err(), "{received:?}");

    occupant.abort();
    kubectl
        .run(&["delete", "flowschema,prioritylevelconfiguration", "no-reviews"])
        .await?;
    for api in [&known, &unknown] {
        house.lets_in(api).await?;
    }
    let received = stream.next_event().await?;
    assert_eq!(
        (received.event.as_str(), &received.data["id"]),
        ("created", &json!("later"))
    );
    house.keeps_secret(&[&known_token, &unknown_token]).await?;
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn a_stream_sends_no_event_while_a_slow_review_decides_on_it() -> Result<()> {
    let turn = Turn::take().await?;
    let house = House::open(&turn).await?;
    let library = &house.library;
    let kubectl = turn.cluster().kubectl().await?;
    let (_, caller) = house.unknown_caller().await?;
    let mut stream = caller.get(library.list_path()).listen().await?;
    stream.until("synced").await?;
    kubectl.apply(QUEUE).await?;
    let (_, waiting) = house.unknown_caller().await?;
    eventually("reviews wait", async || {
        let answer = waiting.get(library.path("book")).await?;
        Ok((answer.status == 503).then_some(()))
    })
    .await?;
    // An earlier decision is kept for ten seconds.
    let waits_since = Instant::now();
    eventually("the decisions end", async || {
        Ok((waits_since.elapsed() >= Duration::from_secs(10)).then_some(()))
    })
    .await?;

    let (key, mut log) = (format!("{}/later", library.namespace), house.admin.log());
    library
        .books()
        .create(&PostParams::default(), &book("later"))
        .await?;
    log.line("the book is known", |line| {
        line["kind"] == "book" && line["key"] == key
    })
    .await?;
    let received = timeout(Duration::from_secs(1), stream.next()).await;
    assert!(received.is_err(), "{received:?}");

    kubectl
        .run(&["delete", "flowschema,prioritylevelconfiguration", "slow-reviews"])
        .await?;
    let received = stream.next_event().await?;
    assert_eq!(
        (received.event.as_str(), &received.data["id"]),
        ("created", &json!("later"))
    );
    turn.leave();
    Ok(())
}
