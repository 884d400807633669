//! From the start of the process until it is ready, beside a LIST of the same books.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    figure::{Figure, Target, Unit},
    process_stats::cpu_time,
    rig::Rig,
    service::Service,
};

/// Longer than any list takes.
const LIST_WITHIN: &str = "120";

pub(super) async fn measure(rig: &Rig<'_>) -> Result<Vec<Figure>> {
    // The first of each finds the API server's cache and the system's as no later one does.
    list(rig)?;
    start(rig).await?;
    let (mut wall, mut cpu, mut lists) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rig.args.rounds {
        let (seconds, on_cpu) = start(rig).await?;
        wall.push(seconds);
        cpu.extend(on_cpu);
        lists.push(list(rig)?);
    }
    Ok(vec![
        Figure::new("start until ready", Unit::Seconds, wall)
            .beside("LIST by curl", lists)
            .target(rig.at_full_size(Target::RatioAtMost(1.0))),
        Figure::new("start until ready, CPU time", Unit::Seconds, cpu)
            .target(rig.at_full_size(Target::AtMost(2.5))),
    ])
}

/// The time until the API is ready, and the CPU time it has used until then, in seconds.
async fn start(rig: &Rig<'_>) -> Result<(f64, Option<f64>)> {
    let started = Instant::now();
    let service = Service::start(rig, rig.args.api, &[]).await?;
    let seconds = started.elapsed().as_secs_f64();
    let cpu = cpu_time(service.id()).map(|time| time.as_secs_f64());
    service.stop().await?;
    Ok((seconds, cpu))
}

/// The time that one LIST of all books takes, on the core and as the account of the API, in seconds.
fn list(rig: &Rig<'_>) -> Result<f64> {
    let account = rig.cluster.account(rig.args.api);
    let url = format!("{}/apis/{}/v1alpha1/books", account.server, bookshelf_crd::GROUP);
    let list = || {
        let started = Instant::now();
        let mut curl = Command::new("curl")
            .args(["--silent", "--show-error", "--fail", "--noproxy", "*"])
            .args([
                "--max-time",
                LIST_WITHIN,
                "--output",
                "/dev/null",
                "--config",
                "-",
            ])
            .arg("--cacert")
            .arg(rig.cluster.ca())
            .arg(&url)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run curl")?;
        // Not as an argument, which everybody on the machine could read.
        let header = format!("header = \"Authorization: Bearer {}\"\n", account.token);
        curl.stdin
            .take()
            .context("curl has a standard input")?
            .write_all(header.as_bytes())?;
        let output = curl.wait_with_output()?;
        ensure!(
            output.status.success(),
            "curl cannot list the books: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(started.elapsed().as_secs_f64())
    };
    tokio::task::block_in_place(|| rig.cores.on_server(list))
}
