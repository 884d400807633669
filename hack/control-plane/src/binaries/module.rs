//! The Go modules that pin the programs.

use std::{
    env::consts::{ARCH, OS},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{Tool, version::Version};

/// A directory below `go/` with go.mod and go.sum, but without source code.
#[derive(Debug)]
pub(super) struct Module {
    name: &'static str,
    go_mod: &'static str,
    go_sum: &'static str,
    /// The required module whose version is the version of the programs.
    pins: &'static str,
}

macro_rules! module {
    ($name:literal, $pins:literal) => {
        Module {
            name: $name,
            go_mod: include_str!(concat!("../../go/", $name, "/go.mod")),
            go_sum: include_str!(concat!("../../go/", $name, "/go.sum")),
            pins: $pins,
        }
    };
}

static ETCD: Module = module!("etcd", "go.etcd.io/etcd/server/v3");
pub(super) static KUBERNETES: Module = module!("kubernetes", "k8s.io/kubernetes");
static HELM: Module = module!("helm", "helm.sh/helm/v4");
static ETCDCTL: Module = module!("etcdctl", "go.etcd.io/etcd/etcdctl/v3");
static KUBECONFORM: Module = module!("kubeconform", "github.com/yannh/kubeconform");

impl Module {
    /// The module that `tool` is built from.
    pub(super) fn of(tool: Tool) -> &'static Self {
        match tool {
            Tool::Etcd => &ETCD,
            Tool::KubeApiserver | Tool::KubeControllerManager | Tool::Kubectl => &KUBERNETES,
            Tool::Helm => &HELM,
            Tool::Kubeconform => &KUBECONFORM,
            Tool::Etcdctl | Tool::Etcdutl => &ETCDCTL,
        }
    }

    pub(super) fn dir(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("go").join(self.name)
    }

    /// The full pinned version, such as `v1.36.3`.
    pub(super) fn release(&self) -> &'static str {
        self.go_mod
            .lines()
            .find_map(|line| {
                let mut words = line.trim().trim_start_matches("require ").split_whitespace();
                words.next().filter(|module| *module == self.pins)?;
                words.next()
            })
            .unwrap_or("unknown")
    }

    pub(super) fn version(&self) -> Version {
        Version::find_in(self.release()).unwrap_or(Version::new(0, 0))
    }

    /// The oldest Go version that can build the module.
    pub(super) fn go_version(&self) -> Version {
        self.go_mod
            .lines()
            .find_map(|line| Version::find_in(line.strip_prefix("go ")?))
            .unwrap_or(Version::new(1, 0))
    }

    /// The flags of `go build`, without the output.
    pub(super) fn build_flags(&self) -> Vec<String> {
        // Without it, the API server reports version v0.0.0, which misleads clients.
        let variable = match self.name {
            "kubernetes" => Some("k8s.io/component-base/version.gitVersion"),
            "kubeconform" => Some("main.version"),
            _ => None,
        };
        let version = variable.map(|variable| format!(" -X {variable}={}", self.release()));
        let ldflags = format!("-s -w{}", version.unwrap_or_default());
        vec!["-trimpath".to_owned(), "-ldflags".to_owned(), ldflags]
    }

    /// The environment variables that affect the result of `go build`.
    pub(super) fn build_environment() -> [(&'static str, &'static str); 3] {
        [
            // As in the official releases. It needs no C compiler, and the result runs with any libc.
            ("CGO_ENABLED", "0"),
            // The pins must come from the module, not from a workspace around the checkout.
            ("GOWORK", "off"),
            ("GOTOOLCHAIN", "local"),
        ]
    }

    /// Returns the name of a build in the cache. Builds from other pins or with other flags have other keys.
    pub(super) fn cache_key(&self) -> String {
        let mut hash = Sha256::new();
        let build = format!(
            "{:?} {:?} {OS} {ARCH}",
            self.build_flags(),
            Self::build_environment()
        );
        for part in [self.go_mod, self.go_sum, &build] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        let hash = hash
            .finalize()
            .first_chunk()
            .map_or(0, |first| u64::from_be_bytes(*first));
        format!("{}-{}-{hash:016x}", self.name, self.release())
    }
}

pub(super) fn package(tool: Tool) -> &'static str {
    match tool {
        Tool::Etcd => "go.etcd.io/etcd/server/v3",
        Tool::KubeApiserver => "k8s.io/kubernetes/cmd/kube-apiserver",
        Tool::KubeControllerManager => "k8s.io/kubernetes/cmd/kube-controller-manager",
        Tool::Kubectl => "k8s.io/kubernetes/cmd/kubectl",
        Tool::Helm => "helm.sh/helm/v4/cmd/helm",
        Tool::Kubeconform => "github.com/yannh/kubeconform/cmd/kubeconform",
        Tool::Etcdctl => "go.etcd.io/etcd/etcdctl/v3",
        Tool::Etcdutl => "go.etcd.io/etcd/etcdutl/v3",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_from_the_pins() {
        let others = [Tool::Kubeconform, Tool::Etcdctl, Tool::Etcdutl];
        for tool in Tool::CONTROL_PLANE.into_iter().chain(others) {
            let module = Module::of(tool);
            assert!(module.release().starts_with('v'), "{tool}: {}", module.release());
            assert!(module.version() > Version::new(0, 0), "{tool}");
            assert!(module.go_version() >= Version::new(1, 26), "{tool}");
            assert!(
                module.go_mod.contains(&format!("\t{}\n", package(tool)))
                    || module.go_mod.contains(&format!("tool {}\n", package(tool))),
                "{tool} is no `tool` of its module"
            );
        }
    }

    #[test]
    fn another_pin_is_another_cache_key() {
        let other = Module {
            name: "etcd",
            go_mod: ETCD.go_mod,
            go_sum: "",
            pins: ETCD.pins,
        };
        assert_ne!(other.cache_key(), ETCD.cache_key());
        assert!(ETCD.cache_key().starts_with(&format!("etcd-{}-", ETCD.release())));
    }
}
