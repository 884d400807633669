//! A real etcd, kube-apiserver and kube-controller-manager on loopback, for development and tests.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use control_plane::ControlPlane;
//!
//! let control_plane = ControlPlane::start().await?;
//! println!("export KUBECONFIG={}", control_plane.kubeconfig().display());
//! control_plane.stop().await
//! # }
//! ```
//!
//! The API server authorizes by RBAC, so that a test has the rights of its `ServiceAccount`. The
//! controller manager collects garbage by ownerReference and finishes the deletion of namespaces. There are no
//! nodes: nothing is scheduled, no container runs.
//!
//! Nothing is left behind: a control plane that is dropped is killed, and so is one whose owner was killed. Where
//! even that could not be, the next start ends what it finds.

pub mod binaries;
mod component;
mod control_plane;
mod credentials;
mod data_dir;
mod etcd;
mod install;
mod kubeconfig;
mod kubectl;
mod ports;
pub mod process;
mod setup;

pub use component::Component;
pub use control_plane::{Builder, ControlPlane};
pub use data_dir::DataDir;
pub use install::{Installation, NAMESPACE, install};
pub use kubeconfig::{client, save_kubeconfig, service_account_kubeconfig};
pub use kubectl::Kubectl;
