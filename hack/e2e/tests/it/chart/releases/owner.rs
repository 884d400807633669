//! A release by the owner of a namespace without cluster-wide rights, as described in docs/production.md.

use std::time::Duration;

use anyhow::{Context as _, Result};
use control_plane::{save_kubeconfig, service_account_kubeconfig};
use e2e::{chart, eventually};

use super::{Charts, Releases, helm, values_file};

/// Returns the `ClusterRole` on that page.
fn installer() -> Result<String> {
    let page = std::fs::read_to_string(chart().join("../../docs/production.md"))?;
    let mut blocks = page.split("```yaml\n").skip(1);
    let block = blocks.find(|block| block.contains("name: bookshelf-installer"));
    let (manifest, _) = block
        .context("the ClusterRole")?
        .split_once("```")
        .context("its end")?;
    Ok(manifest.to_owned())
}

#[tokio::test]
async fn the_owner_of_a_namespace_installs_with_the_rights_that_the_release_hands_on() -> Result<()> {
    let charts = Charts::get().await?;
    let _turn = charts.turn.lock().await;
    let releases = Releases::of(&charts.cluster).await?;
    let kubectl = &releases.kubectl;
    let neither = "--set=adminApi.enabled=false,userApi.enabled=false";
    releases.install("bookshelf-kinds", &[neither]).await?;

    kubectl.run(&["create", "namespace", "owned"]).await?;
    kubectl
        .run(&["create", "serviceaccount", "owner", "-n", "owned"])
        .await?;
    let bind = async |role: &str| {
        let role = format!("--clusterrole={role}");
        let account = "--serviceaccount=owned:owner";
        let bind = [
            "create",
            "rolebinding",
            &role[14..],
            "-n",
            "owned",
            &role,
            account,
        ];
        kubectl.run(&bind).await
    };
    bind("admin").await?;
    let hour = Duration::from_hours(1);
    let kubeconfig = service_account_kubeconfig(charts.cluster.kubeconfig(), "owned", "owner", hour).await?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("kubeconfig");
    save_kubeconfig(&kubeconfig, &file)?;
    let values = values_file("one-namespace.yaml");
    let install = [
        "upgrade",
        "--install",
        "owners",
        &releases.chart,
        "-n",
        "owned",
        "-f",
        &values,
        "--set=watchNamespaces={owned}",
        "--kubeconfig",
        file.to_str().context("a path")?,
    ];
    let refused = helm(&install).await.err().context("refused")?.to_string();
    assert!(refused.contains("not currently held"), "{refused}");

    kubectl.apply(&installer()?).await?;
    bind("bookshelf-installer").await?;
    // The role `admin` gets the rights on the new kinds with a delay.
    let said = eventually("the owner installs", async || Ok(helm(&install).await.ok())).await?;
    assert!(said.contains("STATUS: deployed"), "{said}");

    kubectl.run(&["delete", "namespace", "owned"]).await?;
    kubectl
        .run(&["delete", "clusterrole", "bookshelf-installer"])
        .await?;
    releases.uninstall("bookshelf-kinds").await?;
    releases.clear().await
}
