//! Why a list or a watch ended.

use std::time::Duration;

use kube::core::Status;
use tokio_util::codec::LinesCodecError;

use crate::connector::{Error, Reason};
use crate::object::ResourceVersion;

/// The failure of a list, of a watch, or of one of its events.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The request failed.
    #[error(transparent)]
    Request(#[from] Error),
    /// The API server has sent nothing for this time: the connection is dead.
    #[error("the API server has sent nothing for {} s", .0.as_secs())]
    Silent(Duration),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The API server's versions are older than before: it was restored from a backup.
    #[error(
        "the list has version {listed}, older than the confirmed version {confirmed}: the API server's versions went back"
    )]
    WentBack {
        /// The version of the list.
        listed: ResourceVersion,
        /// The version that was confirmed before the list was requested.
        confirmed: ResourceVersion,
    },
    /// The API server's answer cannot be read.
    #[error("the API server's answer cannot be read: {0}")]
    Unreadable(String),
    /// The API server ended the watch.
    #[error("the API server ended the watch: {}", .0.message)]
    Ended(Box<Status>),
}

/// The origin of a failure: the resource, and the namespace, if namespaces are watched one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Origin<'a> {
    /// The resource's plural and group, as in `deployments.apps`.
    pub resource: &'a str,
    /// The namespace; `None`: all.
    pub namespace: Option<&'a str>,
}

impl Failure {
    pub(super) fn unreadable(error: impl std::fmt::Display) -> Self {
        Self::Unreadable(error.to_string())
    }

    /// Returns the failure of reading a line of a watch.
    pub(super) fn of_line(error: LinesCodecError) -> Self {
        match error {
            LinesCodecError::Io(error) => Self::Broken(error.to_string()),
            LinesCodecError::MaxLineLengthExceeded => Self::unreadable(error),
        }
    }

    pub(super) fn ended(status: Status) -> Self {
        Self::Ended(status.boxed())
    }

    /// Returns the time that the API server asks to wait.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Request(error) => error.reason.retry_after(),
            Self::Ended(status) => {
                let seconds = status.details.as_ref()?.retry_after_seconds;
                // An hour at most, which is as good as forever.
                Some(Duration::from_secs(u64::from(seconds).min(3600)))
            }
            _ => None,
        }
    }

    /// Returns true if the API server no longer has the requested version: nothing is wrong, a list helps.
    pub(super) fn is_expiry(&self) -> bool {
        match self {
            Self::Request(error) => matches!(error.reason, Reason::Expired(_)),
            Self::Ended(status) => status.code == 410 || matches!(status.reason.as_str(), "Expired" | "Gone"),
            _ => false,
        }
    }

    /// Returns true if another watch from the same version is pointless: the version is gone, or the whole resource.
    pub(super) fn needs_list(&self) -> bool {
        self.is_missing() || self.is_expiry()
    }

    /// Returns true if the API server does not have the resource: its CRD is not installed.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Request(error) if matches!(error.reason, Reason::NotFound(_)))
    }

    /// Returns true if there was an answer that cannot be read.
    pub(super) fn is_unreadable(&self) -> bool {
        matches!(self, Self::Unreadable(_))
    }

    /// Returns true if the API server is unavailable, which says nothing about its features.
    pub(super) fn is_outage(&self) -> bool {
        matches!(self, Self::Request(error) if matches!(error.reason, Reason::Unavailable { .. }))
    }

    /// Returns true if the API server does not support the request, for this resource or in general.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Request(error) if matches!(error.reason, Reason::Rejected(_)))
    }
}
