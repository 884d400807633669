//! Each test starts a control plane of its own.

use std::time::Duration;

use anyhow::Result;
use control_plane::{Component, ControlPlane, Kubectl};

#[tokio::test(flavor = "multi_thread")]
async fn starts() -> Result<()> {
    let t = std::time::Instant::now();
    let control_plane = ControlPlane::start().await?;
    eprintln!("start {:?}", t.elapsed());
    let kubectl = Kubectl::new(control_plane.kubeconfig()).await?;
    eprintln!(
        "{}",
        kubectl.run(&["get", "ns,clusterroles"]).await?.lines().count()
    );
    eprintln!("{}", control_plane.compact().await?);
    let t = std::time::Instant::now();
    control_plane.restart(Component::ControllerManager).await?;
    eprintln!("restart kcm {:?}", t.elapsed());
    let t = std::time::Instant::now();
    control_plane.restart(Component::Apiserver).await?;
    eprintln!("restart api {:?}", t.elapsed());
    let kc = control_plane
        .service_account_kubeconfig("default", "default", Duration::from_secs(600))
        .await?;
    eprintln!(
        "{:?}",
        control_plane::client(kc)
            .await?
            .apiserver_version()
            .await?
            .git_version
    );
    let t = std::time::Instant::now();
    control_plane.stop().await?;
    eprintln!("stop {:?}", t.elapsed());
    Ok(())
}
