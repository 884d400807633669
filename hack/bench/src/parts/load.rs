//! Writes under load: their rate and their latency, compared with the same creates sent straight to the API server.
//!
//! All programs share all cores, since the API server is the limit: it and etcd use most of them. Therefore the same
//! program sends both loads, from requests that it has built before.

mod crowd;
mod request;
mod table;
mod tally;

use std::{collections::BTreeSet, time::Duration};

use anyhow::Result;
use control_plane::Component;

use super::writes::{Services, both_serve};
use crate::{
    args::Api,
    books::{self, SCRATCH},
    figure::Figure,
    process_stats::cpu_time,
    rig::Rig,
    service::Service,
    statistics::approximate,
    wait::until,
};
use crowd::{Crowd, Target};
use request::Write;
use table::{CpuTimes, Sample, Table, of_a_write};
use tally::Tally;

const CLIENTS: [usize; 4] = [1, 16, 64, 256];

/// The number of the first book that is created straight at the API server.
const STRAIGHT_FROM: u64 = 500_000;

/// The interval at which the APIs are polled for the books.
const CHECK_PERIOD: Duration = Duration::from_millis(50);

pub(super) async fn measure(rig: &Rig<'_>) -> Result<Vec<Figure>> {
    rig.share_cores()?;
    let load = Load {
        services: Services {
            admin: Service::start_with_defaults(rig, Api::Admin).await?,
            user: Service::start_with_defaults(rig, Api::User).await?,
        },
        admin: Target::of_service(rig, Api::Admin).await?,
        user: Target::of_service(rig, Api::User).await?,
        straight: Target::of_api_server(rig).await?,
        rig,
    };
    let mut table = Table::default();
    for round in 1..=rig.args.rounds {
        for clients in CLIENTS {
            load.measure(clients, &mut table).await?;
            eprintln!("round {round}, {clients} clients: done");
        }
    }
    load.services.admin.stop().await?;
    load.services.user.stop().await?;
    rig.divide_cores()?;
    Ok(table.figures())
}

struct Load<'a> {
    rig: &'a Rig<'a>,
    services: Services,
    admin: Target,
    user: Target,
    straight: Target,
}

impl Load<'_> {
    async fn measure(&self, clients: usize, table: &mut Table) -> Result<()> {
        let client = &self.rig.cluster.client;
        books::clear_scratch(client).await?;
        both_serve(self.rig, &self.services, 0).await?;
        let count = requests(clients);
        let ours = self.send(Write::Create, clients, (0..count).collect()).await?;
        let numbers = (STRAIGHT_FROM..STRAIGHT_FROM + count).collect();
        let straight = self.send(Write::Straight, clients, numbers).await?;
        // The books of the next writes must exist for both APIs.
        let made = straight.tally.done.clone();
        self.served(&made).await?;
        table.add(Write::Create, clients, ours);
        table.add(Write::Straight, clients, straight);
        for write in [Write::Update, Write::Borrow] {
            let sample = self.send(write, clients, made.clone()).await?;
            table.add(write, clients, sample);
        }
        Ok(())
    }

    /// Sends a write to each of these books from this number of clients. The measurement leaves out the first request
    /// of each client, which opens its connection.
    async fn send(&self, write: Write, clients: usize, numbers: Vec<u64>) -> Result<Sample> {
        let door = match write.api() {
            Some(Api::Admin) => &self.admin,
            Some(Api::User) => &self.user,
            None => &self.straight,
        };
        let service = write.api().map(|api| self.services.of(api));
        let url = door.url(service);
        let mut requests = Vec::with_capacity(numbers.len());
        for number in numbers {
            requests.push(write.request(&url, number)?);
        }
        let measured = requests.split_off(clients.min(requests.len()));
        let crowd = Crowd::new(door, clients);
        let first = crowd.send(requests, self.rig.args.duration).await?;
        let before = self.cpu_times(service);
        let measured = crowd.send(measured, self.rig.args.duration).await?;
        let after = self.cpu_times(service);
        let writes = approximate(u64::try_from(measured.latencies.len())?);
        let cpu = of_a_write(before, after, writes);
        // Opening all connections at once may cause refusals and failures too, so those of the first requests count.
        let mut tally = Tally {
            seconds: 0.0,
            latencies: Vec::new(),
            ..first
        };
        tally.join(measured);
        if let Some(failure) = &tally.first_failure {
            eprintln!(
                "{}, {clients} clients: the first failure: {failure}",
                write.name()
            );
        }
        Ok(Sample { tally, cpu })
    }

    /// The CPU times so far of the API server, etcd, the measured API and this program.
    fn cpu_times(&self, service: Option<&Service>) -> CpuTimes<Option<Duration>> {
        let component = |component| self.rig.cluster.process_id(component).and_then(cpu_time);
        [
            component(Component::Apiserver),
            component(Component::Etcd),
            service.map_or(Some(Duration::ZERO), |service| cpu_time(service.id())),
            cpu_time(std::process::id()),
        ]
    }

    /// Waits until both APIs serve these books.
    async fn served(&self, numbers: &[u64]) -> Result<()> {
        for api in Api::ALL {
            let url = self.services.of(api).url(&format!("/book/{SCRATCH}"));
            until("the API serves the books", CHECK_PERIOD, async || {
                let list: serde_json::Value = serde_json::from_slice(&self.rig.body(&url).await?)?;
                let list = list["list"].as_array().map(Vec::as_slice).unwrap_or_default();
                let served: BTreeSet<&str> = list.iter().filter_map(|book| book["id"].as_str()).collect();
                let mut names = numbers.iter().map(|number| books::name(*number));
                Ok(names.all(|name| served.contains(name.as_str())).then_some(()))
            })
            .await?;
        }
        Ok(())
    }
}

/// The number of requests of one measurement, plus one for each client, which opens its connection.
fn requests(clients: usize) -> u64 {
    let measured = if clients == 1 { 400 } else { 2000 };
    measured + u64::try_from(clients).unwrap_or_default()
}
