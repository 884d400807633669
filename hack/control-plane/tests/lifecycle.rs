//! Starts, stops, faults and killed owners. Each test has its own control plane.

use std::{
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use control_plane::{Component, ControlPlane, DataDir, client};
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::{
    Api,
    api::{ListParams, PostParams, VersionMatch},
    config::Kubeconfig,
};

/// Set for the copy of this test binary that acts as the owner.
const OWNER_OF: &str = "BOOKSHELF_TEST_OWNER_OF";

async fn config_maps(control_plane: &ControlPlane) -> Result<Api<ConfigMap>> {
    Ok(Api::default_namespaced(control_plane.client().await?))
}

async fn write(maps: &Api<ConfigMap>, name: &str) -> Result<String> {
    let mut map = ConfigMap::default();
    map.metadata.name = Some(name.to_owned());
    let created = maps.create(&PostParams::default(), &map).await?;
    created
        .metadata
        .resource_version
        .context("a created object has a version")
}

async fn start_in(directory: &Path) -> Result<ControlPlane> {
    ControlPlane::builder()
        .data_dir(DataDir::open(directory)?)
        .start()
        .await
}

#[tokio::test]
async fn objects_tokens_and_addresses_survive_a_restart_on_the_same_directory() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let first = start_in(directory.path()).await?;
    write(&config_maps(&first).await?, "kept").await?;
    let admin = Kubeconfig::read_from(first.kubeconfig())?;
    // A separate account, since the controller manager creates the default one asynchronously.
    let mut account = ServiceAccount::default();
    account.metadata.name = Some("reader".to_owned());
    Api::default_namespaced(first.client().await?)
        .create(&PostParams::default(), &account)
        .await?;
    let account = first
        .service_account_kubeconfig("default", "reader", Duration::from_mins(10))
        .await?;
    first.stop().await?;

    let second = start_in(directory.path()).await?;

    let maps: Api<ConfigMap> = Api::default_namespaced(client(admin).await?);
    maps.get("kept")
        .await
        .context("with the kubeconfig from before")?;
    let refused = Api::<ConfigMap>::default_namespaced(client(account).await?)
        .get("kept")
        .await;
    ensure!(
        matches!(&refused, Err(kube::Error::Api(status)) if status.code == 403),
        "a token from before is still known, if without rights: {refused:?}"
    );
    second.stop().await
}

#[tokio::test]
async fn an_owner_that_is_killed_leaves_nothing_that_blocks_the_next() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let mut owner = other_process_owning(directory.path())?;

    let refusal = DataDir::open(directory.path()).unwrap_err().to_string();
    ensure!(refusal.contains(&format!("process {}", owner.id())), "{refusal}");

    owner.kill()?;
    owner.wait()?;
    let next = start_in(directory.path()).await?;

    config_maps(&next).await?.get("written-by-the-killed-one").await?;
    next.stop().await
}

/// Starts a copy of this test binary that starts a control plane in `directory`, and waits until that is ready.
fn other_process_owning(directory: &Path) -> Result<Child> {
    let mut owner = Command::new(env::current_exe()?)
        .args(["--exact", "owner_in_another_process", "--ignored", "--nocapture"])
        .env(OWNER_OF, directory)
        .stdout(Stdio::piped())
        .spawn()?;
    let lines = BufReader::new(owner.stdout.take().context("its output is a pipe")?).lines();
    for line in lines {
        if line?.ends_with("owner is ready") {
            return Ok(owner);
        }
    }
    anyhow::bail!("the other owner ended before it was ready: {}", owner.wait()?)
}

#[tokio::test]
#[ignore = "not a test: the other process of the test above"]
async fn owner_in_another_process() -> Result<()> {
    let Some(directory) = env::var_os(OWNER_OF) else {
        return Ok(());
    };
    let control_plane = start_in(Path::new(&directory)).await?;
    write(&config_maps(&control_plane).await?, "written-by-the-killed-one").await?;
    println!("owner is ready");
    Err(control_plane.failure().await)
}

#[tokio::test]
async fn faults_are_felt_and_mended() -> Result<()> {
    let control_plane = ControlPlane::start().await?;
    let maps = config_maps(&control_plane).await?;
    let before = write(&maps, "first").await?;

    control_plane.pause(Component::Apiserver)?;
    let paused = tokio::time::timeout(Duration::from_millis(500), maps.get("first")).await;
    ensure!(paused.is_err(), "a paused API server does not answer: {paused:?}");
    control_plane.resume(Component::Apiserver)?;
    maps.get("first").await?;

    control_plane.kill(Component::Etcd)?;
    ensure!(
        write(&maps, "lost").await.is_err(),
        "nothing is written without etcd"
    );
    control_plane.restart(Component::Etcd).await?;
    write(&maps, "second").await.context("after etcd is back")?;

    let revision = control_plane.compact().await?;
    ensure!(revision > before.parse()?, "{revision} is where {before} was");
    control_plane.restart(Component::Apiserver).await?;
    let then = ListParams::default().matching(VersionMatch::Exact).at(&before);
    let gone = config_maps(&control_plane).await?.list(&then).await;
    ensure!(
        matches!(&gone, Err(kube::Error::Api(status)) if status.code == 410),
        "compacted: {gone:?}"
    );
    control_plane.stop().await
}

#[tokio::test]
async fn a_component_that_does_not_start_is_quoted() {
    let error = ControlPlane::builder()
        .apiserver_argument("--no-such-flag")
        .start()
        .await
        .unwrap_err();
    let error = format!("{error:#}");
    assert!(error.contains("kube-apiserver has ended"), "{error}");
    assert!(error.contains("unknown flag: --no-such-flag"), "{error}");
    assert!(error.contains("logs/kube-apiserver.log"), "{error}");
}
