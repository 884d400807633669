//! Why a list or a watch ended.

use std::time::Duration;

use kube::core::Status;

use crate::connector::{Error, Reason};

/// Why a list or a watch ended before its time.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The request failed.
    #[error(transparent)]
    Request(#[from] Error),
    /// Nothing was heard for so long: the connection is dead.
    #[error("nothing was heard for {} s", .0.as_secs())]
    Silent(Duration),
    /// The API server's answer cannot be read.
    #[error("the API server's answer cannot be read: {0}")]
    Unreadable(String),
    /// The API server ended the watch.
    #[error("the API server ended the watch: {}", .0.message)]
    Ended(Box<Status>),
}

impl Failure {
    pub(super) fn unreadable(error: impl std::fmt::Display) -> Self {
        Self::Unreadable(error.to_string())
    }

    pub(super) fn ended(status: Status) -> Self {
        Self::Ended(status.boxed())
    }

    /// Whether the API server no longer has the version asked for: nothing is wrong, a list helps.
    pub(super) fn is_expiry(&self) -> bool {
        match self {
            Self::Request(error) => matches!(error.reason, Reason::Expired(_)),
            Self::Ended(status) => status.code == 410 || matches!(status.reason.as_str(), "Expired" | "Gone"),
            _ => false,
        }
    }

    /// Whether watching again from the same version is pointless: it is gone, or the whole resource is.
    pub(super) fn needs_list(&self) -> bool {
        let is_missing = matches!(self, Self::Request(error) if matches!(error.reason, Reason::NotFound(_)));
        is_missing || self.is_expiry()
    }

    /// Whether the API server is away: what it can do is another question.
    pub(super) fn is_outage(&self) -> bool {
        matches!(self, Self::Request(error) if matches!(error.reason, Reason::Unavailable { .. }))
    }

    /// Whether the API server does not do what was asked, here or at all.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Request(error) if matches!(error.reason, Reason::Rejected(_)))
    }
}
