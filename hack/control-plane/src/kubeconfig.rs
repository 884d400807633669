//! Kubeconfigs of the administrator and of single `ServiceAccounts`.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{
    Api, Client, Config,
    api::PostParams,
    config::{AuthInfo, Cluster, KubeConfigOptions, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext},
};

use crate::credentials;

/// The timeout of every request that this crate sends.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Returns a kubeconfig for the `ServiceAccount` `name`: the cluster of `admin_kubeconfig`, and a token that the API
/// server issues for `lifetime` (at least 10 minutes).
///
/// Works with any cluster whose kubeconfig may create `serviceaccounts/token`. Writes no file.
pub async fn service_account_kubeconfig(
    admin_kubeconfig: &Path,
    namespace: &str,
    name: &str,
    lifetime: Duration,
) -> Result<Kubeconfig> {
    let failed = || format!("cannot get a token for ServiceAccount {namespace}/{name}");
    let admin = read_kubeconfig(admin_kubeconfig)?;
    let request = TokenRequest {
        spec: Some(TokenRequestSpec {
            expiration_seconds: Some(i64::try_from(lifetime.as_secs())?),
            ..TokenRequestSpec::default()
        }),
        ..TokenRequest::default()
    };
    let accounts: Api<ServiceAccount> = Api::namespaced(client(admin.clone()).await?, namespace);
    let token = accounts
        .create_token_request(name, &PostParams::default(), &request)
        .await
        .with_context(failed)?
        .status
        .and_then(|status| status.token)
        .with_context(failed)?;
    let user = AuthInfo {
        token: Some(token.into()),
        ..AuthInfo::default()
    };
    let mut kubeconfig = kubeconfig(current_cluster(&admin)?.clone(), name, user);
    if let Some(context) = &mut kubeconfig.contexts[0].context {
        context.namespace = Some(namespace.to_owned());
    }
    Ok(kubeconfig)
}

/// Writes `kubeconfig` to `path` as YAML, readable only by its owner.
pub fn save_kubeconfig(kubeconfig: &Kubeconfig, path: &Path) -> Result<()> {
    credentials::write_private(path, &serde_saphyr::to_string(kubeconfig)?)
}

/// Returns a client with the rights of `kubeconfig`, with timeouts and without kube's retries.
///
/// It is for the setup and the checks of tests, not for their subject.
pub async fn client(kubeconfig: Kubeconfig) -> Result<Client> {
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.connect_timeout = Some(TIMEOUT);
    config.read_timeout = Some(TIMEOUT);
    config.write_timeout = Some(TIMEOUT);
    config.default_retry = false;
    // The API server is on this host, so no proxy is needed.
    config.proxy_url = None;
    Ok(Client::try_from(config)?)
}

pub(crate) fn read_kubeconfig(path: &Path) -> Result<Kubeconfig> {
    Kubeconfig::read_from(path).with_context(|| format!("cannot use the kubeconfig {}", path.display()))
}

/// The cluster at `127.0.0.1:port` with the CA certificate in `ca`.
pub(crate) fn local_cluster(port: u16, ca: &Path) -> Result<Cluster> {
    Ok(Cluster {
        server: Some(format!("https://127.0.0.1:{port}")),
        certificate_authority_data: Some(BASE64_STANDARD.encode(credentials::read(ca)?)),
        ..Cluster::default()
    })
}

/// A kubeconfig with one cluster, one user, and the context for both.
pub(crate) fn kubeconfig(cluster: Cluster, user: &str, auth_info: AuthInfo) -> Kubeconfig {
    let name = "bookshelf".to_owned();
    Kubeconfig {
        api_version: Some("v1".to_owned()),
        kind: Some("Config".to_owned()),
        clusters: vec![NamedCluster {
            name: name.clone(),
            cluster: Some(cluster),
            ..NamedCluster::default()
        }],
        auth_infos: vec![NamedAuthInfo {
            name: user.to_owned(),
            auth_info: Some(auth_info),
            ..NamedAuthInfo::default()
        }],
        contexts: vec![NamedContext {
            name: name.clone(),
            context: Some(kube::config::Context {
                cluster: name.clone(),
                user: Some(user.to_owned()),
                ..kube::config::Context::default()
            }),
            ..NamedContext::default()
        }],
        current_context: Some(name),
        ..Kubeconfig::default()
    }
}

fn current_cluster(kubeconfig: &Kubeconfig) -> Result<&Cluster> {
    let current = kubeconfig
        .current_context
        .as_deref()
        .context("the kubeconfig has no current context")?;
    let context = kubeconfig.contexts.iter().find(|context| context.name == current);
    let cluster = context
        .and_then(|context| context.context.as_ref())
        .map(|context| &context.cluster);
    kubeconfig
        .clusters
        .iter()
        .find(|candidate| Some(&candidate.name) == cluster)
        .and_then(|candidate| candidate.cluster.as_ref())
        .with_context(|| format!("the kubeconfig's current context, {current}, has no cluster"))
}
