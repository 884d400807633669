//! The message that `up` prints when everything runs.

use std::borrow::Cow;

use control_plane::{ControlPlane, Kubectl};

use super::listen::{Listen, url};
use super::{Args, Auth, people};

pub(super) fn print(args: &Args, control_plane: &ControlPlane, kubectl: &Kubectl) {
    let listen = &args.listen;
    // Prints the path of kubectl if it is not on the user's PATH.
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
    let lines_to_try = match args.auth {
        Auth::Header => with_header(&admin_url, &user_url, &kubectl),
        Auth::Token => with_tokens(&admin_url, &user_url, &kubectl),
    };
    println!(
        r"
bookshelf is up.
{admins}{users}  logs        {logs}

For kubectl, as administrator:
  export KUBECONFIG={kubeconfig}

{lines_to_try}

Ctrl-C ends it; books and loans stay for the next time.",
        admins = lines("admin API", &admins),
        users = lines("user API", &users),
        logs = control_plane.data_dir().join("logs").display(),
        kubeconfig = control_plane.kubeconfig().display(),
    );
}

const GREEN_BOOK: &str = r#"{"id": "modenov-analytic-geometry", "author": "Modenov P.S.", "title": "Analytic Geometry", "category_id": "math", "description": "The green book for 1st semester", "namespace_id": "science-library"}"#;

/// The commands to try in header mode.
fn with_header(admin_url: &str, user_url: &str, kubectl: &str) -> String {
    format!(
        r"Try:
  curl {admin_url}/book/science-library
  curl '{admin_url}/book/science-library?category_id=math'
  curl -X PUT {admin_url}/book/science-library/modenov-analytic-geometry -H 'Content-Type: application/json' -d '{GREEN_BOOK}'
  curl -X POST {user_url}/book/science-library/modenov-analytic-geometry/borrow -H 'X-TENANT-ID: bob'
  {kubectl} get bookloans -n science-library"
    )
}

/// The commands to try in token mode, including refused ones.
fn with_tokens(admin_url: &str, user_url: &str, kubectl: &str) -> String {
    let bearer = |name: &str, audience: &str| {
        let namespace = people::NAMESPACE;
        format!(
            r#"-H "Authorization: Bearer $({kubectl} create token {name} -n {namespace} --audience {audience})""#
        )
    };
    let librarian = bearer("science-librarian", "bookshelf-admin");
    let chief = bearer("chief-librarian", "bookshelf-admin");
    let (alice, bob) = (bearer("alice", "bookshelf-user"), bearer("bob", "bookshelf-user"));
    format!(
        r"Tokens come from the Kubernetes API (in the shell with that KUBECONFIG), such as this for an hour:
  {kubectl} create token science-librarian -n people --audience bookshelf-admin

Try:
  curl {admin_url}/namespace {chief}
  curl {admin_url}/book/science-library {librarian}
  curl -X PUT {admin_url}/book/science-library/modenov-analytic-geometry -H 'Content-Type: application/json' {librarian} -d '{GREEN_BOOK}'
  curl -X POST {user_url}/book/science-library/modenov-analytic-geometry/borrow {alice}
  curl {user_url}/loan/science-library {alice}
  curl {user_url}/loan/science-library {bob} -H 'X-TENANT-ID: bob'

Refused, with 401 without a token and with one for the other API, and with 403 without the right:
  curl -i {admin_url}/book/science-library
  curl -i {admin_url}/book/science-library {alice}
  curl -i {admin_url}/book/default {librarian}
  curl -i -X POST {user_url}/book/science-library/modenov-analytic-geometry/borrow {alice} -H 'X-TENANT-ID: bob'"
    )
}

/// Returns one line for each replica.
fn lines(name: &str, replicas: &[Listen]) -> String {
    let line = |listen: &Listen| {
        let (requests, operations) = (url(listen.requests), url(listen.operations));
        format!("  {name:<11} {requests}   (operations: {operations})\n")
    };
    replicas.iter().map(line).collect()
}
