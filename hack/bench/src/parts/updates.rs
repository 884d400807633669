//! The same reads while other books change.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use bookshelf_crd::Book;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{interval, sleep},
};

use crate::{
    books,
    figure::{Figure, Target, Unit},
    load::{Load, not_judged, was_no_limit},
    process_stats::cpu_time,
    rig::Rig,
    service::Service,
    static_server_process::StaticServer,
    statistics::{approximate, median},
};

/// The number of books that change each second.
const RATE: u32 = 500;

/// The number of concurrent changes.
const AT_ONCE: u32 = 16;

/// The largest edition that fits into a title.
const EDITIONS: u64 = 1_000_000;

/// The minimum ratio to the reads without updates.
const RATIO: f64 = 0.9;

pub(super) async fn measure(rig: &Rig<'_>) -> Result<Vec<Figure>> {
    let service = Service::start(rig, rig.args.api, &[]).await?;
    let mut alone = Vec::new();
    for _ in 0..rig.args.rounds {
        alone.extend(cost_of_an_update(rig, &service).await?);
    }
    let cost = median(&alone);
    let mut figures = vec![Figure::new(
        "an update of a book at the API server, CPU",
        Unit::Microseconds,
        alone,
    )];
    for read in super::reads::all() {
        eprintln!("{}", read.name);
        let url = service.url(&read.path);
        let limit = StaticServer::start(rig, &rig.body(&url).await?).await?;
        let limit_url = limit.url(&read.path);
        rig.warm_up(service.id(), &url).await?;
        rig.warm_up(limit.id(), &limit_url).await?;
        let mut rounds = Vec::new();
        for _ in 0..rig.args.rounds {
            let alone = [
                rig.load(service.id(), &url).await?,
                rig.load(limit.id(), &limit_url).await?,
            ];
            let updates = Updates::start(rig);
            let ours = rig.load(service.id(), &url).await?;
            let rate = updates.rate();
            let limit = rig.load(limit.id(), &limit_url).await?;
            updates.stop().await?;
            rounds.push(Round {
                alone,
                ours: Disturbed { load: ours, rate },
                limit,
            });
        }
        limit.stop().await?;
        figures.extend(figures_of(read.name, &rounds, cost));
    }
    service.stop().await?;
    Ok(figures)
}

struct Round {
    /// The service and the static server, without changes.
    alone: [Load; 2],
    /// The service while other books change.
    ours: Disturbed,
    /// The static server while other books change. It gets none of the updates, so its loss is the machine's share of
    /// the service's loss.
    limit: Load,
}

struct Disturbed {
    load: Load,
    /// Updates a second.
    rate: f64,
}

impl Disturbed {
    /// Returns the reads a second for which the server's core has room next to [`RATE`] updates of `cost` microseconds
    /// each.
    ///
    /// It is corrected for the machine, which takes `slowdown` times as long for the same work during the updates.
    ///
    /// It is computed, since it cannot be measured if the load generator is the limit. Nor is it the inverse of the CPU
    /// time of a request: fewer reads then share the cost of the same number of updates.
    fn room(&self, cost: f64, slowdown: f64) -> Option<f64> {
        let cpu = self.load.cpu?;
        let reads_only = cpu.per_request - cost * self.rate / self.load.requests_per_second;
        Some((1e6 - cost * f64::from(RATE)) * slowdown / reads_only)
    }
}

fn figures_of(read: &str, rounds: &[Round], cost: Option<f64>) -> [Figure; 3] {
    const LIMIT: &str = "no updates";
    let rates: Vec<f64> = rounds.iter().map(|round| round.ours.rate).collect();
    let rate = median(&rates).unwrap_or_default();
    let served = |load: &Load| load.requests_per_second;
    let served = Figure::new(
        format!("{read}, served at {rate:.0} updates/s"),
        Unit::PerSecond,
        rounds.iter().map(|round| served(&round.ours.load)).collect(),
    )
    .beside(
        LIMIT,
        rounds.iter().map(|round| served(&round.alone[0])).collect(),
    );
    let loads: Vec<Load> = rounds.iter().map(|round| round.ours.load).collect();
    let note = not_judged(was_no_limit("it", &loads));
    let target = note.is_none().then_some(Target::RatioAtLeast(RATIO));
    let served = served.target(target).note(note);

    let per_request = |load: &Load| load.cpu.map(|cpu| cpu.per_request);
    let limit = Figure::new(
        format!("{read}, CPU per request of the static server during updates"),
        Unit::Microseconds,
        rounds
            .iter()
            .filter_map(|round| per_request(&round.limit))
            .collect(),
    )
    .beside(
        LIMIT,
        rounds
            .iter()
            .filter_map(|round| per_request(&round.alone[1]))
            .collect(),
    );
    let slowdown = limit.ratio();
    let room = rounds
        .iter()
        .filter_map(|round| round.ours.room(cost?, slowdown?));
    let undisturbed = rounds.iter().filter_map(|round| per_request(&round.alone[0]));
    let room = Figure::new(
        format!("{read}, headroom at {RATE} updates/s"),
        Unit::PerSecond,
        room.collect(),
    )
    .beside(LIMIT, undisturbed.map(|per_request| 1e6 / per_request).collect())
    .target(Target::RatioAtLeast(RATIO));
    [served, limit, room]
}

