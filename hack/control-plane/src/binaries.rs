//! Finds or builds the programs of a control plane.
//!
//! A program is looked up in `KUBEBUILDER_ASSETS`, on PATH and in a per-user cache, in this order. If it is in none of
//! them, it is built into the cache from the Go modules in `go/`. Only two kinds of things are downloaded: Go modules,
//! by Go, checked against go.sum, and Python packages, by pip, checked against the hashes of a [`PythonTool`].

use std::{
    env,
    fmt::{self, Display, Formatter},
    path::{Path, PathBuf},
};

use anyhow::Result;

mod cache;
mod go;
mod module;
mod progress;
mod python;
mod version;

pub use python::PythonTool;
use version::Version;

/// A program that this crate runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// The store of the API server.
    Etcd,
    /// The API server.
    KubeApiserver,
    /// The controllers. Garbage collection and the deletion of namespaces matter here.
    KubeControllerManager,
    /// The command line of Kubernetes.
    Kubectl,
    /// Renders the chart.
    Helm,
    /// Checks manifests against schemas.
    Kubeconform,
    /// Takes snapshots of etcd.
    Etcdctl,
    /// Restores snapshots of etcd.
    Etcdutl,
}

impl Tool {
    /// The programs of a control plane with bookshelf, in build order.
    pub const CONTROL_PLANE: [Self; 5] = [
        Self::Etcd,
        Self::KubeApiserver,
        Self::KubeControllerManager,
        Self::Kubectl,
        Self::Helm,
    ];

    /// The file name of the program.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::Kubectl => "kubectl",
            Self::Helm => "helm",
            Self::Kubeconform => "kubeconform",
            Self::Etcdctl => "etcdctl",
            Self::Etcdutl => "etcdutl",
        }
    }

    fn version_arguments(self) -> &'static [&'static str] {
        match self {
            Self::Etcd | Self::KubeApiserver | Self::KubeControllerManager => &["--version"],
            Self::Kubectl => &["version", "--client"],
            Self::Helm => &["version", "--short"],
            Self::Kubeconform => &["-v"],
            Self::Etcdctl | Self::Etcdutl => &["version"],
        }
    }

    /// Returns why a program of this version cannot be used, if so.
    fn objection(self, version: Version) -> Option<String> {
        let pinned = module::KUBERNETES.version();
        let wanted = match self {
            Self::Etcd if version < Version::new(3, 5) => "3.5 or newer".to_owned(),
            Self::KubeApiserver if version < pinned => format!("{pinned} or newer"),
            // The two are released together: a newer controller manager does not support this API server.
            Self::KubeControllerManager if version != pinned => format!("{pinned}"),
            // The first version whose etcdutl can raise revisions.
            Self::Etcdctl | Self::Etcdutl if version < Version::new(3, 6) => "3.6 or newer".to_owned(),
            Self::Helm if version < Version::new(3, 0) => "3 or newer".to_owned(),
            _ => return None,
        };
        Some(format!("it is version {version}, needed is {wanted}"))
    }
}

impl Display for Tool {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Returns the directory of the programs that this project builds for a user. All checkouts share it.
pub fn cache_dir() -> Result<PathBuf> {
    cache::root()
}

/// Returns the path of `tool`. If it is not found, builds it first, which takes minutes once and shows its progress.
pub fn find_or_build(tool: Tool) -> Result<PathBuf> {
    match find(tool) {
        Some(path) => Ok(path),
        None => cache::find_or_build(tool),
    }
}

/// Returns the path of `tool` if it is installed in a usable version.
fn find(tool: Tool) -> Option<PathBuf> {
    let assets = env::var_os("KUBEBUILDER_ASSETS").map(|assets| Path::new(&assets).join(tool.name()));
    let installed = which::which(tool.name()).ok();
    assets
        .filter(|path| path.exists())
        .into_iter()
        .chain(installed)
        .find(|path| match version::of(tool, path) {
            Ok(version) => match tool.objection(version) {
                Some(objection) => {
                    eprintln!("{} is not used: {objection}", path.display());
                    false
                }
                None => true,
            },
            Err(error) => {
                eprintln!("{} is not used: {error:#}", path.display());
                false
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_releases_than_the_pinned_one_are_refused_with_the_reason() {
        let objection = Tool::KubeApiserver.objection(Version::new(1, 20)).unwrap();
        assert_eq!(
            objection,
            format!(
                "it is version 1.20, needed is {} or newer",
                module::KUBERNETES.version()
            )
        );
        assert!(Tool::Etcd.objection(Version::new(3, 4)).is_some());
        assert!(Tool::Helm.objection(Version::new(2, 17)).is_some());
    }

    #[test]
    fn any_kubectl_and_either_helm_do() {
        assert_eq!(Tool::Kubectl.objection(Version::new(1, 20)), None);
        assert_eq!(Tool::Helm.objection(Version::new(3, 16)), None);
        assert_eq!(Tool::Helm.objection(Version::new(4, 3)), None);
    }

    #[test]
    fn a_controller_manager_is_used_only_with_the_api_server_it_was_made_for() {
        let pinned = module::KUBERNETES.version();
        assert_eq!(Tool::KubeControllerManager.objection(pinned), None);
        assert!(
            Tool::KubeControllerManager
                .objection(Version::new(pinned.major, pinned.minor + 1))
                .is_some()
        );
    }
}
