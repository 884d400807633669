//! Callers in token mode.

use std::{ops::Range, time::UNIX_EPOCH};

use anyhow::{Context as _, Result};
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
    rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject},
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, ObjectMeta, PostParams},
};
use serde_json::{Value, json};

/// A caller: a `ServiceAccount` with its own roles. Clones refer to the same account.
#[derive(Clone)]
pub struct Person {
    client: Client,
    namespace: String,
    name: String,
    uid: String,
}

impl Person {
    /// Creates a `ServiceAccount` without rights.
    pub async fn new(client: Client, namespace: &str, name: &str) -> Result<Self> {
        let account = ServiceAccount {
            metadata: named(name),
            ..ServiceAccount::default()
        };
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
        let created = accounts.create(&PostParams::default(), &account).await?;
        Ok(Self {
            client,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: created.uid().context("a uid")?,
        })
    }

    /// The caller's user name at the API server.
    #[must_use]
    pub fn user_name(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }

    /// Grants verbs on resources of bookshelf in a namespace, only for the objects with these names if there are any.
    pub async fn grant(
        &self,
        namespace: &str,
        verbs: &[&str],
        resources: &[&str],
        names: &[&str],
    ) -> Result<Grant> {
        let name = self.unique_name();
        let role = Role {
            metadata: named(&name),
            rules: Some(vec![rule(verbs, resources, names)]),
        };
        let roles: Api<Role> = Api::namespaced(self.client.clone(), namespace);
        roles.create(&PostParams::default(), &role).await?;
        let binding = RoleBinding {
            metadata: named(&name),
            role_ref: role_ref("Role", &name),
            subjects: Some(vec![self.subject()]),
        };
        let bindings: Api<RoleBinding> = Api::namespaced(self.client.clone(), namespace);
        bindings.create(&PostParams::default(), &binding).await?;
        Ok(Grant { bindings, name })
    }

    /// Grants verbs on resources of bookshelf in all namespaces.
    pub async fn grant_everywhere(&self, verbs: &[&str], resources: &[&str]) -> Result<()> {
        let name = self.unique_name();
        let role = ClusterRole {
            metadata: named(&name),
            rules: Some(vec![rule(verbs, resources, &[])]),
            ..ClusterRole::default()
        };
        let roles: Api<ClusterRole> = Api::all(self.client.clone());
        roles.create(&PostParams::default(), &role).await?;
        let binding = ClusterRoleBinding {
            metadata: named(&name),
            role_ref: role_ref("ClusterRole", &name),
            subjects: Some(vec![self.subject()]),
        };
        let bindings: Api<ClusterRoleBinding> = Api::all(self.client.clone());
        bindings.create(&PostParams::default(), &binding).await?;
        Ok(())
    }

    fn unique_name(&self) -> String {
        format!("{}-{}", self.name, uuid::Uuid::new_v4().simple())
    }

    fn subject(&self) -> Subject {
        Subject {
            kind: "ServiceAccount".to_owned(),
            name: self.name.clone(),
            namespace: Some(self.namespace.clone()),
            ..Subject::default()
        }
    }

    /// Gets a token for an audience.
    pub async fn token(&self, audience: &str) -> Result<String> {
        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: Some(vec![audience.to_owned()]),
                expiration_seconds: Some(3600),
                ..TokenRequestSpec::default()
            }
            .into(),
            ..TokenRequest::default()
        };
        let answer = self
            .accounts()
            .create_token_request(&self.name, &PostParams::default(), &request)
            .await?;
        let status = answer.status;
        status.and_then(|status| status.token).context("a token")
    }

    /// Returns the claims of a token like the API server's. It is valid between these times, in seconds from now.
    pub fn claims(&self, audience: &str, valid: Range<i64>) -> Result<Value> {
        let now = i64::try_from(UNIX_EPOCH.elapsed()?.as_secs())?;
        Ok(json!({
            "iss": "https://kubernetes.default.svc",
            "sub": self.user_name(),
            "aud": [audience],
            "iat": now + valid.start,
            "nbf": now + valid.start,
            "exp": now + valid.end,
            "kubernetes.io": {
                "namespace": self.namespace,
                "serviceaccount": {"name": self.name, "uid": self.uid},
            },
        }))
    }

    /// Deletes the `ServiceAccount`.
    pub async fn leave(&self) -> Result<()> {
        self.accounts()
            .delete(&self.name, &DeleteParams::default())
            .await?;
        Ok(())
    }

    fn accounts(&self) -> Api<ServiceAccount> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }
}

/// A right of a caller.
pub struct Grant {
    bindings: Api<RoleBinding>,
    name: String,
}

impl Grant {
    /// Revokes the right.
    pub async fn revoke(self) -> Result<()> {
        self.bindings.delete(&self.name, &DeleteParams::default()).await?;
        Ok(())
    }
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        ..ObjectMeta::default()
    }
}

fn rule(verbs: &[&str], resources: &[&str], names: &[&str]) -> PolicyRule {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    PolicyRule {
        api_groups: Some(vec!["bookshelf.lostinsoba.com".to_owned()]),
        resource_names: (!names.is_empty()).then(|| texts(names)),
        resources: Some(texts(resources)),
        verbs: texts(verbs),
        ..PolicyRule::default()
    }
}

fn role_ref(kind: &str, name: &str) -> RoleRef {
    RoleRef {
        api_group: Some("rbac.authorization.k8s.io".to_owned()),
        kind: kind.to_owned(),
        name: name.to_owned(),
    }
}
