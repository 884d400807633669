//! Every request to the API server is a span, including the requests of a list-watch.

// Clippy takes only functions marked `#[test]` for tests.
#![allow(clippy::unwrap_used)]

mod support;

use std::convert::Infallible;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kube_informer::cache::Builder;

use k8s_openapi::api::core::v1::ConfigMap;
use kube_informer::ListWatch;
use kube_informer::connector::Options;
use serde_json::json;
use support::{Answer, api_server};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Records the names of spans.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<String>>>);

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.name() == "kubernetes"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Name(self));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Name<'a>(&'a Spans);

impl Visit for Name<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "otel.name" {
            self.0.0.lock().unwrap().push(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

#[tokio::test]
async fn lists_and_watches_are_spans() {
    let spans = Spans::default();
    let _guard = tracing::subscriber::set_default(spans.clone());
    let answer = |request: &str| {
        if request.contains("sendInitialEvents=true") {
            Answer::With("400 Bad Request", "{}".to_owned())
        } else if request.contains("watch=true") {
            let bookmark = json!({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "8"}}});
            Answer::Watch(vec![bookmark.to_string()])
        } else {
            Answer::ok(&json!({"metadata": {"resourceVersion": "7"}, "items": []}))
        }
    };
    let connector = api_server(&Options::default(), answer).await;
    let (reader, writer) = Builder::new(|_: ConfigMap| Ok::<_, Infallible>(())).build();
    let feed = tokio::spawn(ListWatch::new(connector.resource()).run(writer));
    let reached = reader.wait_for("8".parse().unwrap(), Duration::from_secs(30));
    reached.await.unwrap();
    let names = spans.0.lock().unwrap().clone();
    assert_eq!(names, ["watch configmaps", "list configmaps", "watch configmaps"]);
    feed.abort();
}
