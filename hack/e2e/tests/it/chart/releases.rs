//! Releases of the chart, installed with the real helm on a real API server.

mod owner;

use anyhow::{Context as _, Result};
use control_plane::Kubectl;
use e2e::{Cluster, Library, Program, Service, book, chart, eventually, program};
use tokio::process::Command;

use super::{
    api_server::{Charts, crds_established},
    helm, values_file,
};

/// The CRDs that the chart installs, and that an uninstall keeps.
const CRDS: [&str; 3] = [
    "books.bookshelf.lostinsoba.com",
    "bookloans.bookshelf.lostinsoba.com",
    "loanjournals.bookshelf.lostinsoba.com",
];

/// helm and kubectl for one cluster.
struct Releases {
    kubeconfig: String,
    chart: String,
    kubectl: Kubectl,
}

impl Releases {
    async fn of(cluster: &Cluster) -> Result<Self> {
        Ok(Self {
            kubeconfig: cluster.kubeconfig().to_str().context("a path")?.to_owned(),
            chart: chart().to_str().context("a path")?.to_owned(),
            kubectl: cluster.kubectl().await?,
        })
    }

    async fn helm(&self, arguments: &[&str]) -> Result<String> {
        helm(&[arguments, &["--kubeconfig", &self.kubeconfig]].concat()).await
    }

    /// Installs or upgrades a release in the namespace of the same name.
    async fn install(&self, release: &str, arguments: &[&str]) -> Result<String> {
        let fixed = [
            "upgrade",
            "--install",
            release,
            &self.chart,
            "-n",
            release,
            "--create-namespace",
        ];
        self.helm(&[&fixed, arguments].concat()).await
    }

    async fn uninstall(&self, release: &str) -> Result<()> {
        self.helm(&["uninstall", release, "-n", release]).await?;
        Ok(())
    }

    /// Waits until exactly this is installed. Objects that Helm has deleted may have finalizers.
    async fn come_to(&self, expected: &str) -> Result<()> {
        eventually(&format!("what is installed is {expected:?}"), async || {
            Ok((self.installed().await? == expected).then_some(()))
        })
        .await
    }

    /// Waits until only the CRDs are installed.
    async fn come_to_crds(&self) -> Result<()> {
        eventually("the CRDs are installed and nothing else", async || {
            Ok((self.installed().await?.lines().count() == CRDS.len()).then_some(()))
        })
        .await
    }

    /// Returns the names of all objects that the chart installs, in all namespaces.
    async fn installed(&self) -> Result<String> {
        let kinds = "crd,clusterroles,clusterrolebindings,validatingadmissionpolicies,deployments,services,\
                     serviceaccounts,configmaps,poddisruptionbudgets";
        let all = [
            "get",
            kinds,
            "-A",
            "-o",
            "name",
            "-l",
            "app.kubernetes.io/part-of=bookshelf",
        ];
        let mut names = self.kubectl.run(&all).await?;
        let crds = [
            "get",
            "crd",
            "-o",
            "name",
            "-l",
            "app.kubernetes.io/managed-by=Helm",
        ];
        names += &self.kubectl.run(&crds).await?;
        Ok(names)
    }

    /// Deletes the objects that an uninstall keeps.
    async fn clear(&self) -> Result<()> {
        let delete = [&["delete", "crd", "--ignore-not-found"][..], &CRDS].concat();
        self.kubectl.run(&delete).await?;
        Ok(())
    }
}

