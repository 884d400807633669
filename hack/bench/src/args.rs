//! Flags of the benchmark.

// Doc comments of flags become their help, where backticks would show.
#![allow(clippy::doc_markdown)]

use std::{path::PathBuf, time::Duration};

use clap::{ValueEnum, builder::FalseyValueParser, value_parser};
use serde::{Serialize, Serializer};

use crate::workspace;

/// Measure both APIs, each figure with its limit from the same run. Prints a Markdown table, and writes it as JSON.
///
/// Builds the release binaries, starts its own control plane, creates the books that an earlier run has not left, and
/// measures part after part. The measured program gets one core and everything else the others, except under the load
/// of writes, where all programs share all cores. Compared programs alternate (ours, the limit, ours, the limit, ...),
/// and the table shows the medians. Every process that it starts ends with it, however it ends. Needs wrk and curl, and
/// Linux for CPU times, memory and pinning; elsewhere those figures are "not available".
#[derive(Clone, Debug, Serialize, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// Numbers of books, such as 1000,100000, in 50 namespaces, with a description of 0.5 KiB each
    ///
    /// Another 1,020 books are in two namespaces for lists: 20 in one, 1,000 in the other, a fifth of those in one
    /// category. The targets for memory, start and resync are set for 100000 books and judged from that number on.
    #[arg(long, env = "BOOKSHELF_BENCH_BOOKS", value_name = "NUMBER,...", value_delimiter = ',', default_value = "1000",
          value_parser = value_parser!(u64).range(50..=1_000_000))]
    pub books: Vec<u64>,

    /// Duration of one measurement in whole seconds, such as 5s
    #[arg(long, env = "BOOKSHELF_BENCH_DURATION", value_name = "SECONDS", default_value = "5s", value_parser = seconds)]
    #[serde(serialize_with = "as_seconds")]
    pub duration: Duration,

    /// Number of times to make each measurement
    #[arg(long, env = "BOOKSHELF_BENCH_ROUNDS", value_name = "NUMBER", default_value_t = 5, value_parser = value_parser!(u32).range(1..=1000))]
    pub rounds: u32,

    /// Parts to measure; all by default
    #[arg(long, env = "BOOKSHELF_BENCH_PARTS", value_name = "PART,...", value_delimiter = ',',
          default_values_t = Part::value_variants().iter().copied(), hide_default_value = true)]
    pub parts: Vec<Part>,

    /// API to measure where either could be
    #[arg(long, env = "BOOKSHELF_BENCH_API", value_name = "API", value_enum, default_value_t = Api::User)]
    pub api: Api,

    /// File for the figures as JSON, including those of each round
    #[arg(long, env = "BOOKSHELF_BENCH_OUTPUT", value_name = "FILE", default_value_os_t = workspace().join(".local/bench/figures.json"))]
    #[serde(skip)]
    pub output: PathBuf,

    /// Directory in which the control planes keep their books between runs, one subdirectory for each number of books
    #[arg(long, env = "BOOKSHELF_BENCH_DATA_DIR", value_name = "DIRECTORY", default_value_os_t = workspace().join(".local/bench"))]
    #[serde(skip)]
    pub data_dir: PathBuf,

    /// Delete the books of earlier runs and create them again
    #[arg(long, env = "BOOKSHELF_BENCH_FRESH", value_parser = FalseyValueParser::new())]
    pub fresh: bool,

    /// Cargo profile; any other than release is for work on the benchmark itself
    #[arg(
        long,
        env = "BOOKSHELF_BENCH_PROFILE",
        value_name = "PROFILE",
        default_value = "release",
        hide = true
    )]
    pub profile: String,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask bench --duration 2s --rounds 1   everything at 1,000 books, in 5 minutes
  cargo xtask bench --books 1000,100000        the whole table, in an hour
  cargo xtask bench --parts reads,updates      some parts of it
  cargo xtask bench --parts load --rounds 3    writes under load, beside the API server alone

On a machine that has other work, ratios and CPU times say less, and the other figures nothing.";

/// A part of the measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// GETs of a book and of lists, compared with a bare actix-web server that answers with the same bytes
    Reads,
    /// The same reads while 500 other books a second change, compared with reads without changes
    Updates,
    /// Resident memory, steady and peak
    Memory,
    /// Time from the start of the process until it is ready, compared with a LIST of all books
    Start,
    /// Requests to the API server and CPU time of each write, and the absence of requests for reads
    Writes,
    /// Creates, updates and borrows a second by 1, 16, 64 and 256 clients, with the default flags and on all cores,
    /// compared with the same creates sent straight to the API server
    Load,
    /// Time from the arrival of an event on a watch until the API shows it
    Latency,
    /// CPU time of a local resync of every cached object
    Resync,
    /// GETs of a book in token mode compared with header mode, the first request with a token, and valid callers during
    /// a flood of made-up tokens
    Tokens,
    /// Requests and bytes of the history of a loan, and the memory and reads of a million events
    History,
    /// The librarians' page in a browser, if node and Chromium are installed: the time to its first rows, its nodes,
    /// and its heap over 120 times --duration of updates
    Page,
}

impl std::fmt::Display for Part {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = self.to_possible_value();
        formatter.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// One of the two APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Api {
    /// The librarians' API
    #[value(name = "admin-api")]
    #[serde(rename = "admin-api")]
    Admin,
    /// The tenants' API
    #[value(name = "user-api")]
    #[serde(rename = "user-api")]
    User,
}

impl Api {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Admin, Self::User];

    /// The file name of the program.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin-api",
            Self::User => "user-api",
        }
    }
}

// wrk accepts whole seconds only.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.strip_suffix('s').unwrap_or(text).parse();
    seconds
        .ok()
        .filter(|seconds| (1..=3600).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| "must be whole seconds from 1s to 3600s".to_owned())
}

fn as_seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_whole_seconds() {
        assert_eq!(seconds("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(seconds("10"), Ok(Duration::from_secs(10)));
        for wrong in ["", "s", "0s", "1.5s", "-1s", "2m", "3601s"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
