//! Resident memory.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::{process::Command, time::sleep};

use crate::{
    books,
    figure::{Figure, Target, Unit},
    process_stats::{Memory, memory},
    rig::Rig,
    service::Service,
    statistics::approximate,
};

const WITHOUT_DESCRIPTIONS: &str = "--cache-descriptions=false";

/// The time for which memory must stay within [`STEADY_WITHIN`] of its size to count as steady.
const STEADY_FOR: Duration = Duration::from_secs(3);
const STEADY_WITHIN: f64 = 0.01;
const LOOK_EVERY: Duration = Duration::from_millis(100);

struct Sample {
    memory: Option<Memory>,
    json: u64,
}

pub(super) async fn measure(rig: &Rig<'_>) -> Result<Vec<Figure>> {
    let with = samples(rig, &[]).await?;
    let mut figures = figures_of(rig, "memory", 130.0, &with);
    let json = with.iter().map(|sample| mebibytes(sample.json)).collect();
    let name = "memory without descriptions";
    if has_flag(rig, WITHOUT_DESCRIPTIONS).await? {
        let without = samples(rig, &[WITHOUT_DESCRIPTIONS]).await?;
        figures.extend(figures_of(rig, name, 60.0, &without));
    } else {
        let program = rig.args.api.name();
        figures.push(
            Figure::new(name, Unit::Mebibytes, Vec::new())
                .target(rig.at_full_size(Target::AtMost(60.0)))
                .note(format!("{program} has no flag {WITHOUT_DESCRIPTIONS}")),
        );
    }
    figures.push(Figure::new(
        format!("JSON of the {} books that are served", books::total(rig.books)),
        Unit::Mebibytes,
        json,
    ));
    Ok(figures)
}

fn figures_of(rig: &Rig<'_>, name: &str, most: f64, samples: &[Sample]) -> Vec<Figure> {
    let memory = |of: fn(Memory) -> u64| -> Vec<f64> {
        let memories = samples.iter().filter_map(|sample| sample.memory);
        memories.map(|memory| mebibytes(of(memory))).collect()
    };
    let (resident, peak) = (memory(|memory| memory.resident), memory(|memory| memory.peak));
    vec![
        Figure::new(format!("{name}, steady"), Unit::Mebibytes, resident.clone())
            .target(rig.at_full_size(Target::AtMost(most))),
        Figure::new(format!("{name}, peak"), Unit::Mebibytes, peak)
            .beside("steady", resident)
            .target(rig.at_full_size(Target::RatioAtMost(1.3))),
    ]
}

async fn samples(rig: &Rig<'_>, arguments: &[&str]) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for _ in 0..rig.args.rounds {
        let service = Service::start(rig, rig.args.api, arguments).await?;
        let memory = steady(service.id()).await;
        // After the memory is measured, since the API keeps lists that were requested.
        let mut json = 0;
        for namespace in books::namespaces() {
            let body = rig.body(&service.url(&format!("/book/{namespace}"))).await?;
            json += u64::try_from(body.len())?;
        }
        samples.push(Sample { memory, json });
        service.stop().await?;
    }
    Ok(samples)
}

/// Returns the memory of process `id`, once it is steady.
pub(super) async fn steady(id: u32) -> Option<Memory> {
    let mut last = memory(id)?;
    let mut since = Instant::now();
    while since.elapsed() < STEADY_FOR {
        sleep(LOOK_EVERY).await;
        let now = memory(id)?;
        let change = mebibytes(now.resident.abs_diff(last.resident));
        if change > STEADY_WITHIN * mebibytes(last.resident) {
            (last, since) = (now, Instant::now());
        }
    }
    memory(id)
}

async fn has_flag(rig: &Rig<'_>, flag: &str) -> Result<bool> {
    let program = rig.programs.api(rig.args.api);
    let help = Command::new(program)
        .arg("--help")
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("cannot run {}", program.display()))?;
    let name = flag.split('=').next().unwrap_or(flag);
    Ok(String::from_utf8_lossy(&help.stdout).contains(name))
}

pub(super) fn mebibytes(bytes: u64) -> f64 {
    approximate(bytes) / f64::from(1 << 20)
}
