//! Token mode: the cost of kept and new decisions, and the effect of made-up tokens on other callers.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use tokio::{sync::watch, time};

use crate::{
    books::{THOUSAND, name},
    figure::{Figure, Target, Unit},
    load::{self, Load},
    process_stats::{Memory, memory},
    rig::Rig,
    service::Service,
    static_server_process::StaticServer,
    statistics::approximate,
};

/// The API server's own audience. The callers are the accounts of the APIs, which may read books.
const AUDIENCE: &str = "--auth-audience=https://kubernetes.default.svc";

/// The number of first requests in a round, below the number of reviews that a process may send at once.
const FIRST_REQUESTS: u64 = 10;

/// Made-up tokens a second, and the number of connections that send them.
const FLOOD: u64 = 1000;
const FLOODERS: u64 = 16;

/// Made-up tokens that are sent as fast as they are answered, once in a run, and the number of connections.
const MANY: u64 = 1_000_000;
const SENDERS: u64 = 64;

/// The number of reviews of unknown tokens that a process may send at once.
const BURST: f64 = 20.0;

const MEBIBYTE: f64 = 1_048_576.0;

#[derive(Default)]
struct Samples {
    header: Vec<Load>,
    kept: Vec<Load>,
    flooded: Vec<Load>,
    /// The static server, without a flood and while the service is flooded.
    bystander: [Vec<Load>; 2],
    first: Vec<f64>,
    reviewed: Vec<f64>,
    second: Vec<f64>,
    made_up: Vec<f64>,
    reviews: Vec<f64>,
    growth: Vec<f64>,
    growth_of_many: Vec<f64>,
}

pub(super) async fn measure(rig: &Rig<'_>) -> Result<Vec<Figure>> {
    let mut samples = Samples::default();
    for _ in 0..rig.args.rounds {
        round(rig, &mut samples).await?;
    }
    let cpu = |loads: &[Load]| -> Vec<f64> {
        let cpu = loads.iter().filter_map(|load| load.cpu);
        cpu.map(|cpu| cpu.per_request).collect()
    };
    let p99 = |loads: &[Load]| -> Vec<f64> { loads.iter().map(|load| load.p99).collect() };
    Ok(vec![
        Figure::new(
            "GET with a kept decision, CPU",
            Unit::Microseconds,
            cpu(&samples.kept),
        )
        .beside("header mode", cpu(&samples.header))
        .target(Target::RatioAtMost(1.1)),
        Figure::new("first GET of a token", Unit::Milliseconds, samples.first)
            .beside("second GET", samples.second),
        Figure::new(
            "reviews in a first GET, with the API server",
            Unit::Milliseconds,
            samples.reviewed,
        ),
        Figure::new("made-up tokens a second", Unit::PerSecond, samples.made_up),
        Figure::new(
            "GET in a flood of made-up tokens, p99",
            Unit::Milliseconds,
            p99(&samples.flooded),
        )
        .beside("without", p99(&samples.kept))
        .target(Target::RatioAtMost(2.0)),
        // Nothing of the flood reaches the static server: its loss is the machine's share of the service's loss.
        Figure::new(
            "GET of the static server during that flood, p99",
            Unit::Milliseconds,
            p99(&samples.bystander[1]),
        )
        .beside("without", p99(&samples.bystander[0])),
        // Ten a second for made-up tokens, and one every five seconds that renews the decision of the valid caller.
        Figure::new(
            "TokenReviews in a flood, beyond the burst",
            Unit::PerSecond,
            samples.reviews,
        )
        .target(Target::AtMost(10.2)),
        Figure::new("growth of memory in a flood", Unit::Mebibytes, samples.growth)
            .target(Target::AtMost(20.0)),
        Figure::new(
            "growth of memory by a million made-up tokens",
            Unit::Mebibytes,
            samples.growth_of_many,
        )
        .target(Target::AtMost(20.0)),
    ])
}

