//! A million events: the memory of the API and of the API server, and the history of one book.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bookshelf_crd::{LoanJournal, LoanJournalSpec, loan_journal::LINES_MAX};
use control_plane::Component;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, PostParams},
};

use super::OFF;
use crate::{
    args,
    books::SCRATCH,
    figure::{Figure, Target, Unit},
    keep_alive::KeepAlive,
    parts::memory::{mebibytes, steady},
    process_stats::memory,
    progress::Progress,
    rig::Rig,
    service::Service,
    statistics::{approximate, percentile},
};

const JOURNALS: u64 = 10_000;
const EVENTS: u64 = JOURNALS * LINES_MAX as u64;
/// The number of books, with 100 events each.
const BOOKS: u64 = 10_000;
const TENANTS: u64 = 1_000;
const READS: u64 = 500;
const AT_ONCE: usize = 32;

pub(super) async fn measure(rig: &Rig<'_>) -> Result<Vec<Figure>> {
    clear(rig, SCRATCH).await?;
    let api_server = rig
        .cluster
        .process_id(Component::Apiserver)
        .context("an API server")?;
    let before = memory(api_server).map(|memory| memory.resident);
    make(rig).await?;
    let after = steady(api_server).await.map(|memory| memory.resident);
    let grown = before
        .zip(after)
        .map(|(before, after)| mebibytes(after.saturating_sub(before)));

    let (mut per_event, mut starts, mut p50, mut p99) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rig.args.rounds {
        let without = Service::start(rig, args::Api::Admin, &[OFF]).await?;
        let alone = steady(without.id()).await;
        without.stop().await?;
        let service = Service::start(rig, args::Api::Admin, &[]).await?;
        let began = Instant::now();
        loaded(rig, &service).await?;
        starts.push(began.elapsed().as_secs_f64());
        let with = steady(service.id()).await;
        let bytes = with
            .zip(alone)
            .map(|(with, alone)| with.resident.saturating_sub(alone.resident));
        per_event.extend(bytes.map(|bytes| approximate(bytes) / approximate(EVENTS)));
        let times = read(&service).await?;
        p50.extend(percentile(&times, 50));
        p99.extend(percentile(&times, 99));
        service.stop().await?;
    }
    clear(rig, SCRATCH).await?;
    let name = |what: &str| format!("{what}, of a million events");
    Ok(vec![
        Figure::new(name("memory of an API, an event"), Unit::Bytes, per_event).target(Target::AtMost(64.0)),
        Figure::new(
            name("resident memory of the API server for all"),
            Unit::Mebibytes,
            grown.into_iter().collect(),
        ),
        Figure::new(name("from ready until all are loaded"), Unit::Seconds, starts),
        Figure::new(name("history of a book, p50"), Unit::Milliseconds, p50),
        Figure::new(name("history of a book, p99"), Unit::Milliseconds, p99).target(Target::AtMost(5.0)),
    ])
}

/// Creates the journals. The loans of each book follow one another.
async fn make(rig: &Rig<'_>) -> Result<()> {
    let api = Api::<LoanJournal>::namespaced(rig.cluster.client.clone(), SCRATCH);
    let now = Timestamp::now().as_second();
    let mut progress = Progress::start("journals are made", JOURNALS);
    let parameters = PostParams::default();
    let creates = (1..=JOURNALS).map(|number| {
        let api = &api;
        let parameters = &parameters;
        async move {
            let lines: Result<Vec<String>> = (0..LINES_MAX as u64)
                .map(|line| event(now, (number - 1) * LINES_MAX as u64 + line))
                .collect();
            let spec = LoanJournalSpec {
                lines: lines?,
                ..LoanJournalSpec::default()
            };
            let mut journal = LoanJournal::new(&format!("{number:06}"), spec);
            journal.metadata.annotations = None;
            api.create(parameters, &journal).await?;
            anyhow::Ok(())
        }
    });
    let mut creates = stream::iter(creates).buffer_unordered(AT_ONCE);
    while creates.try_next().await?.is_some() {
        progress.advance();
    }
    Ok(())
}

/// Returns the line of an event. Even events begin a loan, odd ones end it.
fn event(now: i64, number: u64) -> Result<String> {
    let (loan, is_end) = (number / 2, number % 2 == 1);
    let time = |number: u64| -> Result<Timestamp> {
        let seconds = i64::try_from(EVENTS - number)?;
        Ok(Timestamp::from_second(now - seconds * 10)?)
    };
    let (book, tenant) = (loan % BOOKS, loan % TENANTS);
    // Like those of uids, the marks are in no order.
    let mark = loan.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let at = time(number)?;
    Ok(if is_end {
        let since = time(number - 1)?;
        format!("{at} returned book-{book:06} {mark:016x} {since} tenant-{tenant:04} by=tenant-{tenant:04}")
    } else {
        format!("{at} borrowed book-{book:06} {mark:016x} tenant-{tenant:04} by=tenant-{tenant:04}")
    })
}

/// Waits until an API has loaded all events.
async fn loaded(rig: &Rig<'_>, service: &Service) -> Result<()> {
    let url = service.url(&path(BOOKS - 1));
    crate::wait::until("the history is loaded", Duration::from_millis(10), async || {
        let answer = rig.http.get(&url).send().await?;
        if answer.status() != 200 {
            return Ok(None);
        }
        let list: serde_json::Value = serde_json::from_slice(&answer.bytes().await?)?;
        let events = list["list"].as_array().map_or(0, Vec::len);
        Ok((u64::try_from(events)? == EVENTS / BOOKS).then_some(()))
    })
    .await
}

/// Reads the histories of books. Returns the milliseconds of each read.
async fn read(service: &Service) -> Result<Vec<f64>> {
    let mut times = Vec::new();
    for number in 0..READS {
        let book = number * (BOOKS / READS);
        let mut connection = KeepAlive::open(service.address, &path(book)).await?;
        let began = Instant::now();
        connection.get().await?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}

fn path(book: u64) -> String {
    format!("/book/{SCRATCH}/book-{book:06}/history")
}

pub(super) async fn clear(rig: &Rig<'_>, namespace: &str) -> Result<()> {
    let api = Api::<LoanJournal>::namespaced(rig.cluster.client.clone(), namespace);
    let journals = api.list_metadata(&ListParams::default()).await?.items;
    let delete = DeleteParams::default();
    let deletes = journals.iter().map(|journal| {
        let (api, delete) = (&api, &delete);
        async move { api.delete(&journal.name_any(), delete).await.map(drop) }
    });
    let mut deletes = stream::iter(deletes).buffer_unordered(AT_ONCE);
    while deletes.try_next().await?.is_some() {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use bookshelf_crd::loan_journal::Line;

    use super::*;

    #[test]
    fn events_are_lines_of_journals() {
        for number in [0, 1, EVENTS - 1] {
            let text = event(2_000_000_000, number).unwrap();
            assert_eq!(Line::parse(&text).unwrap().to_string(), text);
        }
    }
}
