//! A local resync of every cached object.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use crate::{
    figure::{Figure, Target, Unit},
    process_stats::cpu_time,
    rig::Rig,
    service::Service,
    statistics::approximate,
};

const PERIOD: Duration = Duration::from_secs(2);

struct Watched {
    cpu: Option<Duration>,
    log_lines: usize,
}

pub(super) async fn measure(rig: &Rig<'_>) -> Result<Vec<Figure>> {
    // Whole periods contain the same number of resyncs, wherever they start.
    let periods = rig.args.duration.as_secs().div_ceil(PERIOD.as_secs()).max(2);
    let time = Duration::from_secs(PERIOD.as_secs() * periods);
    let period = format!("--resync-period={}", PERIOD.as_secs());
    let (mut cpu, mut lines) = (Vec::new(), Vec::new());
    for _ in 0..rig.args.rounds {
        let with = watch(rig, &[&period], time).await?;
        let without = watch(rig, &["--resync-period=0"], time).await?;
        if let (Some(with), Some(without)) = (with.cpu, without.cpu) {
            cpu.push((with.as_secs_f64() - without.as_secs_f64()) * 1e3 / approximate(periods));
        }
        lines.push(approximate(u64::try_from(with.log_lines)?) / approximate(periods));
    }
    Ok(vec![
        Figure::new("resync of all, CPU time", Unit::Milliseconds, cpu)
            .target(rig.at_full_size(Target::AtMost(50.0))),
        Figure::new("resync of all, lines in the log", Unit::Count, lines).target(Target::AtMost(0.0)),
    ])
}

/// Leaves a ready API alone for `time`, with its default log level.
async fn watch(rig: &Rig<'_>, arguments: &[&str], time: Duration) -> Result<Watched> {
    let service = Service::start(rig, rig.args.api, arguments).await?;
    // Work that a start defers is not part of a resync.
    sleep(PERIOD).await;
    let (log, before) = (service.log_length()?, cpu_time(service.id()));
    sleep(time).await;
    let after = cpu_time(service.id());
    let log_lines = service.log_lines(log)?;
    service.stop().await?;
    Ok(Watched {
        cpu: before
            .zip(after)
            .map(|(before, after)| after.saturating_sub(before)),
        log_lines,
    })
}