/// Returns the CPU time in microseconds of one update at the API server, in a process without readers.
async fn cost_of_an_update(rig: &Rig<'_>, service: &Service) -> Result<Option<f64>> {
    let before = cpu_time(service.id());
    let updates = Updates::start(rig);
    sleep(rig.args.duration).await;
    let done = updates.done();
    let after = cpu_time(service.id());
    updates.stop().await?;
    let used = before
        .zip(after)
        .map(|(before, after)| after.saturating_sub(before));
    Ok(used.map(|used| used.as_secs_f64() * 1e6 / done))
}

/// Updates that continue until they are stopped or dropped.
pub(super) struct Updates {
    workers: JoinSet<Result<()>>,
    done: Arc<AtomicU64>,
    started: Instant,
}

impl Updates {
    pub(super) fn start(rig: &Rig<'_>) -> Self {
        // An edition that the book already has, from another round or run, would be no change.
        let edition = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
        let mut workers = JoinSet::new();
        let done = Arc::new(AtomicU64::new(0));
        for worker in 0..AT_ONCE {
            workers.spawn(update(
                rig.cluster.client.clone(),
                u64::from(worker),
                rig.books,
                edition,
                Arc::clone(&done),
            ));
        }
        Self {
            workers,
            done,
            started: Instant::now(),
        }
    }

    fn done(&self) -> f64 {
        approximate(self.done.load(Ordering::Relaxed))
    }

    pub(super) fn rate(&self) -> f64 {
        self.done() / self.started.elapsed().as_secs_f64()
    }

    pub(super) async fn stop(mut self) -> Result<()> {
        // A worker ends by itself only if it has failed.
        if let Some(ended) = self.workers.try_join_next() {
            ended?.context("books cannot be updated")?;
        }
        self.workers.shutdown().await;
        Ok(())
    }
}

async fn update(client: Client, worker: u64, books: u64, edition: u64, done: Arc<AtomicU64>) -> Result<()> {
    let mut ticks = interval(Duration::from_secs(1) * AT_ONCE / RATE);
    for turn in 0.. {
        ticks.tick().await;
        let number = (worker + turn * u64::from(AT_ONCE)) % books;
        let edition = (edition + turn * u64::from(AT_ONCE) / books) % EDITIONS;
        let patch = json!({"spec": {"title": books::title(number, edition)}});
        let api = Api::<Book>::namespaced(client.clone(), &books::namespace(number));
        api.patch(
            &books::name(number),
            &PatchParams::default(),
            &Patch::Merge(&patch),
        )
        .await?;
        done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Cpu;

    #[test]
    fn an_idle_server_has_the_room_that_updates_leave() {
        // A read takes 10 µs and an update 100 µs: 500 updates leave 95 % of the core, enough for 95,000 reads.
        for reads in [1_000.0, 50_000.0, 95_000.0] {
            let used = reads * 10.0 + 500.0 * 100.0;
            let cpu = Cpu {
                per_request: used / reads,
                busy: used / 1e6,
            };
            let load = Load {
                requests_per_second: reads,
                p99: 1.0,
                cpu: Some(cpu),
            };
            let disturbed = Disturbed { load, rate: 500.0 };
            let room = disturbed.room(100.0, 1.0).unwrap();
            assert!((room - 95_000.0).abs() < 1e-3, "{room}");
            // If the static server takes twice as long, so does every other server.
            let room = disturbed.room(100.0, 2.0).unwrap();
            assert!((room - 190_000.0).abs() < 1e-3, "{room}");
        }
    }
}
