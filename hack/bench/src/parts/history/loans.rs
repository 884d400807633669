//! The cost of a loan with its history, compared with a loan without: one at a time, and 100 a second.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bookshelf_crd::LoanJournal;
use e2e::Requests;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::api::ListParams;
use reqwest::StatusCode;
use tokio::time::interval;

use super::OFF;
use crate::{
    args::Api,
    books::{self, SCRATCH},
    figure::{Figure, Unit},
    rig::Rig,
    service::Service,
    statistics::{approximate, percentile},
    wait::until,
};

/// Loans one at a time, further apart than the recorder waits.
const IDLE: Pace = Pace {
    name: "one at a time",
    loans: 8,
    every: Duration::from_secs(3),
};
const BUSY: Pace = Pace {
    name: "100 a second",
    loans: 1000,
    every: Duration::from_millis(10),
};
/// The maximum number of concurrent loans.
const AT_ONCE: usize = 16;

struct Pace {
    name: &'static str,
    loans: u64,
    every: Duration,
}

/// The cost of a loan, and the durations of borrows and returns in milliseconds.
struct Sample {
    journal_requests: f64,
    bytes: f64,
    borrows: Vec<f64>,
    returns: Vec<f64>,
}

pub(super) async fn measure(rig: &Rig<'_>) -> Result<Vec<Figure>> {
    for number in 0..AT_ONCE as u64 * 4 {
        books::create(&rig.cluster.client, SCRATCH.to_owned(), number).await?;
    }
    let mut figures = Vec::new();
    for pace in [IDLE, BUSY] {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for _ in 0..rig.args.rounds {
            with.push(sample(rig, &pace, &[]).await?);
            without.push(sample(rig, &pace, &[OFF]).await?);
        }
        figures.extend(figures_of(&pace, &with, &without));
    }
    books::clear_scratch(&rig.cluster.client).await?;
    super::million::clear(rig, SCRATCH).await?;
    Ok(figures)
}

fn figures_of(pace: &Pace, with: &[Sample], without: &[Sample]) -> Vec<Figure> {
    const LIMIT: &str = "no history";
    let name = pace.name;
    let of = |samples: &[Sample], value: fn(&Sample) -> f64| samples.iter().map(value).collect::<Vec<_>>();
    let p99 = |samples: &[Sample], times: fn(&Sample) -> &[f64]| -> Vec<f64> {
        samples
            .iter()
            .filter_map(|sample| percentile(times(sample), 99))
            .collect()
    };
    let p50 = |samples: &[Sample], times: fn(&Sample) -> &[f64]| -> Vec<f64> {
        samples
            .iter()
            .filter_map(|sample| percentile(times(sample), 50))
            .collect()
    };
    let mut figures = vec![
        Figure::new(
            format!("requests for journals, a loan, {name}"),
            Unit::Count,
            of(with, |sample| sample.journal_requests),
        ),
        Figure::new(
            format!("bytes that etcd writes, a loan, {name}"),
            Unit::Bytes,
            of(with, |sample| sample.bytes),
        )
        .beside(LIMIT, of(without, |sample| sample.bytes)),
    ];
    for (what, times) in [
        ("borrow", (|sample| &sample.borrows[..]) as fn(&Sample) -> &[f64]),
        ("return", |sample| &sample.returns[..]),
    ] {
        for (rank, percentiles) in [("p50", &p50 as &dyn Fn(&[Sample], _) -> Vec<f64>), ("p99", &p99)] {
            figures.push(
                Figure::new(
                    format!("{what}, {rank}, {name}"),
                    Unit::Milliseconds,
                    percentiles(with, times),
                )
                .beside(LIMIT, percentiles(without, times)),
            );
        }
    }
    figures
}

/// Makes and ends loans at this pace, waits until their history is stored, and returns their cost.
async fn sample(rig: &Rig<'_>, pace: &Pace, arguments: &[&str]) -> Result<Sample> {
    let service = Service::start(rig, Api::User, arguments).await?;
    until("the API shows the books", Duration::from_millis(10), async || {
        let list: serde_json::Value =
            serde_json::from_slice(&rig.body(&service.url(&format!("/book/{SCRATCH}"))).await?)?;
        Ok((list["list"].as_array().map_or(0, Vec::len) == AT_ONCE * 4).then_some(()))
    })
    .await?;
    let lines_before = lines(rig).await?;
    let requests = Requests::of_journals(&rig.cluster.client).await?;
    let bytes = rig.cluster.bytes_written().await?;
    let ticks = stream::unfold(interval(pace.every), |mut ticks| async {
        ticks.tick().await;
        Some(((), ticks))
    });
    let times = stream::iter(0..pace.loans)
        .zip(ticks)
        .map(|(number, ())| number)
        .map(|number| loan(rig, &service, number))
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<_>>()
        .await?;
    if !arguments.contains(&OFF) {
        until(
            "the loans are in journals",
            Duration::from_millis(200),
            async || Ok((lines(rig).await? >= lines_before + 2 * pace.loans).then_some(())),
        )
        .await?;
    }
    let bytes = rig.cluster.bytes_written().await? - bytes;
    let after = Requests::of_journals(&rig.cluster.client).await?;
    // The LISTs are those of this function, which counts lines.
    let asked = after.since(&requests).into_iter();
    let asked = asked
        .filter(|(request, _)| !request.starts_with("LIST"))
        .map(|(_, count)| count);
    let loans = approximate(pace.loans);
    service.stop().await?;
    Ok(Sample {
        journal_requests: approximate(asked.sum()) / loans,
        bytes: bytes / loans,
        borrows: times.iter().map(|(borrow, _)| *borrow).collect(),
        returns: times.iter().map(|(_, end)| *end).collect(),
    })
}

/// Borrows and returns a book. Returns the milliseconds of each request.
async fn loan(rig: &Rig<'_>, service: &Service, number: u64) -> Result<(f64, f64)> {
    let book = books::name(number % (AT_ONCE as u64 * 4));
    let mut times = [0.0; 2];
    for ((act, expected), time) in [
        ("borrow", StatusCode::CREATED),
        ("return", StatusCode::NO_CONTENT),
    ]
    .into_iter()
    .zip(&mut times)
    {
        let request = rig
            .http
            .post(service.url(&format!("/book/{SCRATCH}/{book}/{act}")));
        let began = Instant::now();
        let answer = request.header("X-TENANT-ID", "bench").send().await?;
        *time = began.elapsed().as_secs_f64() * 1e3;
        let status = answer.status();
        ensure!(
            status == expected,
            "{act} of {book}: {status} {}",
            answer.text().await?
        );
    }
    let [borrow, end] = times;
    Ok((borrow, end))
}

/// Returns the number of lines in the journals of [`SCRATCH`].
async fn lines(rig: &Rig<'_>) -> Result<u64> {
    let journals = kube::Api::<LoanJournal>::namespaced(rig.cluster.client.clone(), SCRATCH);
    let journals = journals.list(&ListParams::default()).await?;
    let lines: usize = journals
        .items
        .iter()
        .map(|journal| journal.spec.lines.len())
        .sum();
    u64::try_from(lines).context("a number of lines")
}
