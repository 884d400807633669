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
//! The API server uses RBAC authorization, so a test has exactly the rights of its `ServiceAccount`. The controller
//! manager collects garbage by ownerReference and completes the deletion of namespaces. There are no nodes: nothing is
//! scheduled, no container runs.
//!
//! Nothing is left behind: a control plane is killed when it is dropped, and also when its owner is killed. If even
//! that fails, the next start ends the leftover processes.

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
