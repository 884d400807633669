//! The time from an event to the response that shows its change.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bookshelf_crd::Book;
use futures::{AsyncBufReadExt as _, StreamExt as _, future::try_join};
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::{
    books::{self, SCRATCH},
    figure::{Figure, Target, Unit},
    keep_alive::KeepAlive,
    rig::Rig,
    service::Service,
    statistics::percentile,
    wait::until,
};

/// The number of events of one round.
const EVENTS: u64 = 1000;

/// The number of the book that changes.
const NUMBER: u64 = 0;

pub(super) async fn measure(rig: &Rig<'_>) -> Result<Vec<Figure>> {
    let service = Service::start(rig, rig.args.api, &[]).await?;
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    let (mut bare_p50, mut bare_p99) = (Vec::new(), Vec::new());
    for round in 0..u64::from(rig.args.rounds) {
        let latencies = round_of_events(rig, &service, round * EVENTS).await?;
        p50.extend(percentile(&latencies, 50));
        p99.extend(percentile(&latencies, 99));
        let bare = round_of_reads(&service).await?;
        bare_p50.extend(percentile(&bare, 50));
        bare_p99.extend(percentile(&bare, 99));
    }
    books::clear_scratch(&rig.cluster.client).await?;
    service.stop().await?;
    let figure = |what: &str, ours, bare| {
        Figure::new(
            format!("delay from event to read, {what}"),
            Unit::Milliseconds,
            ours,
        )
        .beside("a GET alone", bare)
    };
    Ok(vec![
        figure("p50", p50, bare_p50),
        figure("p99", p99, bare_p99).target(Target::AtMost(5.0)),
    ])
}

/// Changes a book repeatedly. Returns the milliseconds from the arrival of each event here until a GET shows it.
async fn round_of_events(rig: &Rig<'_>, service: &Service, first_edition: u64) -> Result<Vec<f64>> {
    let client = &rig.cluster.client;
    books::create(client, SCRATCH.to_owned(), NUMBER).await?;
    let api = Api::<Book>::namespaced(client.clone(), SCRATCH);
    let name = books::name(NUMBER);
    let book = api.get(&name).await?;
    let path = path();
    until("the API shows the book", Duration::from_millis(10), async || {
        let answer = rig.http.get(service.url(&path)).send().await?;
        Ok((answer.status() == 200).then_some(()))
    })
    .await?;

    // Raw lines: parsing an event first would make it seem to arrive later.
    let version = book.resource_version().context("a book has a version")?;
    let url = format!(
        "/apis/{}/v1alpha1/namespaces/{SCRATCH}/books?watch=true&resourceVersion={version}",
        bookshelf_crd::GROUP
    );
    let mut events = client
        .request_stream(http::Request::get(url).body(Vec::new())?)
        .await?
        .lines();
    let mut connection = KeepAlive::open(service.address, &path).await?;
    let mut latencies = Vec::new();
    for edition in first_edition + 1..=first_edition + EVENTS {
        let title = books::title(NUMBER, edition);
        let change = Patch::Merge(json!({"spec": {"title": title}}));
        let written = async { Ok(api.patch(&name, &PatchParams::default(), &change).await?) };
        let seen = async {
            let event = events.next().await.context("the watch has ended")??;
            let arrived = Instant::now();
            ensure!(event.contains(&title), "an event of another change: {event}");
            while !contains(connection.get().await?, title.as_bytes()) {}
            Ok(arrived.elapsed())
        };
        let (_, latency) = try_join(written, seen).await?;
        latencies.push(latency.as_secs_f64() * 1e3);
    }
    Ok(latencies)
}

/// Measures the same reads without changes, in milliseconds.
async fn round_of_reads(service: &Service) -> Result<Vec<f64>> {
    let mut connection = KeepAlive::open(service.address, &path()).await?;
    let mut times = Vec::new();
    for _ in 0..EVENTS {
        let started = Instant::now();
        connection.get().await?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}

fn path() -> String {
    format!("/book/{SCRATCH}/{}", books::name(NUMBER))
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    body.windows(text.len()).any(|window| window == text)
}
