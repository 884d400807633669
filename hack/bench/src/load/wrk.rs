//! Runs wrk and parses its output.

use std::{process::Stdio, time::Duration};

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measured {
    pub(super) requests: f64,
    pub(super) seconds: f64,
    /// The 99th percentile of the latency, in seconds.
    pub(super) p99: f64,
}

/// Runs wrk. Fails if a request failed.
pub(super) async fn run(url: &str, token: Option<&str>, duration: Duration) -> Result<Measured> {
    let authorization = token.map(|token| format!("--header=Authorization: Bearer {token}"));
    let output = Command::new("wrk")
        .args(["--threads", "1", "--connections", "32", "--latency", "--duration"])
        .arg(format!("{}s", duration.as_secs()))
        .args(authorization)
        .arg(url)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("cannot run wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "wrk failed ({}): {}{text}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    parse(&text).with_context(|| format!("{url} was not measured; wrk says:\n{text}"))
}

fn parse(output: &str) -> Result<Measured> {
    for failure in ["Socket errors:", "Non-2xx or 3xx responses:"] {
        ensure!(
            !output.contains(failure),
            "not every request was answered with 200"
        );
    }
    let lines = || output.lines().map(str::trim);
    let (requests, rest) = lines()
        .find_map(|line| line.split_once(" requests in "))
        .context("no line with the number of requests")?;
    let (time, _) = rest.split_once(',').context("no time that the requests took")?;
    let p99 = lines()
        .find_map(|line| line.strip_prefix("99%"))
        .context("no 99th percentile")?;
    let measured = Measured {
        requests: requests.parse().context("not a number of requests")?,
        seconds: seconds(time)?,
        p99: seconds(p99)?,
    };
    ensure!(measured.requests > 0.0, "no request was answered");
    Ok(measured)
}

/// Parses a time in the format of wrk: `612.00us`, `1.05ms`, `2.00s`, `1.50m`.
fn seconds(text: &str) -> Result<f64> {
    let text = text.trim();
    let unit = text.find(char::is_alphabetic).context("a time without a unit")?;
    let (number, unit) = text.split_at(unit);
    let scale = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => anyhow::bail!("{text} is in no known unit of time"),
    };
    Ok(number
        .parse::<f64>()
        .with_context(|| format!("{text} is no time"))?
        * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
Running 2s test @ http://127.0.0.1:28080/book/bench-00
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   491.02us  123.45us   4.29ms   91.54%
    Req/Sec    64.86k     3.46k   70.01k    75.00%
  Latency Distribution
     50%  468.00us
     75%  521.00us
     90%  598.00us
     99%    2.00ms
  129230 requests in 2.01s, 1.21GB read
Requests/sec:  64321.98
Transfer/sec:    616.35MB
";

    #[test]
    fn the_output_of_wrk_is_understood() {
        let expected = Measured {
            requests: 129_230.0,
            seconds: 2.01,
            p99: 0.002,
        };
        assert_eq!(parse(OUTPUT).unwrap(), expected);
    }

    #[test]
    fn a_measurement_with_failures_is_none() {
        for failure in [
            "  Socket errors: connect 0, read 3, write 0, timeout 0\n",
            "  Non-2xx or 3xx responses: 129230\n",
        ] {
            let error = parse(&format!("{OUTPUT}{failure}")).unwrap_err();
            assert_eq!(error.to_string(), "not every request was answered with 200");
        }
        let none = OUTPUT.replace("129230 requests", "0 requests");
        assert_eq!(parse(&none).unwrap_err().to_string(), "no request was answered");
    }

    #[test]
    fn incomplete_output_of_wrk_is_refused() {
        for (without, missing) in [
            ("requests in", "no line with the number of requests"),
            ("99%", "no 99th percentile"),
        ] {
            let output = OUTPUT.replace(without, "");
            assert_eq!(parse(&output).unwrap_err().to_string(), missing);
        }
    }

    #[test]
    fn every_unit_of_time_is_known() {
        for (text, expected) in [
            ("250.00us", 0.00025),
            (" 1.50ms", 0.0015),
            ("2.00s", 2.0),
            ("1.50m", 90.0),
            ("1.00h", 3600.0),
        ] {
            assert!((seconds(text).unwrap() - expected).abs() < 1e-12, "{text}");
        }
        for wrong in ["", "1", "ms", "1.0d"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
