//! The three programs of a control plane.

use std::fmt::{self, Display, Formatter};

use crate::binaries::Tool;

/// One of the programs that make a control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// etcd.
    Etcd,
    /// kube-apiserver.
    Apiserver,
    /// kube-controller-manager.
    ControllerManager,
}

impl Component {
    /// All components, in start order.
    pub const ALL: [Self; 3] = [Self::Etcd, Self::Apiserver, Self::ControllerManager];

    pub(crate) fn tool(self) -> Tool {
        match self {
            Self::Etcd => Tool::Etcd,
            Self::Apiserver => Tool::KubeApiserver,
            Self::ControllerManager => Tool::KubeControllerManager,
        }
    }

    /// The path of its health endpoint.
    pub(crate) fn ready_path(self) -> &'static str {
        match self {
            Self::Etcd => "/health",
            Self::Apiserver => "/readyz",
            Self::ControllerManager => "/healthz",
        }
    }
}

impl Display for Component {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.tool().name())
    }
}
