//! The procedure of docs/backup.md, with its own commands.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use control_plane::Kubectl;
use e2e::{Cluster, Library, book, chart, eventually, loan};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt as _;
use tokio::process::Command;

/// The first block of shell in a section of the page.
fn commands(page: &str, section: &str) -> Result<String> {
    let (_, section) = page
        .split_once(&format!("\n## {section}\n"))
        .context("the section")?;
    let (_, block) = section.split_once("```sh\n").context("a block")?;
    let (block, _) = block.split_once("```").context("the end of the block")?;
    Ok(block.to_owned())
}

async fn run(
    commands: &str,
    library: &Library,
    kubectl: &Kubectl,
    directory: &std::path::Path,
) -> Result<()> {
    let programs = kubectl.program().parent().context("a directory")?;
    let path = format!("{}:{}", programs.display(), std::env::var("PATH")?);
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", commands])
        .current_dir(directory)
        .env("PATH", path)
        .env("KUBECONFIG", library.cluster.kubeconfig())
        .env("NAMESPACE", &library.namespace)
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
        eprintln!("SKIPPED: jq is not on PATH (Debian: apt install jq)");
        return Ok(());
    }
    let page = std::fs::read_to_string(chart().join("../../docs/backup.md"))?;
    let library = Library::open().await?;
    let kubectl = Cluster::shared()?.kubectl().await?;
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
    run(&commands(&page, "Save")?, &library, &kubectl, directory.path()).await?;

    let namespace = library.namespace.as_str();
    kubectl.run(&["delete", "namespace", namespace]).await?;
    for id in ["lent", "free", "managed"] {
        library.vanished(id).await?;
    }
    kubectl.run(&["create", "namespace", namespace]).await?;
    run(&commands(&page, "Restore")?, &library, &kubectl, directory.path()).await?;

    for id in ["lent", "free", "managed"] {
        library.appeared(id).await?;
    }
    assert_eq!(library.admin.get(library.list_path()).await?.json(200), books);
    // The garbage collector has looked at loans since: it collects one with the `uid` of before.
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
    // The time of the loan is that of before, although the object is younger.
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
