//! The chart's roles for people: what each allows, as the API server decides.

use std::time::Duration;

use anyhow::{Context as _, Result};
use bookshelf_crd::{Book, BookLoan};
use control_plane::{Kubectl, client, service_account_kubeconfig};
use e2e::{Library, eventually, loan};
use http::Request;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

const VERBS: [&str; 8] = [
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
];

const READ: &[&str] = &["get", "list", "watch"];
const ALL: &[&str] = &VERBS;
const LIBRARIAN: &[&str] = &["get", "list", "watch", "create", "update", "patch", "delete"];
const LOANS: &[&str] = &["get", "list", "watch", "delete"];

const HISTORY: &[&str] = &["get", "list", "watch", "update"];

type Verbs = &'static [&'static str];

/// Each role with its verbs on books, loans and journals.
const ROLES: [(&str, Verbs, Verbs, Verbs); 5] = [
    ("bookshelf-librarian", LIBRARIAN, LOANS, HISTORY),
    ("bookshelf-tenant", READ, &[], &[]),
    ("view", READ, &[], &[]),
    ("edit", ALL, &[], &[]),
    ("admin", ALL, LOANS, HISTORY),
];

/// True if a user has the right in a namespace.
async fn may(library: &Library, user: &str, verb: &str, resource: &str, namespace: &str) -> Result<bool> {
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "resourceAttributes": {
            "group": "bookshelf.lostinsoba.com", "resource": resource, "verb": verb, "namespace": namespace, "name": "x",
        }},
    });
    let request = Request::post("/apis/authorization.k8s.io/v1/subjectaccessreviews")
        .header("content-type", "application/json")
        .body(review.to_string().into_bytes())?;
    let answer: Value = library.client.request(request).await?;
    Ok(answer["status"]["allowed"] == true)
}

/// Binds a role to a user named after it, and waits until the binding is in effect.
async fn bind(library: &Library, kubectl: &Kubectl, role: &str) -> Result<String> {
    let user = format!("{role}-of-{}", library.namespace);
    let (namespace, role, of) = (
        &library.namespace,
        format!("--clusterrole={role}"),
        format!("--user={user}"),
    );
    kubectl
        .run(&["create", "rolebinding", &user, "-n", namespace, &role, &of])
        .await?;
    eventually(&format!("{user} may list books"), async || {
        let may = may(library, &user, "list", "books", namespace).await?;
        Ok(may.then_some(()))
    })
    .await?;
    Ok(user)
}

#[tokio::test]
async fn each_role_opens_what_it_says_and_nothing_else() -> Result<()> {
    let library = Library::open().await?;
    let kubectl = library.cluster.kubectl().await?;
    for (role, books, loans, journals) in ROLES {
        let user = bind(&library, &kubectl, role).await?;
        for (resource, allowed) in [("books", books), ("bookloans", loans), ("loanjournals", journals)] {
            for verb in VERBS {
                let may_here = may(&library, &user, verb, resource, &library.namespace).await?;
                assert_eq!(may_here, allowed.contains(&verb), "{role}: {verb} {resource}");
                assert!(
                    !may(&library, &user, verb, resource, "default").await?,
                    "{role} elsewhere"
                );
            }
        }
        // No role includes the right to act as another tenant.
        assert!(
            !may(&library, &user, "act-as", "tenants", &library.namespace).await?,
            "{role}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_admin_of_a_namespace_binds_librarians_and_tenants_there() -> Result<()> {
    let library = Library::open().await?;
    let kubectl = library.cluster.kubectl().await?;
    let namespace = &library.namespace;
    for (role, may_bind) in [("admin", true), ("edit", false)] {
        let user = bind(&library, &kubectl, role).await?;
        let of = format!("--as={user}");
        for bound in ["bookshelf-librarian", "bookshelf-tenant"] {
            let (name, role) = (format!("{bound}-by-{role}"), format!("--clusterrole={bound}"));
            let outcome = kubectl
                .run(&[
                    "create",
                    "rolebinding",
                    &name,
                    "-n",
                    namespace,
                    &role,
                    "--user=somebody",
                    &of,
                ])
                .await;
            assert_eq!(outcome.is_ok(), may_bind, "{name}: {outcome:?}");
        }
    }
    Ok(())
}

fn assert_denied<T: std::fmt::Debug>(verb: &str, outcome: kube::Result<T>) -> Result<()> {
    let error = outcome.err().with_context(|| format!("{verb} succeeded"))?;
    let kube::Error::Api(status) = &error else {
        anyhow::bail!("{verb}: {error}");
    };
    let words = format!("cannot {verb} resource \"bookloans\"");
    assert!(
        status.code == 403 && status.message.contains(&words),
        "{status:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_tenant_makes_changes_and_ends_no_loan_past_user_api() -> Result<()> {
    let library = Library::open().await?;
    for id in ["lent", "free"] {
        library.add(id).await?;
    }
    library.lend("lent", "bob").await?;
    let kubectl = library.cluster.kubectl().await?;
    let namespace = &library.namespace;
    kubectl
        .run(&["create", "serviceaccount", "tenant", "-n", namespace])
        .await?;
    let account = format!("--serviceaccount={namespace}:tenant");
    let role = "--clusterrole=bookshelf-tenant";
    kubectl
        .run(&["create", "rolebinding", "tenant", "-n", namespace, role, &account])
        .await?;
    let lifetime = Duration::from_mins(10);
    let kubeconfig = service_account_kubeconfig(library.cluster.kubeconfig(), namespace, "tenant", lifetime);
    let tenant = client(kubeconfig.await?).await?;
    let books = kube::Api::<Book>::namespaced(tenant.clone(), namespace);
    eventually("the tenant may read books", async || {
        Ok(books.get("free").await.ok())
    })
    .await?;

    let loans = kube::Api::<BookLoan>::namespaced(tenant, namespace);
    let own = loan("free", "tenant");
    assert_denied("create", loans.create(&PostParams::default(), &own).await)?;
    let apply = Patch::Apply(own);
    let parameters = PatchParams::apply("tenant");
    assert_denied("patch", loans.patch("free", &parameters, &apply).await)?;
    let patch = Patch::Merge(json!({"spec": {"borrowedBy": "tenant"}}));
    let parameters = PatchParams::default();
    assert_denied("patch", loans.patch("lent", &parameters, &patch).await)?;
    assert_denied("delete", loans.delete("lent", &DeleteParams::default()).await)?;
    assert_denied("get", loans.get("lent").await)?;
    assert!(library.loans().get_opt("free").await?.is_none());
    assert_eq!(library.loans().get("lent").await?.spec.borrowed_by, "bob");
    Ok(())
}
