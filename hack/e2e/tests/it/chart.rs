//! The Helm chart, as a cluster takes it.

use std::{collections::BTreeMap, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use control_plane::{
    ControlPlane,
    binaries::{Tool, find_or_build},
};
use e2e::{Cluster, Library, Program, Service, book, chart, program};
use tokio::process::Command;

/// Runs helm, and returns what it prints.
pub(super) async fn helm(arguments: &[&str]) -> Result<String> {
    let helm = tokio::task::spawn_blocking(|| find_or_build(Tool::Helm)).await??;
    let output = Command::new(helm)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "helm {}: {said}", arguments.join(" "));
    Ok(String::from_utf8(output.stdout)?)
}

/// Renders the chart for the shared cluster with further `arguments`.
async fn rendered(cluster: &Cluster, arguments: &[&str]) -> Result<String> {
    let version = cluster.client().await?.apiserver_version().await?.git_version;
    let chart = chart();
    let chart = chart.to_str().context("a path")?;
    let fixed = [
        "template",
        "bookshelf",
        chart,
        "--namespace",
        "bookshelf",
        "--kube-version",
        &version,
    ];
    helm(&[&fixed, arguments].concat()).await
}

/// Counts the objects of each kind in manifests.
fn kinds(manifests: &str) -> BTreeMap<&str, usize> {
    let mut kinds = BTreeMap::new();
    for kind in manifests.lines().filter_map(|line| line.strip_prefix("kind: ")) {
        *kinds.entry(kind).or_default() += 1;
    }
    kinds
}

const EVERYTHING: [(&str, usize); 8] = [
    // Each API's, its right to reviews, and those for people.
    ("ClusterRole", 2 + 2 + 5),
    ("ClusterRoleBinding", 2 + 2),
    ("CustomResourceDefinition", 2),
    ("Deployment", 2),
    ("Service", 2),
    ("ServiceAccount", 2),
    ("ValidatingAdmissionPolicy", 2),
    ("ValidatingAdmissionPolicyBinding", 2),
];

#[tokio::test]
async fn the_api_server_accepts_the_chart_with_default_values() -> Result<()> {
    let cluster = Cluster::shared()?;
    let kubectl = cluster.kubectl().await?;
    let manifests = rendered(&cluster, &[]).await?;
    assert_eq!(kinds(&manifests), EVERYTHING.into());
    let said = kubectl
        .run_with_input(&["apply", "--dry-run=server", "-f", "-"], &manifests)
        .await?;
    assert_eq!(said.lines().count(), 25, "{said}");
    assert!(
        said.lines().all(|line| line.ends_with("(server dry run)")),
        "{said}"
    );
    Ok(())
}

#[tokio::test]
async fn the_api_server_accepts_the_chart_with_every_value_set() -> Result<()> {
    let cluster = Cluster::shared()?;
    let kubectl = cluster.kubectl().await?;
    let digest = format!("sha256:{}", "0".repeat(64));
    let image = format!("adminApi.image.digest={digest}");
    let manifests = rendered(
        &cluster,
        &[
            "--set=crds.enabled=false,admissionPolicies.enabled=false,rbac.aggregate.enabled=false",
            "--set=fullnameOverride=other,imagePullSecrets[0].name=registry",
            "--set=adminApi.replicas=3,userApi.replicas=2",
            "--set",
            &image,
            "--set=adminApi.extraArgs[0]=--kube-qps=100,userApi.extraEnv[0].name=BOOKSHELF_LOG",
            "--set=userApi.extraEnv[0].value=debug,userApi.podLabels.team=a,userApi.podAnnotations.note=b",
            "--set=adminApi.serviceAccount.annotations.note=c,adminApi.nodeSelector.disk=ssd",
            "--set=userApi.tolerations[0].operator=Exists,userApi.affinity.nodeAffinity=null",
        ],
    )
    .await?;
    let mut expected = BTreeMap::from(EVERYTHING);
    for kind in [
        "CustomResourceDefinition",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ] {
        expected.remove(kind);
    }
    expected.insert("ClusterRole", 2 + 2);
    assert_eq!(kinds(&manifests), expected);
    assert!(
        manifests.contains(&format!("bookshelf-admin-api@{digest}")),
        "{manifests}"
    );
    let said = kubectl
        .run_with_input(&["apply", "--dry-run=server", "-f", "-"], &manifests)
        .await?;
    assert_eq!(said.lines().count(), 14, "{said}");
    Ok(())
}

