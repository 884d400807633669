//! The greeting of `up` when everything runs.

use std::borrow::Cow;

use control_plane::{ControlPlane, Kubectl};

use super::listen::{Addresses, Listen, url};

pub(super) fn print(listen: &Addresses, control_plane: &ControlPlane, kubectl: &Kubectl) {
    // The user's shell knows kubectl by its name only if it is on PATH.
    let kubectl = match which::which("kubectl") {
        Ok(_) => Cow::Borrowed("kubectl"),
        Err(_) => kubectl.program().to_string_lossy(),
    };
    let (admins, users) = (listen.admin(), listen.user());
    let first = |replicas: &[Listen]| {
        replicas
            .first()
            .map(|first| url(first.requests))
            .unwrap_or_default()
    };
    let (admin_url, user_url) = (first(&admins), first(&users));
    println!(
        r#"
bookshelf is up.
{admins}{users}  logs        {logs}

For kubectl, as administrator:
  export KUBECONFIG={kubeconfig}

Try:
  curl {admin_url}/book/science-library
  curl '{admin_url}/book/science-library?category_id=math'
  curl -X PUT {admin_url}/book/science-library/modenov-analytic-geometry -H 'Content-Type: application/json' -d '{{"id": "modenov-analytic-geometry", "author": "Modenov P.S.", "title": "Analytic Geometry", "category_id": "math", "description": "The green book for 1st semester", "namespace_id": "science-library"}}'
  curl -X POST {user_url}/book/science-library/modenov-analytic-geometry/borrow -H 'X-TENANT-ID: bob'
  {kubectl} get bookloans -n science-library

Ctrl-C ends it; books and loans stay for the next time."#,
        admins = lines("admin API", &admins),
        users = lines("user API", &users),
        logs = control_plane.data_dir().join("logs").display(),
        kubeconfig = control_plane.kubeconfig().display(),
    );
}

/// A line for each replica.
fn lines(name: &str, replicas: &[Listen]) -> String {
    let line = |listen: &Listen| {
        let (requests, operations) = (url(listen.requests), url(listen.operations));
        format!("  {name:<11} {requests}   (operations: {operations})\n")
    };
    replicas.iter().map(line).collect()
}
