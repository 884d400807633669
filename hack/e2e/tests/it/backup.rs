//! The procedures of docs/backup.md, run with the commands on that page.

use std::{fs, path::Path, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use control_plane::{
    Component, ControlPlane,
    binaries::{Tool, find_or_build},
};
use e2e::{Cluster, Library, Listener, Mirror, Program, Service, book, chart, eventually, loan, skipped};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{ResourceExt as _, api::DeleteParams};
use serde_json::{Value, json};
use tokio::process::Command;

/// Returns a shell block in a section of the page.
fn commands(section: &str, block: usize) -> Result<String> {
    let page = fs::read_to_string(chart().join("../../docs/backup.md"))?;
    let (_, section) = page
        .split_once(&format!("\n## {section}\n"))
        .context("the section")?;
    let (section, _) = section.split_once("\n## ").unwrap_or((section, ""));
    let block = section.split("```sh\n").nth(block + 1).context("a block")?;
    let (block, _) = block.split_once("```").context("the end of the block")?;
    Ok(block.to_owned())
}

/// Runs commands in a directory, with these variables and this program on PATH.
async fn run(commands: &str, directory: &Path, variables: &[(&str, &str)], program: &Path) -> Result<()> {
    let programs = program.parent().context("a directory")?;
    let path = format!("{}:{}", programs.display(), std::env::var("PATH")?);
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", commands])
        .current_dir(directory)
        .env("PATH", path)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{commands}\n{said}");
    Ok(())
}

#[tokio::test]
async fn a_namespace_is_saved_deleted_and_restored_with_every_book_and_loan() -> Result<()> {
    if Command::new("jq").arg("--version").output().await.is_err() {
        skipped("the restore of a namespace needs jq on PATH (Debian: apt install jq)");
        return Ok(());
    }
    let library = Library::open().await?;
    let kubectl = Cluster::shared()?.kubectl().await?;
    let kubeconfig = library.cluster.kubeconfig().to_str().context("a path")?;
    let variables = [("KUBECONFIG", kubeconfig), ("NAMESPACE", &library.namespace)];
    for id in ["lent", "free"] {
        library.add(id).await?;
    }
    let mut managed = book("managed");
    managed
        .labels_mut()
        .insert("app.kubernetes.io/managed-by".to_owned(), "Helm".to_owned());
    library.plant(&managed).await?;
    library.borrow("lent", "bob").await?.json(201);
    library.borrow("managed", "alice").await?.json(201);
    let books = library.admin.get(library.list_path()).await?.json(200);
    let loans = library.loans();
    let before = loans.get("lent").await?;
    let lent = library.admin.get(library.loan_path("lent")).await?.json(200);
    let directory = tempfile::tempdir()?;
    let run_block = async |section: &str| {
        let commands = commands(section, 0)?;
        run(&commands, directory.path(), &variables, kubectl.program()).await
    };
    run_block("Save").await?;

    let namespace = library.namespace.as_str();
    kubectl.run(&["delete", "namespace", namespace]).await?;
    for id in ["lent", "free", "managed"] {
        library.vanished(id).await?;
    }
    kubectl.run(&["create", "namespace", namespace]).await?;
    run_block("Restore").await?;

    for id in ["lent", "free", "managed"] {
        library.appeared(id).await?;
    }
    assert_eq!(library.admin.get(library.list_path()).await?.json(200), books);
    // The garbage collector has seen the loans since: it collects one with the old `uid`.
    let mut stale = loan("free", "carol");
    stale.metadata.owner_references = before.metadata.owner_references.clone().map(|owners| {
        let owners = owners.into_iter().map(|owner| OwnerReference {
            name: "free".to_owned(),
            ..owner
        });
        owners.collect()
    });
    library
        .loans()
        .create(&kube::api::PostParams::default(), &stale)
        .await?;
    eventually("the stale loan is collected", async || {
        Ok(loans.get_opt("free").await?.is_none().then_some(()))
    })
    .await?;
    let restored = loans.get("lent").await?;
    assert_eq!(restored.spec.borrowed_by, before.spec.borrowed_by);
    assert_ne!(restored.uid(), before.uid());
    library
        .loans_at(&restored.resource_version().context("a version")?)
        .await?;
    // The loan keeps its original time, although the object is younger.
    assert_eq!(
        library.admin.get(library.loan_path("lent")).await?.json(200),
        lent
    );
    for (id, tenant) in [("lent", "bob"), ("managed", "alice")] {
        let again = library.borrow(id, "carol").await?;
        again.problem(409, "already_borrowed");
        let loan = library.admin.get(library.loan_path(id)).await?.json(200);
        assert_eq!(loan["borrowed_by"], tenant);
        library.give_back(id, tenant).await?.empty(204);
    }
    Ok(())
}

#[tokio::test]
async fn a_loan_that_velero_restores_without_an_owner_gets_its_book_as_owner() -> Result<()> {
    let library = Library::open().await?;
    let kubectl = Cluster::shared()?.kubectl().await?;
    for id in ["free", "lent"] {
        library.add(id).await?;
    }
    library.plant_loan(&loan("lent", "bob")).await?;
    library
        .borrow("lent", "carol")
        .await?
        .problem(409, "already_borrowed");
    let kubeconfig = library.cluster.kubeconfig().to_str().context("a path")?;
    let variables = [("KUBECONFIG", kubeconfig), ("NAMESPACE", &library.namespace)];
    let directory = tempfile::tempdir()?;
    run(
        &commands("Velero", 0)?,
        directory.path(),
        &variables,
        kubectl.program(),
    )
    .await?;
    let loan = library.loans().get("lent").await?;
    let book = library.books().get("lent").await?;
    assert_eq!(Some(&loan.owner_references()[0].uid), book.uid().as_ref());
    library.give_back("lent", "bob").await?.empty(204);
    Ok(())
}

/// Follows a stream until the client's state equals the list of the API.
async fn follow(listener: &mut Listener, mirror: &mut Mirror, library: &Library) -> Result<()> {
    let list = library.admin.get(library.list_path()).await?.json(200);
    let listed = Mirror::of_list(&list)?;
    while mirror.has != listed {
        mirror.take(listener.next_event().await?)?;
    }
    Ok(())
}

/// Runs commands with etcdctl or etcdutl on PATH, and with variables for the etcd of a control plane.
async fn run_on_etcd(
    tool: Tool,
    commands: &str,
    control_plane: &ControlPlane,
    directory: &Path,
) -> Result<()> {
    let program = tokio::task::spawn_blocking(move || find_or_build(tool)).await??;
    let state = control_plane.data_dir();
    let ports: Value = serde_json::from_slice(&fs::read(state.join("ports.json"))?)?;
    let endpoint = format!("https://127.0.0.1:{}", ports["etcd"]);
    let file = |name: &str| state.join(name).display().to_string();
    let variables = [
        ("ETCDCTL_ENDPOINTS", endpoint.as_str()),
        ("ETCDCTL_CACERT", &file("pki/ca.crt")),
        ("ETCDCTL_CERT", &file("pki/tls.crt")),
        ("ETCDCTL_KEY", &file("pki/tls.key")),
        ("DATA_DIR", &file("etcd")),
    ];
    run(commands, directory, &variables, &program).await
}

async fn services(cluster: &Cluster) -> Result<(Service, Service)> {
    tokio::try_join!(
        Service::start(Program::Admin, cluster, &[]),
        Service::start(Program::User, cluster, &[]),
    )
}

#[tokio::test]
async fn a_restored_etcd_has_every_book_and_loan_and_streams_go_on() -> Result<()> {
    const SECTION: &str = "The whole cluster";
    let control_plane = ControlPlane::start().await?;
    let cluster = Cluster::install(&control_plane).await?;
    let (admin, user) = services(&cluster).await?;
    let mut library = Library::open_in(&cluster, &admin, &user).await?;
    let kubectl = cluster.kubectl().await?;
    for id in ["lent", "free"] {
        library.add(id).await?;
    }
    library.lend("lent", "bob").await?;
    let lent = library.admin.get(library.loan_path("lent")).await?.json(200);
    let all = ["get", "books,bookloans", "-A", "-o", "yaml"];
    let saved = kubectl.run(&all).await?;
    let directory = tempfile::tempdir()?;
    run_on_etcd(
        Tool::Etcdctl,
        &commands(SECTION, 0)?,
        &control_plane,
        directory.path(),
    )
    .await?;

    let mut listener = library.admin.get(library.list_path()).listen().await?;
    let mut mirror = Mirror::default();
    // The restore loses all of this.
    library.add("later").await?;
    library.give_back("lent", "bob").await?.empty(204);
    library.lend("free", "alice").await?;
    library.books().delete("free", &DeleteParams::default()).await?;
    library.vanished("free").await?;
    follow(&mut listener, &mut mirror, &library).await?;
    assert!(mirror.is_synced && mirror.has.len() == 2, "{mirror:?}");
    control_plane.kill(Component::Apiserver)?;
    control_plane.kill(Component::Etcd)?;
    fs::rename(
        control_plane.data_dir().join("etcd"),
        directory.path().join("lost"),
    )?;
    run_on_etcd(
        Tool::Etcdutl,
        &commands(SECTION, 1)?,
        &control_plane,
        directory.path(),
    )
    .await?;
    control_plane.restart(Component::Etcd).await?;
    control_plane.restart(Component::Apiserver).await?;

    assert_eq!(kubectl.run(&all).await?, saved);
    library.client = cluster.client().await?;
    library.vanished("later").await?;
    library.appeared("free").await?;
    follow(&mut listener, &mut mirror, &library).await?;
    assert_eq!(mirror.resets, 0);
    // A process still leaves out what it has deleted itself, so both restart.
    drop((admin, user));
    let (admin, user) = services(&cluster).await?;
    (library.admin, library.user) = (admin.api()?, user.api()?);
    for api in library.apis() {
        let loans = api.get(library.loans_path()).tenant("bob").await?.json(200);
        assert_eq!(loans["list"], json!([lent]));
    }
    // At its start, the garbage collector looks at all loans.
    control_plane.restart(Component::ControllerManager).await?;
    library
        .borrow("lent", "carol")
        .await?
        .problem(409, "already_borrowed");
    library.give_back("lent", "bob").await?.empty(204);
    library.lend("free", "carol").await?;
    library.add("later").await?;
    Ok(())
}
