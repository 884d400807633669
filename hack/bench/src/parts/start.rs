//! The time from the start of the process until it is ready, compared with a LIST of the same books.

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

/// A timeout in seconds, longer than any list takes.
const LIST_WITHIN: &str = "120";

pub(super) async fn measure(rig: &Rig<'_>) -> Result<Vec<Figure>> {
    // The first list and the first start find cold caches of the API server and the system, later ones do not.
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

/// Returns the time until the API is ready, and its CPU time until then, in seconds.
async fn start(rig: &Rig<'_>) -> Result<(f64, Option<f64>)> {
    let started = Instant::now();
    let service = Service::start(rig, rig.args.api, &[]).await?;
    let seconds = started.elapsed().as_secs_f64();
    let cpu = cpu_time(service.id()).map(|time| time.as_secs_f64());
    service.stop().await?;
    Ok((seconds, cpu))
}

/// Returns the seconds of one LIST of all books, on the core and with the account of the API.
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
        // Everybody on the machine can read arguments, so the token goes through standard input.
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
