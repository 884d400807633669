//! The people of `up --auth token`: ServiceAccounts with the roles of the chart.

use anyhow::Result;
use control_plane::Kubectl;

/// The namespace of the people.
pub(super) const NAMESPACE: &str = "people";

/// Two librarians and two tenants. Bob may also act as the tenant `bob`.
const PEOPLE: &str = r"
apiVersion: v1
kind: Namespace
metadata: {name: people}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: chief-librarian, namespace: people}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: science-librarian, namespace: people}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: alice, namespace: people}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: bob, namespace: people}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: chief-librarian}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: bookshelf-librarian}
subjects: [{kind: ServiceAccount, name: chief-librarian, namespace: people}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: science-librarian, namespace: science-library}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: bookshelf-librarian}
subjects: [{kind: ServiceAccount, name: science-librarian, namespace: people}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: tenants, namespace: science-library}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: bookshelf-tenant}
subjects:
  - {kind: ServiceAccount, name: alice, namespace: people}
  - {kind: ServiceAccount, name: bob, namespace: people}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: act-as-bob, namespace: science-library}
rules:
  - apiGroups: [bookshelf.lostinsoba.com]
    resources: [tenants]
    resourceNames: [bob]
    verbs: [act-as]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: act-as-bob, namespace: science-library}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: act-as-bob}
subjects: [{kind: ServiceAccount, name: bob, namespace: people}]
";

/// Creates the people and their role bindings.
pub(super) async fn settle(kubectl: &Kubectl) -> Result<()> {
    kubectl.apply(PEOPLE).await.map(drop)
}
