//! The behaviour of a control plane: RBAC, garbage collection, the deletion of namespaces.
//!
//! Uses the control plane of the test run if there is one. Otherwise each test starts its own.

use std::{env, fmt::Debug, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use control_plane::{ControlPlane, client, service_account_kubeconfig};
use k8s_openapi::{
    Metadata,
    api::{
        core::v1::{ConfigMap, Namespace, ServiceAccount},
        rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject},
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::{Api, Client, api::PostParams, config::Kubeconfig};

const PATIENCE: Duration = Duration::from_mins(1);

struct Cluster {
    kubeconfig: PathBuf,
    admin: Client,
    _own: Option<ControlPlane>,
}

impl Cluster {
    async fn new() -> Result<Self> {
        let (kubeconfig, own) = if let Some(path) = env::var_os("BOOKSHELF_TEST_KUBECONFIG") {
            (PathBuf::from(path), None)
        } else {
            let own = ControlPlane::start().await?;
            (own.kubeconfig().to_owned(), Some(own))
        };
        let admin = client(Kubeconfig::read_from(&kubeconfig)?).await?;
        Ok(Self {
            kubeconfig,
            admin,
            _own: own,
        })
    }

    async fn namespace(&self) -> Result<String> {
        let namespace = Namespace {
            metadata: ObjectMeta {
                generate_name: Some("control-plane-".to_owned()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        let created = Api::all(self.admin.clone())
            .create(&PostParams::default(), &namespace)
            .await?;
        created.metadata.name.context("a created namespace has a name")
    }
}

fn named<T: Default + Metadata<Ty = ObjectMeta>>(name: &str) -> T {
    let mut object = T::default();
    object.metadata_mut().name = Some(name.to_owned());
    object
}

async fn eventually<T: Debug>(
    what: &str,
    mut observe: impl AsyncFnMut() -> Result<T>,
    accept: impl Fn(&T) -> bool,
) -> Result<()> {
    let mut last = None;
    tokio::time::timeout(PATIENCE, async {
        loop {
            let seen = observe().await?;
            if accept(&seen) {
                return Ok(());
            }
            last = Some(seen);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .unwrap_or_else(|_| {
        anyhow::bail!(
            "timed out after {} s: {what}; last seen: {last:?}",
            PATIENCE.as_secs()
        )
    })
}

#[tokio::test]
async fn a_service_account_may_do_what_its_role_says_and_nothing_else() -> Result<()> {
    let cluster = Cluster::new().await?;
    let namespace = cluster.namespace().await?;
    let create = PostParams::default();
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.admin.clone(), &namespace);
    accounts.create(&create, &named("reader")).await?;
    let role = Role {
        rules: Some(vec![PolicyRule {
            api_groups: Some(vec![String::new()]),
            resources: Some(vec!["configmaps".to_owned()]),
            verbs: vec!["list".to_owned()],
            ..PolicyRule::default()
        }]),
        ..named("reader")
    };
    Api::namespaced(cluster.admin.clone(), &namespace)
        .create(&create, &role)
        .await?;
    let binding = RoleBinding {
        role_ref: RoleRef {
            api_group: Some("rbac.authorization.k8s.io".to_owned()),
            kind: "Role".to_owned(),
            name: "reader".to_owned(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: "reader".to_owned(),
            namespace: Some(namespace.clone()),
            ..Subject::default()
        }]),
        ..named("reader")
    };
    Api::namespaced(cluster.admin.clone(), &namespace)
        .create(&create, &binding)
        .await?;

    let kubeconfig =
        service_account_kubeconfig(&cluster.kubeconfig, &namespace, "reader", Duration::from_mins(10))
            .await?;
    let reader: Api<ConfigMap> = Api::default_namespaced(client(kubeconfig).await?);

    eventually(
        "the role is in force",
        async || Ok(reader.list(&kube::api::ListParams::default()).await.is_ok()),
        |ok| *ok,
    )
    .await?;
    let refused = reader.create(&create, &named("forbidden")).await;
    assert!(
        matches!(&refused, Err(kube::Error::Api(status)) if status.code == 403),
        "{refused:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_dependent_goes_with_its_owner() -> Result<()> {
    let cluster = Cluster::new().await?;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.admin.clone(), &cluster.namespace().await?);
    let owner = maps.create(&PostParams::default(), &named("owner")).await?;
    let mut dependent: ConfigMap = named("dependent");
    dependent.metadata.owner_references = Some(vec![OwnerReference {
        api_version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        name: "owner".to_owned(),
        uid: owner.metadata.uid.context("a created object has a uid")?,
        ..OwnerReference::default()
    }]);
    maps.create(&PostParams::default(), &dependent).await?;

    maps.delete("owner", &kube::api::DeleteParams::background())
        .await?;

    eventually(
        "the dependent is gone",
        async || Ok(maps.get_opt("dependent").await?),
        Option::is_none,
    )
    .await
}

#[tokio::test]
async fn a_deleted_namespace_finishes_deleting() -> Result<()> {
    let cluster = Cluster::new().await?;
    let name = cluster.namespace().await?;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.admin.clone(), &name);
    maps.create(&PostParams::default(), &named("content")).await?;
    let namespaces: Api<Namespace> = Api::all(cluster.admin.clone());

    namespaces
        .delete(&name, &kube::api::DeleteParams::default())
        .await?;

    eventually(
        "the namespace is gone",
        async || Ok(namespaces.get_opt(&name).await?),
        Option::is_none,
    )
    .await
}
