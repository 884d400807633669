//! The cost of a write: requests to the API server and CPU time of the API. A read costs no request.

mod operation;

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use e2e::Requests;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    args::Api,
    books::{self, SCRATCH},
    figure::{Figure, Target, Unit},
    process_stats::cpu_time,
    rig::Rig,
    service::Service,
    statistics::approximate,
    wait::until,
};
use operation::Operation;

/// The number of times that a round repeats each operation.
const TIMES: u64 = 400;

/// The number of times that each read is repeated.
const READS: u64 = 200;

/// The interval at which the API server's count is read until it no longer changes.
const COUNT_EVERY: Duration = Duration::from_millis(200);

/// The numbers of concurrent operations.
const AT_ONCE: [usize; 2] = [1, 8];

pub(super) struct Services {
    pub(super) admin: Service,
    pub(super) user: Service,
}

impl Services {
    pub(super) fn of(&self, api: Api) -> &Service {
        match api {
            Api::Admin => &self.admin,
            Api::User => &self.user,
        }
    }
}

pub(super) async fn measure(rig: &Rig<'_>) -> Result<Vec<Figure>> {
    let services = Services {
        admin: Service::start(rig, Api::Admin, &[]).await?,
        user: Service::start(rig, Api::User, &[]).await?,
    };
    let mut requests: BTreeMap<Operation, Vec<f64>> = BTreeMap::new();
    let mut cpu: BTreeMap<(Operation, usize), Vec<f64>> = BTreeMap::new();
    let mut reads = Vec::new();
    for _ in 0..rig.args.rounds {
        reads.push(requests_of_reads(rig, &services).await?);
        for at_once in AT_ONCE {
            for operation in Operation::ALL {
                operation.prepare(rig, &services, TIMES).await?;
                let before = Requests::count(&rig.cluster.client).await?;
                let used = time(rig, &services, operation, at_once).await?;
                let sent = settled(rig, &before).await?;
                requests
                    .entry(operation)
                    .or_default()
                    .push(approximate(sent) / approximate(TIMES));
                cpu.entry((operation, at_once)).or_default().extend(used);
            }
            books::clear_scratch(&rig.cluster.client).await?;
        }
    }
    services.admin.stop().await?;
    services.user.stop().await?;

    let mut figures =
        vec![Figure::new("requests to the API server, read", Unit::Count, reads).target(Target::AtMost(0.0))];
    figures.extend(requests.into_iter().map(|(operation, samples)| {
        let name = format!("requests to the API server, {}", operation.name());
        Figure::new(name, Unit::Count, samples).target(Target::AtMost(1.0))
    }));
    figures.extend(cpu.into_iter().map(|((operation, at_once), samples)| {
        let name = format!("CPU, {}, {at_once} at once", operation.name());
        Figure::new(name, Unit::Microseconds, samples).target(operation.cpu_target())
    }));
    Ok(figures)
}

/// Returns the number of requests to the API server that the reads cost.
async fn requests_of_reads(rig: &Rig<'_>, services: &Services) -> Result<f64> {
    let before = Requests::count(&rig.cluster.client).await?;
    let reads = super::reads::all();
    for api in Api::ALL {
        for read in &reads {
            let url = services.of(api).url(&read.path);
            for _ in 0..READS {
                rig.body(&url).await?;
            }
        }
    }
    let done = READS * u64::try_from(reads.len() * Api::ALL.len())?;
    Ok(approximate(settled(rig, &before).await?) / approximate(done))
}

/// Returns the microseconds of CPU time for an operation in the process that serves it.
async fn time(
    rig: &Rig<'_>,
    services: &Services,
    operation: Operation,
    at_once: usize,
) -> Result<Option<f64>> {
    let service = services.of(operation.api());
    let before = cpu_time(service.id());
    stream::iter(0..TIMES)
        .map(|number| operation.act(rig, service, number))
        .buffer_unordered(at_once)
        .try_collect::<()>()
        .await?;
    let after = cpu_time(service.id());
    let used = before
        .zip(after)
        .map(|(before, after)| after.saturating_sub(before));
    Ok(used.map(|used| used.as_secs_f64() * 1e6 / approximate(TIMES)))
}

/// Returns the number of requests for books and loans that the API server has received since `before`.
///
/// Waits until the count no longer changes, since the API server counts a request shortly after its response.
async fn settled(rig: &Rig<'_>, before: &Requests) -> Result<u64> {
    let mut last = None;
    until("the requests are counted", COUNT_EVERY, async || {
        let counted = Requests::count(&rig.cluster.client).await?;
        let same = last.as_ref() == Some(&counted);
        let requests = counted.since(before).values().sum();
        last = Some(counted);
        Ok(same.then_some(requests))
    })
    .await
}

/// Waits until both APIs serve `count` books in [`SCRATCH`].
pub(super) async fn both_serve(rig: &Rig<'_>, services: &Services, count: u64) -> Result<()> {
    for api in Api::ALL {
        let url = services.of(api).url(&format!("/book/{SCRATCH}"));
        until(
            "the API serves the books",
            Duration::from_millis(10),
            async || {
                let list: serde_json::Value = serde_json::from_slice(&rig.body(&url).await?)?;
                let served = list["list"].as_array().map_or(0, Vec::len);
                Ok((u64::try_from(served)? == count).then_some(()))
            },
        )
        .await?;
    }
    Ok(())
}
