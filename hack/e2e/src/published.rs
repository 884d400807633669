//! The custom resource definitions of other projects, from their Go modules.

use std::{fs, path::PathBuf, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

/// A module with its version, its checksum in the format of go.sum, and its files.
struct Published {
    module: &'static str,
    sum: &'static str,
    directory: &'static str,
    files: &'static [&'static str],
}

const PUBLISHED: [Published; 3] = [
    Published {
        module: "sigs.k8s.io/gateway-api@v1.4.0",
        sum: "h1:ZwlNM6zOHq0h3WUX2gfByPs2yAEsy/EenYJB78jpQfQ=",
        directory: "config/crd/standard",
        files: &["gateway.networking.k8s.io_httproutes.yaml"],
    },
    Published {
        module: "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        sum: "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
        directory: "example/prometheus-operator-crd",
        files: &[
            "monitoring.coreos.com_podmonitors.yaml",
            "monitoring.coreos.com_prometheusrules.yaml",
            "monitoring.coreos.com_servicemonitors.yaml",
        ],
    },
    Published {
        module: "github.com/cert-manager/cert-manager@v1.19.0",
        sum: "h1:pPKtK06zPriliwq7B12xa7DGKbc4SvnfOjE0BXaAspk=",
        directory: "deploy/crds",
        files: &["cert-manager.io_certificates.yaml"],
    },
];

/// Returns the CRDs of other projects' kinds that the chart can install, as manifests.
pub async fn published_crds() -> Result<Vec<String>> {
    let mut definitions = Vec::new();
    for published in PUBLISHED {
        let directory = published.download().await?.join(published.directory);
        for file in published.files {
            let path = directory.join(file);
            let text = fs::read_to_string(&path);
            definitions.push(text.with_context(|| format!("cannot read {}", path.display()))?);
        }
    }
    Ok(definitions)
}

impl Published {
    /// Downloads the module into Go's cache if it is not there, and returns its directory.
    async fn download(&self) -> Result<PathBuf> {
        let anywhere = tempfile::tempdir()?;
        let output = Command::new("go")
            .args(["mod", "download", "-json", self.module])
            .current_dir(anywhere.path())
            .envs([("GOWORK", "off"), ("GOTOOLCHAIN", "local")])
            .stdin(Stdio::null())
            .output()
            .await
            .context("cannot run `go mod download`")?;
        let said = String::from_utf8_lossy(&output.stderr);
        let answer: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("`go mod download {}`: {said}", self.module))?;
        ensure!(
            answer["Sum"] == self.sum,
            "{} is not what it was: {answer}",
            self.module
        );
        Ok(answer["Dir"].as_str().context("a directory")?.into())
    }
}
