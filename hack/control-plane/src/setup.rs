//! The command lines and kubeconfigs of a control plane's programs.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use kube::config::{AuthInfo, Kubeconfig};

use crate::{
    component::Component,
    credentials::Credentials,
    data_dir::DataDir,
    kubeconfig::{kubeconfig, local_cluster},
    ports::Ports,
};

/// The controllers that the APIs' objects need. Others would only cost time.
const CONTROLLERS: &str = "garbage-collector-controller,namespace-controller,serviceaccount-controller,\
                           serviceaccount-token-controller,clusterrole-aggregation-controller";

#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) data_dir: DataDir,
    pub(crate) credentials: Credentials,
    pub(crate) ports: Ports,
    pub(crate) apiserver_arguments: Vec<String>,
}

impl Setup {
    pub(crate) fn admin_kubeconfig_path(&self) -> PathBuf {
        self.data_dir.path().join("kubeconfig")
    }

    pub(crate) fn admin_kubeconfig(&self) -> Result<Kubeconfig> {
        let admin = AuthInfo {
            token: Some(self.credentials.admin_token()?.into()),
            ..AuthInfo::default()
        };
        Ok(kubeconfig(
            local_cluster(self.ports.of(Component::Apiserver), &self.credentials.ca())?,
            "admin",
            admin,
        ))
    }

    /// A kubeconfig for requests to `component` itself.
    pub(crate) fn kubeconfig_for(&self, component: Component) -> Result<Kubeconfig> {
        let user = match component {
            Component::Apiserver => return self.admin_kubeconfig(),
            Component::Etcd => AuthInfo {
                client_certificate: Some(self.credentials.certificate().display().to_string()),
                client_key: Some(self.credentials.key().display().to_string()),
                ..AuthInfo::default()
            },
            Component::ControllerManager => AuthInfo::default(),
        };
        Ok(kubeconfig(
            local_cluster(self.ports.of(component), &self.credentials.ca())?,
            "control-plane",
            user,
        ))
    }

    /// Returns the command that runs `component` from `program`.
    pub(crate) fn command(&self, component: Component, program: &Path) -> Command {
        let mut command = Command::new(program);
        let port = self.ports.of(component);
        match component {
            Component::Etcd => self.etcd(&mut command, port),
            Component::Apiserver => self.apiserver(&mut command, port),
            Component::ControllerManager => self.controller_manager(&mut command, port),
        }
        command
    }

    fn etcd(&self, command: &mut Command, port: u16) {
        let url = format!("https://127.0.0.1:{port}");
        let (ca, certificate, key) = (
            self.credentials.ca(),
            self.credentials.certificate(),
            self.credentials.key(),
        );
        command
            .arg(flag("--data-dir", self.data_dir.path().join("etcd").display()))
            .arg(flag("--listen-client-urls", &url))
            .arg(flag("--advertise-client-urls", &url))
            // etcd must listen for peers, although there are none, so it gets any free port.
            .arg("--listen-peer-urls=https://127.0.0.1:0");
        for prefix in ["--", "--peer-"] {
            command
                .arg(flag(&format!("{prefix}cert-file"), certificate.display()))
                .arg(flag(&format!("{prefix}key-file"), key.display()))
                .arg(flag(&format!("{prefix}trusted-ca-file"), ca.display()))
                .arg(format!("{prefix}client-cert-auth"));
        }
        if self.data_dir.is_temporary() {
            command.arg("--unsafe-no-fsync");
        }
    }

    fn apiserver(&self, command: &mut Command, port: u16) {
        let (ca, certificate, key) = (
            self.credentials.ca(),
            self.credentials.certificate(),
            self.credentials.key(),
        );
        command
            .arg(flag(
                "--etcd-servers",
                format_args!("https://127.0.0.1:{}", self.ports.of(Component::Etcd)),
            ))
            .arg(flag("--etcd-cafile", ca.display()))
            .arg(flag("--etcd-certfile", certificate.display()))
            .arg(flag("--etcd-keyfile", key.display()))
            .arg("--bind-address=127.0.0.1")
            // Without these two, the API server looks for the address of the machine, and fails without a network.
            .arg("--advertise-address=127.0.0.1")
            .arg("--endpoint-reconciler-type=none")
            .arg(flag("--secure-port", port))
            .arg(flag("--tls-cert-file", certificate.display()))
            .arg(flag("--tls-private-key-file", key.display()))
            .arg("--service-cluster-ip-range=10.0.0.0/24")
            // With the default, AlwaysAllow, tests of rights would be meaningless.
            .arg("--authorization-mode=RBAC")
            .arg(flag("--token-auth-file", self.credentials.tokens().display()))
            .arg("--service-account-issuer=https://kubernetes.default.svc")
            .arg(flag(
                "--service-account-key-file",
                self.credentials.service_account_public_key().display(),
            ))
            .arg(flag(
                "--service-account-signing-key-file",
                self.credentials.service_account_key().display(),
            ))
            .args(&self.apiserver_arguments);
    }

    fn controller_manager(&self, command: &mut Command, port: u16) {
        let key = self.credentials.service_account_key();
        command
            .arg(flag("--kubeconfig", self.admin_kubeconfig_path().display()))
            .arg(flag("--controllers", CONTROLLERS))
            .arg("--leader-elect=false")
            .arg("--bind-address=127.0.0.1")
            .arg(flag("--secure-port", port))
            .arg(flag("--tls-cert-file", self.credentials.certificate().display()))
            .arg(flag("--tls-private-key-file", self.credentials.key().display()))
            .arg(flag("--service-account-private-key-file", key.display()))
            .arg(flag("--root-ca-file", self.credentials.ca().display()))
            // It is the only controller manager, and a lower limit would only delay the deletion of namespaces.
            .args(["--kube-api-qps=500", "--kube-api-burst=1000"]);
    }
}

fn flag(name: &str, value: impl Display) -> String {
    format!("{name}={value}")
}