#[tokio::test]
async fn the_chart_limits_roles_and_apis_to_the_watched_namespaces() -> Result<()> {
    let cluster = Cluster::shared()?;
    let manifests = rendered(&cluster, &["--set=watchNamespaces={east,west}"]).await?;
    let mut expected = BTreeMap::from(EVERYTHING);
    // Reviews have no namespace.
    expected.extend([("ClusterRole", 2 + 5), ("ClusterRoleBinding", 2)]);
    expected.extend([("Role", 4), ("RoleBinding", 4)]);
    assert_eq!(kinds(&manifests), expected);
    assert_eq!(manifests.matches("--watch-namespaces=east,west").count(), 2);
    for bad in ["{East}", "{a,a}", "{a.b}", "a"] {
        let refused = rendered(&cluster, &[&format!("--set=watchNamespaces={bad}")]).await;
        let said = refused.err().context("it is refused")?.to_string();
        assert!(said.contains("watchNamespaces"), "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn the_books_survive_install_upgrade_and_removal_of_the_chart() -> Result<()> {
    let control_plane = ControlPlane::start().await?;
    let cluster = Cluster::at(&control_plane);
    let kubectl = cluster.kubectl().await?;
    let kubeconfig = cluster.kubeconfig().to_str().context("a path")?;
    let chart = chart();
    let chart = chart.to_str().context("a path")?;
    let install = [
        "upgrade",
        "--install",
        "bookshelf",
        chart,
        "-n",
        "bookshelf",
        "--create-namespace",
    ];
    let install = [&install[..], &["--kubeconfig", kubeconfig]].concat();
    let said = helm(&install).await?;
    assert!(said.contains("STATUS: deployed"), "{said}");
    helm(&install).await.context("a second time")?;
    let roles = ["get", "clusterroles,validatingadmissionpolicies", "-o", "name"];
    let installed = kubectl.run(&roles).await?;
    assert_eq!(installed.matches("/bookshelf-").count(), 5, "{installed}");
    assert_eq!(
        installed.matches("/bookshelf.bookshelf-").count(),
        2,
        "{installed}"
    );

    // Another release shares what a cluster has once.
    let other = [
        "upgrade",
        "--install",
        "other",
        chart,
        "-n",
        "other",
        "--create-namespace",
    ];
    let other = [&other[..], &["--kubeconfig", kubeconfig]].concat();
    helm(&other).await.context("another release")?;
    let uninstall = ["uninstall", "other", "-n", "other", "--kubeconfig", kubeconfig];
    helm(&uninstall).await.context("the other release")?;
    assert_eq!(kubectl.run(&roles).await?, installed);

    // What it installed is what the binaries need.
    let established = [
        "wait",
        "--for=condition=Established",
        "--timeout=60s",
        "crd",
        "--all",
    ];
    kubectl.run(&established).await?;
    let admin = Service::start(Program::Admin, &cluster, &[]).await?;
    let user = Service::start(Program::User, &cluster, &[]).await?;
    let library = Library::open_in(&cluster, &admin, &user).await?;
    library.add("ours").await?;
    library.plant(&book("kubectls")).await?;
    library.borrow("ours", "bob").await?.json(201);

    helm(&[
        "uninstall",
        "bookshelf",
        "-n",
        "bookshelf",
        "--kubeconfig",
        kubeconfig,
    ])
    .await?;
    assert!(library.books().get_opt("ours").await?.is_some());
    assert!(library.books().get_opt("kubectls").await?.is_some());

    // Whoever has applied the CRDs by hand can install the rest.
    let crds = Command::new(program("crdgen")?).output().await?;
    kubectl.apply(&String::from_utf8(crds.stdout)?).await?;
    helm(&install)
        .await
        .context("after the CRDs were applied by hand")?;
    drop((admin, user));
    control_plane.stop().await
}
