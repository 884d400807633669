//! The flags of the benchmark.

// The comments of flags are their help, where backticks would show.
#![allow(clippy::doc_markdown)]

use std::{path::PathBuf, time::Duration};

use clap::{ValueEnum, builder::FalseyValueParser, value_parser};
use serde::{Serialize, Serializer};

use crate::workspace;

/// Measure both APIs, each figure beside its limit in the same run: one Markdown table, and the same as JSON.
///
/// Builds the release binaries, starts a control plane of its own, makes the books where they are not there from an
/// earlier run, and measures part after part. The measured program gets one core, everything else the other ones,
/// except under the load of writes, where all share all cores. Compared
/// programs are measured in turns (ours, the limit, ours, the limit, ...), and the table has the medians. Ends every
/// process it has started, whatever ends it. Needs wrk and curl, and Linux for CPU times, memory and pinning; elsewhere
/// those figures are "not available".
#[derive(Clone, Debug, Serialize, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// Number of books, in 50 namespaces, with a description of 0.5 KiB each; several: 1000,100000
    ///
    /// There are 1,020 more in two namespaces that lists are read from: 20 in one, 1,000 in the other, a fifth of which
    /// in one category. The targets for memory, start and resync are for 100000, and judged from there on.
    #[arg(long, env = "BOOKSHELF_BENCH_BOOKS", value_name = "NUMBER,...", value_delimiter = ',', default_value = "1000",
          value_parser = value_parser!(u64).range(50..=1_000_000))]
    pub books: Vec<u64>,

    /// Duration of one measurement in whole seconds, such as 5s
    #[arg(long, env = "BOOKSHELF_BENCH_DURATION", value_name = "SECONDS", default_value = "5s", value_parser = seconds)]
    #[serde(serialize_with = "as_seconds")]
    pub duration: Duration,

    /// Number of times that each measurement is made
    #[arg(long, env = "BOOKSHELF_BENCH_ROUNDS", value_name = "NUMBER", default_value_t = 5, value_parser = value_parser!(u32).range(1..=1000))]
    pub rounds: u32,

    /// Parts to measure; without it, all
    #[arg(long, env = "BOOKSHELF_BENCH_PARTS", value_name = "PART,...", value_delimiter = ',',
          default_values_t = Part::value_variants().iter().copied(), hide_default_value = true)]
    pub parts: Vec<Part>,

    /// The API that is measured where both could be
    #[arg(long, env = "BOOKSHELF_BENCH_API", value_name = "API", value_enum, default_value_t = Api::User)]
    pub api: Api,

    /// File for the figures as JSON, each round's included
    #[arg(long, env = "BOOKSHELF_BENCH_OUTPUT", value_name = "FILE", default_value_os_t = workspace().join(".local/bench/figures.json"))]
    #[serde(skip)]
    pub output: PathBuf,

    /// Directory in which the control planes keep their books between runs, one for each number of books
    #[arg(long, env = "BOOKSHELF_BENCH_DATA_DIR", value_name = "DIRECTORY", default_value_os_t = workspace().join(".local/bench"))]
    #[serde(skip)]
    pub data_dir: PathBuf,

    /// Make the books anew
    #[arg(long, env = "BOOKSHELF_BENCH_FRESH", value_parser = FalseyValueParser::new())]
    pub fresh: bool,

    /// Cargo's profile; others than release are for work on the bench itself
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
    /// GETs of a book and of lists, beside a bare actix-web server that answers the same bytes
    Reads,
    /// The same reads while 500 other books a second change, beside the same without
    Updates,
    /// Resident memory, steady and at its peak
    Memory,
    /// From the start of the process until it is ready, beside a LIST of all books
    Start,
    /// Requests to the API server and CPU time of each write, and that reads ask for nothing
    Writes,
    /// Creates, updates and borrows a second by 1, 16, 64 and 256 clients, with the flags' defaults and on all cores,
    /// beside the same creates sent straight to the API server
    Load,
    /// From an event's arrival on a watch until the API shows it
    Latency,
    /// CPU time of a local resync of every cached object
    Resync,
    /// GETs of a book in token mode beside header mode, the first request of a token, and valid callers beside a flood of
    /// made-up tokens
    Tokens,
    /// Requests and bytes of a loan's history, and the memory and reads of a million events
    History,
    /// The librarians' page in a browser, where node and Chromium are: the time until its first rows, its nodes, and its heap
    /// over 120 times --duration of updates
    Page,
}

impl std::fmt::Display for Part {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = self.to_possible_value();
        formatter.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// One of the two programs.
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

// The load generator takes whole seconds only.
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
