//! The flags of the history.

use std::time::Duration;

use bookshelf_store::repository::Retention;
use clap::{ArgAction, Args};

use super::positive_seconds;

/// The history of books and loans.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "History")]
pub struct HistoryArgs {
    /// Record the history of books and loans in loanjournals (kubectl get lj). Costs the Kubernetes API at most one
    /// request per second while something happens, not counted in --kube-qps
    #[arg(long, env = "BOOKSHELF_HISTORY", default_value_t = true, action = ArgAction::Set, value_name = "BOOLEAN")]
    pub history: bool,
}

/// The retention of the history.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "History")]
pub struct RetentionArgs {
    /// Days after which events of the history are deleted
    #[arg(long, env = "BOOKSHELF_HISTORY_DAYS", default_value_t = 730, value_parser = clap::value_parser!(u32).range(1..=36_500), value_name = "DAYS")]
    pub history_days: u32,

    /// Maximum events per namespace, beyond which the oldest ones are deleted. An event takes about 100 bytes in the
    /// Kubernetes API and about 50 in each process
    #[arg(long, env = "BOOKSHELF_HISTORY_ENTRIES", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000), value_name = "NUMBER")]
    pub history_entries: u32,

    /// Days after which names in the history are blanked
    #[arg(long, env = "BOOKSHELF_HISTORY_NAMES_DAYS", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=36_500), value_name = "DAYS")]
    pub history_names_days: u32,

    /// Average seconds between two runs that delete old events and blank old names
    #[arg(long, env = "BOOKSHELF_HISTORY_CHECK_PERIOD", default_value = "3600", value_parser = positive_seconds, value_name = "SECONDS")]
    pub history_check_period: Duration,
}

impl RetentionArgs {
    /// Returns the retention of the history.
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
