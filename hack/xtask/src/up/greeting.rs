//! What `up` says when everything runs.

use std::borrow::Cow;

use control_plane::{ControlPlane, Kubectl};

use super::listen::{Addresses, url};

pub(super) fn print(listen: &Addresses, control_plane: &ControlPlane, kubectl: &Kubectl) {
    let (admin, user) = (listen.admin(), listen.user());
    // The user's shell knows kubectl by its name only if it is on PATH.
    let kubectl = match which::which("kubectl") {
        Ok(_) => Cow::Borrowed("kubectl"),
        Err(_) => kubectl.program().to_string_lossy(),
    };
    let (admin_url, user_url) = (url(admin.requests), url(user.requests));
    println!(
        r#"
bookshelf is up.
  admin API   {admin_url}   (operations: {admin_operations})
  user API    {user_url}   (operations: {user_operations})
  logs        {logs}

For kubectl, as administrator:
  export KUBECONFIG={kubeconfig}

Try:
  curl {admin_url}/book/science-library
  curl '{admin_url}/book/science-library?category_id=math'
  curl -X PUT {admin_url}/book/science-library/modenov-analytic-geometry -H 'Content-Type: application/json' -d '{{"id": "modenov-analytic-geometry", "author": "Modenov P.S.", "title": "Analytic Geometry", "category_id": "math", "description": "The green book for 1st semester", "namespace_id": "science-library"}}'
  curl -X POST {user_url}/book/science-library/modenov-analytic-geometry/borrow -H 'X-TENANT-ID: bob'
  {kubectl} get bookloans -n science-library

Ctrl-C ends it; books and loans stay for the next time."#,
        admin_operations = url(admin.operations),
        user_operations = url(user.operations),
        logs = control_plane.data_dir().join("logs").display(),
        kubeconfig = control_plane.kubeconfig().display(),
    );
}
