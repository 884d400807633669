//! Load on a server: the maximum rate of requests, and their cost.

mod wrk;

use std::time::Duration;

use anyhow::Result;

use crate::{process_stats::cpu_time, statistics::median};

/// The busy share of its core below which a server waits for requests, or for its core.
const SATURATED: f64 = 0.9;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) requests_per_second: f64,
    /// The 99th percentile of the latency, in milliseconds.
    pub(crate) p99: f64,
    pub(crate) cpu: Option<Cpu>,
}

/// The CPU time of the server's whole process during a measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cpu {
    /// Microseconds for each request.
    pub(crate) per_request: f64,
    /// The CPU time as a share of the measured time, of one core.
    pub(crate) busy: f64,
}

/// Returns a note if the server was not the limit of its load, which then says nothing about the server.
pub(crate) fn was_no_limit(server: &str, loads: &[Load]) -> Option<String> {
    let busy: Vec<f64> = loads
        .iter()
        .filter_map(|load| load.cpu)
        .map(|cpu| cpu.busy)
        .collect();
    let busy = median(&busy).filter(|busy| *busy < SATURATED)?;
    Some(format!("{server} ran for {:.0} % of the time", busy * 100.0))
}

/// Returns the note that requests a second are not judged; `None` without a reason.
pub(crate) fn not_judged(reasons: impl IntoIterator<Item = String>) -> Option<String> {
    let reasons: Vec<String> = reasons.into_iter().collect();
    let not_judged = || {
        format!(
            "not judged: {}, the limit was the load generator or other work",
            reasons.join(", ")
        )
    };
    (!reasons.is_empty()).then(not_judged)
}

/// Loads process `id` with requests for `url` over 32 connections for `duration`.
pub(crate) async fn load(id: u32, url: &str, duration: Duration) -> Result<Load> {
    load_as(id, None, url, duration).await
}

pub(crate) async fn load_as(id: u32, token: Option<&str>, url: &str, duration: Duration) -> Result<Load> {
    let before = cpu_time(id);
    let measured = wrk::run(url, token, duration).await?;
    let after = cpu_time(id);
    let cpu = before.zip(after).map(|(before, after)| {
        let used = after.saturating_sub(before).as_secs_f64();
        Cpu {
            per_request: used * 1e6 / measured.requests,
            busy: used / measured.seconds,
        }
    });
    Ok(Load {
        requests_per_second: measured.requests / measured.seconds,
        p99: measured.p99 * 1e3,
        cpu,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_waits_is_not_judged_by_its_throughput() {
        let load = |busy| Load {
            requests_per_second: 1.0,
            p99: 1.0,
            cpu: Some(Cpu {
                per_request: 1.0,
                busy,
            }),
        };
        assert_eq!(was_no_limit("ours", &[load(0.99), load(0.2), load(1.0)]), None);
        let reason = was_no_limit("ours", &[load(0.25)]);
        assert_eq!(reason.as_deref(), Some("ours ran for 25 % of the time"));
        assert!(not_judged(reason).is_some());
        assert_eq!(not_judged(None), None);
    }
}
