//! The flags of the history.

use clap::{ArgAction, Args};

/// The history of books and loans.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "History")]
pub struct HistoryArgs {
    /// Record what happens to books and loans, in loanjournals: kubectl get lj. Costs the Kubernetes API at most one request a
    /// second while something happens, apart from --kube-qps
    #[arg(long, env = "BOOKSHELF_HISTORY", default_value_t = true, action = ArgAction::Set, value_name = "BOOLEAN")]
    pub history: bool,
}