async fn round(rig: &Rig<'_>, samples: &mut Samples) -> Result<()> {
    let path = format!("/book/{THOUSAND}/{}", name(500));
    let header = Service::start(rig, rig.args.api, &[]).await?;
    let url = header.url(&path);
    rig.warm_up(header.id(), &url).await?;
    samples.header.push(rig.load(header.id(), &url).await?);
    header.stop().await?;

    let service = Service::start(rig, rig.args.api, &["--auth-mode=token", AUDIENCE]).await?;
    let (id, url) = (service.id(), service.url(&path));
    let reviewed = reviewed(rig, &service).await?;
    for _ in 0..FIRST_REQUESTS {
        let token = rig.cluster.token(rig.args.api).await?;
        samples.first.push(milliseconds(rig, &url, &token).await?);
        samples.second.push(milliseconds(rig, &url, &token).await?);
    }
    let reviewed = self::reviewed(rig, &service).await? - reviewed;
    samples
        .reviewed
        .push(reviewed * 1e3 / approximate(FIRST_REQUESTS));
    let token = rig.cluster.token(rig.args.api).await?;
    milliseconds(rig, &url, &token).await?;
    let load = || load::load_as(id, Some(&token), &url, rig.args.duration);
    load().await?;
    samples.kept.push(load().await?);

    let (reviews, resident, start) = (token_reviews(rig).await?, memory(id), Instant::now());
    let (measured, made_up) = during_flood(rig, &url, "first", load()).await?;
    let seconds = start.elapsed().as_secs_f64();
    samples.flooded.push(measured);
    samples.made_up.push(approximate(made_up) / seconds);
    let reviews = token_reviews(rig).await? - reviews - BURST;
    samples.reviews.push(reviews.max(0.0) / seconds);
    samples.growth.extend(growth(resident, id));
    if samples.growth_of_many.is_empty() {
        let resident = memory(id);
        many(rig, &url).await?;
        samples.growth_of_many.extend(growth(resident, id));
    }
    let body = rig.http.get(&url).bearer_auth(&token).send().await?;
    let limit = StaticServer::start(rig, &body.error_for_status()?.bytes().await?).await?;
    let limit_url = limit.url(&path);
    rig.warm_up(limit.id(), &limit_url).await?;
    let load = || load::load_as(limit.id(), Some(&token), &limit_url, rig.args.duration);
    samples.bystander[0].push(load().await?);
    samples.bystander[1].push(during_flood(rig, &url, "second", load()).await?.0);
    limit.stop().await?;
    service.stop().await
}

/// Measures while made-up tokens, which have `name` in common, are sent to `url`. Returns the measurement and the number of
/// tokens.
async fn during_flood(
    rig: &Rig<'_>,
    url: &str,
    name: &str,
    load: impl Future<Output = Result<Load>>,
) -> Result<(Load, u64)> {
    let (stop, stopped) = watch::channel(false);
    let measured = async {
        let measured = load.await;
        stop.send_replace(true);
        measured
    };
    let floods = (0..FLOODERS).map(|flooder| flood(rig, url, format!("{name}-{flooder}"), stopped.clone()));
    let (measured, made_up) = tokio::try_join!(measured, try_join_all(floods))?;
    Ok((measured, made_up.iter().sum()))
}

/// The growth of the resident memory of a process, in MiB.
fn growth(before: Option<Memory>, id: u32) -> Option<f64> {
    let grown = memory(id)?.resident.saturating_sub(before?.resident);
    Some(approximate(grown) / MEBIBYTE)
}

/// Returns the seconds that a service has spent waiting for reviews.
async fn reviewed(rig: &Rig<'_>, service: &Service) -> Result<f64> {
    let name = "rest_client_request_duration_seconds_sum";
    service.metric(rig, name, "reviews.").await
}

/// Sends one request and returns its duration.
async fn milliseconds(rig: &Rig<'_>, url: &str, token: &str) -> Result<f64> {
    let start = Instant::now();
    let answer = rig.http.get(url).bearer_auth(token).send().await?;
    answer.error_for_status()?.bytes().await?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

/// Sends made-up tokens, each a different one, until `stopped` is set. Returns their number.
async fn flood(rig: &Rig<'_>, url: &str, name: String, stopped: watch::Receiver<bool>) -> Result<u64> {
    let mut turns = time::interval(time::Duration::from_millis(1000 * FLOODERS / FLOOD));
    let mut sent = 0;
    while !*stopped.borrow() {
        turns.tick().await;
        made_up(rig, url, &format!("{name}-{sent}")).await?;
        sent += 1;
    }
    Ok(sent)
}

/// Sends [`MANY`] made-up tokens, each a different one.
async fn many(rig: &Rig<'_>, url: &str) -> Result<()> {
    let senders = (0..SENDERS).map(async |sender| {
        for number in 0..MANY / SENDERS {
            made_up(rig, url, &format!("many-{sender}-{number}")).await?;
        }
        anyhow::Ok(())
    });
    try_join_all(senders).await.map(drop)
}

async fn made_up(rig: &Rig<'_>, url: &str, token: &str) -> Result<()> {
    let answer = rig.http.get(url).bearer_auth(token).send().await?;
    let status = answer.status().as_u16();
    ensure!([401, 429].contains(&status), "{status} for a made-up token");
    answer.bytes().await?;
    Ok(())
}

/// The number of `TokenReview`s that the API server has answered.
async fn token_reviews(rig: &Rig<'_>) -> Result<f64> {
    let request = http::Request::get("/metrics").body(Vec::new())?;
    let metrics = rig.cluster.client.request_text(request).await?;
    let series = metrics.lines().filter(|line| {
        line.starts_with("apiserver_request_total{") && line.contains(r#"resource="tokenreviews""#)
    });
    let counts = series.map(|line| Ok(line.rsplit_once(' ').context("a value")?.1.parse::<f64>()?));
    counts.sum()
}
