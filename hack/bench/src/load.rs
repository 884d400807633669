//! Load on a server: as many requests as it answers, and their cost.

mod wrk;

use std::time::Duration;

use anyhow::Result;

use crate::{process_stats::cpu_time, statistics::median};

/// Below this share of its core, a server waits: for requests, or for its core.
const SATURATED: f64 = 0.9;

/// The result of one measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Answered requests a second.
    pub(crate) requests_per_second: f64,
    /// The latency that 99 % of the requests were not above, in milliseconds.
    pub(crate) p99: f64,
    /// The CPU time of the server.
    pub(crate) cpu: Option<Cpu>,
}

/// The server's CPU time during a measurement, everything its process did included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cpu {
    /// Microseconds a request.
    pub(crate) per_request: f64,
    /// The share of the time in which it ran, of one core.
    pub(crate) busy: f64,
}

/// The note that a server was not the limit of its load, which then says nothing about it. `None` if it was.
pub(crate) fn was_no_limit(server: &str, loads: &[Load]) -> Option<String> {
    let busy: Vec<f64> = loads
        .iter()
        .filter_map(|load| load.cpu)
        .map(|cpu| cpu.busy)
        .collect();
    let busy = median(&busy).filter(|busy| *busy < SATURATED)?;
    Some(format!("{server} ran for {:.0} % of the time", busy * 100.0))
}

/// The note where requests a second are not judged.
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

/// Asks process `id` for `url` for a while, over 32 connections.
pub(crate) async fn load(id: u32, url: &str, duration: Duration) -> Result<Load> {
    load_as(id, None, url, duration).await
}

/// The same, as the caller with this token.
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
