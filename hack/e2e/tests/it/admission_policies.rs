//! The chart's admission policies, by which the API server refuses writes of the two `ServiceAccounts`, whatever RBAC
//! grants.
//!
//! In the namespace of each test, both accounts and a person have every right on books and loans, so only a policy can
//! refuse a write. The policies are those of the control plane that all tests share.

mod books;
mod chart;
mod controllers;
mod loans;

use std::time::Duration;

use anyhow::Result;
use control_plane::{NAMESPACE, client, service_account_kubeconfig};
use e2e::{Library, Program, eventually};
use http::{Method, Request};
use http_body_util::BodyExt as _;
use kube::{Client, client::Body};
use serde_json::{Value, json};

const GROUP_VERSION: &str = "bookshelf.lostinsoba.com/v1alpha1";

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

/// Longer than any test takes.
const TOKEN_LIFETIME: Duration = Duration::from_mins(10);

/// A user with every right on books and loans in one namespace.
struct Actor {
    name: &'static str,
    client: Client,
    /// Set for an account to which the policies apply.
    is_held: bool,
}

/// Returns the text by which a policy's refusal is recognised.
fn refusal(resource: &str) -> String {
    format!("ValidatingAdmissionPolicy 'bookshelf.bookshelf-{resource}'")
}

/// Returns the two accounts and a person, once rights and policies are in effect.
async fn actors(library: &Library) -> Result<Vec<Actor>> {
    let namespace = &library.namespace;
    let kubectl = library.cluster.kubectl().await?;
    let account =
        |name: &str, namespace: &str| json!({"kind": "ServiceAccount", "name": name, "namespace": namespace});
    let all = json!({"apiGroups": ["bookshelf.lostinsoba.com"], "resources": ["*"], "verbs": ["*"]});
    let metadata = json!({"name": "everything", "namespace": namespace});
    let rights = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "person", "namespace": namespace}},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": [all]},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
         "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "everything"},
         "subjects": [account("bookshelf-admin-api", NAMESPACE), account("bookshelf-user-api", NAMESPACE),
                      account("person", namespace)]},
    ]});
    kubectl.apply(&rights.to_string()).await?;

    let mut actors = Vec::new();
    for program in Program::ALL {
        actors.push(Actor {
            name: program.name(),
            client: client(library.cluster.kubeconfig_of(program.name()).await?).await?,
            is_held: true,
        });
    }
    let person =
        service_account_kubeconfig(library.cluster.kubeconfig(), namespace, "person", TOKEN_LIFETIME);
    actors.push(Actor {
        name: "a person",
        client: client(person.await?).await?,
        is_held: false,
    });
    for actor in &actors {
        in_effect(library, actor).await?;
    }
    Ok(actors)
}

/// Waits until the API server knows the rights of an actor and has compiled the policies.
async fn in_effect(library: &Library, actor: &Actor) -> Result<()> {
    let labels = json!({"app.kubernetes.io/managed-by": "Helm"});
    let book = json!({
        "apiVersion": GROUP_VERSION, "kind": "Book", "metadata": {"name": "first", "labels": labels},
        "spec": {"author": "A", "title": "T"},
    });
    let loan = json!({
        "apiVersion": GROUP_VERSION, "kind": "BookLoan", "metadata": {"name": "first"}, "spec": {"borrowedBy": "bob"},
    });
    for (resource, object) in [("books", book), ("bookloans", loan)] {
        let create = Write::create(resource, object);
        eventually(&format!("{} is held to {resource}", actor.name), async || {
            let (status, message) = create.dry_run(library, actor).await?;
            let is_refused = status == 403 && message.contains(&refusal(resource));
            let is_as_it_should_be = if actor.is_held { is_refused } else { status == 201 };
            Ok(is_as_it_should_be.then_some(()))
        })
        .await?;
    }
    Ok(())
}

#[derive(Clone, Debug)]
struct Write {
    method: Method,
    content_type: &'static str,
    /// The path below the namespace, such as `"books/book?fieldManager=e2e"`.
    path: String,
    body: Value,
}

impl Write {
    fn create(resource: &str, object: Value) -> Self {
        Self::new(Method::POST, JSON, resource, object)
    }

    fn new(method: Method, content_type: &'static str, path: impl Into<String>, body: Value) -> Self {
        Self {
            method,
            content_type,
            path: path.into(),
            body,
        }
    }

    /// Returns a server-side apply of an object whose name is in `path`.
    fn apply(path: impl AsRef<str>, object: Value) -> Self {
        let path = format!("{}?fieldManager=e2e&force=true", path.as_ref());
        Self::new(Method::PATCH, APPLY, path, object)
    }

    /// Sends the write as a dry run, and returns the status and the message of the response.
    async fn dry_run(&self, library: &Library, actor: &Actor) -> Result<(u16, String)> {
        let separator = if self.path.contains('?') { '&' } else { '?' };
        let path = format!("{}{separator}dryRun=All", self.path);
        Self { path, ..self.clone() }.send(library, actor).await
    }

    /// Sends the write, and returns the status and the message of the response.
    async fn send(&self, library: &Library, actor: &Actor) -> Result<(u16, String)> {
        let path = format!(
            "/apis/{GROUP_VERSION}/namespaces/{}/{}",
            library.namespace, self.path
        );
        let body = match &self.body {
            Value::Null => Vec::new(),
            body => body.to_string().into_bytes(),
        };
        let request = Request::builder()
            .method(self.method.clone())
            .uri(path)
            .header("content-type", self.content_type)
            .body(Body::from(body))?;
        let response = actor.client.send(request).await?;
        let status = response.status().as_u16();
        let answer = response.into_body().collect().await?.to_bytes();
        let answer: Value = serde_json::from_slice(&answer)?;
        Ok((status, answer["message"].as_str().unwrap_or_default().to_owned()))
    }

    /// Asserts that the write would succeed. It is a dry run.
    async fn assert_allowed(&self, library: &Library, actor: &Actor, about: &str) -> Result<()> {
        let (status, message) = self.dry_run(library, actor).await?;
        let about = format!("{about}, {}: {self:?}", actor.name);
        assert!((200..300).contains(&status), "{about}: {status} {message}");
        Ok(())
    }

    /// Sends the write, and asserts that a policy refuses it with these words.
    async fn assert_refused(&self, library: &Library, actor: &Actor, about: &str, words: &str) -> Result<()> {
        let (status, message) = self.send(library, actor).await?;
        let about = format!("{about}, {}: {self:?}: {status} {message}", actor.name);
        assert_eq!(status, 403, "{about}");
        let resource = if self.path.starts_with("bookloans") {
            "bookloans"
        } else {
            "books"
        };
        assert!(message.contains(&refusal(resource)), "{about}");
        assert!(message.contains(words), "{about}");
        Ok(())
    }
}