#[tokio::test]
async fn books_and_loans_survive_upgrades_rollbacks_and_the_uninstall() -> Result<()> {
    let charts = Charts::get().await?;
    let _turn = charts.turn.lock().await;
    let releases = Releases::of(&charts.cluster).await?;
    let before = values_file("version-before.yaml");
    let said = releases.install("bookshelf", &["-f", &before]).await?;
    assert!(said.contains("STATUS: deployed"), "{said}");
    crds_established(&releases.kubectl).await?;
    let installed = releases.installed().await?;

    // The release has installed everything that the binaries need.
    let admin = Service::start(Program::Admin, &charts.cluster, &[]).await?;
    let user = Service::start(Program::User, &charts.cluster, &[]).await?;
    let library = Library::open_in(&charts.cluster, &admin, &user).await?;
    library.add("ours").await?;
    library.plant(&book("kubectls")).await?;
    let borrow = library.user.post(library.path("ours/borrow")).tenant("bob");
    borrow.await?.json(201);
    let namespace = library.namespace.as_str();
    let both = ["get", "books,bookloans", "-n", namespace, "-o", "yaml"];
    let content = releases.kubectl.run(&both).await?;
    assert!(content.contains("borrowedBy: bob"), "{content}");

    // Keeps the values of the previous release, with the chart's defaults for new ones.
    let reuse = ["--reset-then-reuse-values", "--set=adminApi.replicas=3"];
    releases.install("bookshelf", &reuse).await?;
    let upgraded = releases.installed().await?;
    assert!(
        upgraded.contains("poddisruptionbudget.policy/bookshelf-admin-api"),
        "{upgraded}"
    );
    assert_eq!(releases.kubectl.run(&both).await?, content);
    releases
        .helm(&["rollback", "bookshelf", "1", "-n", "bookshelf"])
        .await?;
    releases.come_to(&installed).await?;
    assert_eq!(releases.kubectl.run(&both).await?, content);

    releases.uninstall("bookshelf").await?;
    assert_eq!(releases.kubectl.run(&both).await?, content);
    releases.come_to_crds().await?;

    // Once the CRDs are applied by hand, the rest can be installed.
    let crds = Command::new(program("crdgen")?).output().await?;
    releases.kubectl.apply(&String::from_utf8(crds.stdout)?).await?;
    releases
        .install("bookshelf", &[])
        .await
        .context("after the CRDs were applied by hand")?;
    assert_eq!(releases.kubectl.run(&both).await?, content);
    releases.uninstall("bookshelf").await?;
    drop((admin, user));
    releases.clear().await
}

#[tokio::test]
async fn releases_of_any_names_stand_side_by_side() -> Result<()> {
    let charts = Charts::get().await?;
    let _turn = charts.turn.lock().await;
    let releases = Releases::of(&charts.cluster).await?;
    // The longest name of a release, and two that contain the name of the chart.
    let long = "l23456789-123456789-123456789-123456789-123456789-123";
    let names = ["bookshelf", "my-bookshelf-2", long];
    let mut installed = Vec::new();
    for name in names {
        let values = ["--set=adminApi.replicas=2,userApi.config.log=debug"];
        releases.install(name, &values).await.context(name)?;
        releases.install(name, &values).await.context("a second time")?;
        installed.push(releases.installed().await?);
    }
    let everything = &installed[2];
    // The first release owns the objects that a cluster has only once.
    assert_eq!(
        everything
            .matches("clusterrole.rbac.authorization.k8s.io/bookshelf-")
            .count(),
        5
    );
    for kind in [
        "deployment.apps/",
        "validatingadmissionpolicy.admissionregistration.k8s.io/",
    ] {
        assert_eq!(everything.matches(kind).count(), 6, "{everything}");
    }
    // An uninstall removes nothing of the other releases.
    releases.uninstall(names[2]).await?;
    releases.come_to(&installed[1]).await?;
    releases.uninstall(names[1]).await?;
    releases.come_to(&installed[0]).await?;
    releases.uninstall(names[0]).await?;
    releases.clear().await
}

