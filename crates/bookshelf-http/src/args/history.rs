//! The flags of the history.

use std::time::Duration;

use bookshelf_store::repository::Retention;
use clap::{ArgAction, Args};

use super::positive_seconds;

/// The history of books and loans.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "History")]
pub struct HistoryArgs {
    /// Record what happens to books and loans, in loanjournals: kubectl get lj. Costs the Kubernetes API at most one request a
    /// second while something happens, apart from --kube-qps
    #[arg(long, env = "BOOKSHELF_HISTORY", default_value_t = true, action = ArgAction::Set, value_name = "BOOLEAN")]
    pub history: bool,
}

/// The part of the history that is kept.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "History")]
pub struct RetentionArgs {
    /// Days after which events of the history are deleted
    #[arg(long, env = "BOOKSHELF_HISTORY_DAYS", default_value_t = 730, value_parser = clap::value_parser!(u32).range(1..=36_500), value_name = "DAYS")]
    pub history_days: u32,

    /// Events of a namespace beyond which the oldest ones are deleted. An event takes the Kubernetes API about
    /// 100 bytes, and each process about 50
    #[arg(long, env = "BOOKSHELF_HISTORY_ENTRIES", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000), value_name = "NUMBER")]
    pub history_entries: u32,

    /// Days after which names in the history are blanked
    #[arg(long, env = "BOOKSHELF_HISTORY_NAMES_DAYS", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=36_500), value_name = "DAYS")]
    pub history_names_days: u32,

    /// Average seconds between two runs of the retention
    #[arg(long, env = "BOOKSHELF_HISTORY_CHECK_PERIOD", default_value = "3600", value_parser = positive_seconds, value_name = "SECONDS")]
    pub history_check_period: Duration,
}

impl RetentionArgs {
    /// Returns the part of the history that is kept.
    #[must_use]
    pub fn retention(&self) -> Retention {
        let day = Duration::from_hours(24);
        Retention {
            age: day * self.history_days,
            entries: usize::try_from(self.history_entries).unwrap_or(usize::MAX),
            names: day * self.history_names_days,
            period: self.history_check_period,
        }
    }
}
