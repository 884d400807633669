//! Callers in token mode.

use anyhow::{Context as _, Result};
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
    rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject},
};
use kube::{
    Api, Client,
    api::{DeleteParams, ObjectMeta, PostParams},
};

/// A caller: a `ServiceAccount` with roles of its own. Clones are the same one.
#[derive(Clone)]
pub struct Person {
    client: Client,
    namespace: String,
    name: String,
}

impl Person {
    /// Makes a `ServiceAccount` without any right.
    pub async fn new(client: Client, namespace: &str, name: &str) -> Result<Self> {
        let account = ServiceAccount {
            metadata: named(name),
            ..ServiceAccount::default()
        };
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
        accounts.create(&PostParams::default(), &account).await?;
        Ok(Self {
            client,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    /// The name that the API server knows the caller by.
    #[must_use]
    pub fn user_name(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }

    /// Grants verbs on resources of bookshelf in a namespace; on these names alone, where there are any.
    pub async fn grant(
        &self,
        namespace: &str,
        verbs: &[&str],
        resources: &[&str],
        names: &[&str],
    ) -> Result<Grant> {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let name = format!("{}-{}", self.name, uuid::Uuid::new_v4().simple());
        let allowed = PolicyRule {
            api_groups: Some(vec!["bookshelf.lostinsoba.com".to_owned()]),
            resource_names: (!names.is_empty()).then(|| texts(names)),
            resources: Some(texts(resources)),
            verbs: texts(verbs),
            ..PolicyRule::default()
        };
        let role = Role {
            metadata: named(&name),
            rules: Some(vec![allowed]),
        };
        let roles: Api<Role> = Api::namespaced(self.client.clone(), namespace);
        roles.create(&PostParams::default(), &role).await?;
        let binding = RoleBinding {
            metadata: named(&name),
            role_ref: RoleRef {
                api_group: Some("rbac.authorization.k8s.io".to_owned()),
                kind: "Role".to_owned(),
                name: name.clone(),
            },
            subjects: Some(vec![Subject {
                kind: "ServiceAccount".to_owned(),
                name: self.name.clone(),
                namespace: Some(self.namespace.clone()),
                ..Subject::default()
            }]),
        };
        let bindings: Api<RoleBinding> = Api::namespaced(self.client.clone(), namespace);
        bindings.create(&PostParams::default(), &binding).await?;
        Ok(Grant { bindings, name })
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

/// A right that a caller has.
pub struct Grant {
    bindings: Api<RoleBinding>,
    name: String,
}

impl Grant {
    /// Takes the right away.
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