#[tokio::test]
async fn an_api_is_switched_off_and_on_scaled_and_upgraded_alone() -> Result<()> {
    let charts = Charts::get().await?;
    let _turn = charts.turn.lock().await;
    let releases = Releases::of(&charts.cluster).await?;
    releases.install("switched", &[]).await?;
    let both = releases.installed().await?;
    let uid = [
        "get",
        "deployment",
        "switched-bookshelf-admin-api",
        "-n",
        "switched",
        "-o",
        "jsonpath={.metadata.uid} {.metadata.generation}",
    ];
    let of_admin = releases.kubectl.run(&uid).await?;
    releases
        .install("switched", &["--set=userApi.enabled=false"])
        .await?;
    let one = releases.installed().await?;
    assert!(!one.contains("user-api"), "{one}");
    assert!(
        one.contains("deployment.apps/switched-bookshelf-admin-api"),
        "{one}"
    );
    // Without any values, Helm would reuse the previous ones.
    releases
        .install("switched", &["--set=userApi.enabled=true"])
        .await?;
    releases.come_to(&both).await?;
    let next = "--set=userApi.enabled=true,userApi.replicas=3,userApi.image.tag=next";
    releases.install("switched", &[next]).await?;
    let of_user = [
        "get",
        "deployment",
        "switched-bookshelf-user-api",
        "-n",
        "switched",
        "-o",
        "jsonpath={.spec.replicas} {.spec.template.spec.containers[0].image}",
    ];
    let of_user = releases.kubectl.run(&of_user).await?;
    assert_eq!(of_user, "3 bookshelf-user-api:next");
    assert_eq!(
        releases.kubectl.run(&uid).await?,
        of_admin,
        "the other was not touched"
    );
    releases.uninstall("switched").await?;
    releases.clear().await
}

#[tokio::test]
async fn the_network_policies_admit_the_pod_of_helm_test_while_it_runs() -> Result<()> {
    let charts = Charts::get().await?;
    let _turn = charts.turn.lock().await;
    let releases = Releases::of(&charts.cluster).await?;
    let kubectl = &releases.kubectl;
    releases
        .install("tested", &["--set=networkPolicy.enabled=true"])
        .await?;
    let policies = ["get", "networkpolicies", "-n", "tested", "-o", "name"];
    let without = kubectl.run(&policies).await?;
    assert_eq!(without.lines().count(), 2, "{without}");
    let pod_ends = async {
        eventually("the Pod is there", async || {
            let pod = kubectl.run(&["get", "pod", "tested-bookshelf-test", "-n", "tested"]);
            Ok(pod.await.is_ok().then_some(()))
        })
        .await?;
        let during = kubectl.run(&policies).await?;
        assert!(
            during.contains("networkpolicy.networking.k8s.io/tested-bookshelf-test"),
            "{during}"
        );
        // No kubelet runs here, so the test sets the status of the Pod.
        let succeeded = [
            "patch",
            "pod",
            "tested-bookshelf-test",
            "-n",
            "tested",
            "--subresource=status",
            "--type=merge",
            "--patch={\"status\": {\"phase\": \"Succeeded\"}}",
        ];
        kubectl.run(&succeeded).await
    };
    let test = releases.helm(&["test", "tested", "-n", "tested"]);
    let (said, _) = tokio::try_join!(test, pod_ends)?;
    assert!(said.contains("Succeeded"), "{said}");
    assert_eq!(kubectl.run(&policies).await?, without);
    releases.uninstall("tested").await?;
    releases.clear().await
}

#[tokio::test]
async fn the_crds_go_with_a_release_that_does_not_keep_them() -> Result<()> {
    let charts = Charts::get().await?;
    let _turn = charts.turn.lock().await;
    let releases = Releases::of(&charts.cluster).await?;
    let said = releases.install("gone", &["--set=crds.keep=false"]).await?;
    assert!(said.contains("GOES WITH THE RELEASE"), "{said}");
    // A release can change between keeping the CRDs and not keeping them.
    releases.install("gone", &["--set=crds.keep=true"]).await?;
    releases.uninstall("gone").await?;
    releases.come_to_crds().await?;
    releases.install("gone", &["--set=crds.keep=false"]).await?;
    releases.uninstall("gone").await?;
    releases.come_to("").await?;
    Ok(())
}
