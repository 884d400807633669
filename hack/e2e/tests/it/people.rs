//! The chart's roles for people: what each opens, as the API server decides.

use anyhow::Result;
use control_plane::Kubectl;
use e2e::{Library, eventually};
use http::Request;
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

/// Each role, with its verbs on books, on loans and on journals.
const ROLES: [(&str, Verbs, Verbs, Verbs); 5] = [
    ("bookshelf-librarian", LIBRARIAN, LOANS, HISTORY),
    ("bookshelf-tenant", READ, &[], &[]),
    ("view", READ, &[], &[]),
    ("edit", ALL, &[], &[]),
    ("admin", ALL, LOANS, HISTORY),
];

/// Reports the right of a user in a namespace.
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

/// Binds a role to the user of its name, and returns when that counts.
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
        // To be another tenant is never part of a role.
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
