//! The exact rights of each `ServiceAccount`, tested with its own token against the real API server.

use anyhow::{Context as _, Result};
use control_plane::client;
use e2e::{Library, Program};
use http::Request;
use http_body_util::BodyExt as _;
use kube::{Client, client::Body};
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

/// In addition to our own resources: those that attackers want, and those that controllers often have.
const OTHERS: [(&str, &str, bool); 19] = [
    (EVENTS, "events", true),
    ("/api/v1", "secrets", true),
    ("/api/v1", "configmaps", true),
    ("/api/v1", "pods", true),
    ("/api/v1", "pods/exec", true),
    ("/api/v1", "services", true),
    ("/api/v1", "serviceaccounts", true),
    ("/api/v1", "serviceaccounts/token", true),
    ("/api/v1", "events", true),
    ("/api/v1", "namespaces", false),
    ("/api/v1", "nodes", false),
    ("/apis/apps/v1", "deployments", true),
    ("/apis/coordination.k8s.io/v1", "leases", true),
    ("/apis/rbac.authorization.k8s.io/v1", "rolebindings", true),
    ("/apis/rbac.authorization.k8s.io/v1", "clusterroles", false),
    ("/apis/rbac.authorization.k8s.io/v1", "clusterrolebindings", false),
    (
        "/apis/apiextensions.k8s.io/v1",
        "customresourcedefinitions",
        false,
    ),
    (OURS, "books/status", true),
    (OURS, "books/finalizers", true),
];

const EVENTS: &str = "/apis/events.k8s.io/v1";

const OURS: &str = "/apis/bookshelf.lostinsoba.com/v1alpha1";

/// Returns all verbs that an account has on a resource.
fn allowed(program: Program, prefix: &str, resource: &str) -> &'static [&'static str] {
    match (program, resource) {
        (_, "events") if prefix == EVENTS => &["create", "patch"],
        (Program::Admin, "books" | "loanjournals") => {
            &["get", "list", "watch", "create", "update", "patch", "delete"]
        }
        (Program::Admin, "bookloans") => &["get", "list", "watch", "delete"],
        (Program::User, "loanjournals") => &["get", "list", "watch", "create", "patch"],
        (Program::User, "books") => &["get", "list", "watch"],
        (Program::User, "bookloans") => &["get", "list", "watch", "create", "delete"],
        _ => &[],
    }
}

/// An attempted verb on a resource, in a namespace, in all namespaces, or cluster-scoped.
struct Attempt<'a> {
    verb: &'a str,
    prefix: &'a str,
    resource: &'a str,
    namespace: Option<&'a str>,
    /// The existing object, if there is one.
    object: &'a Value,
}

impl Attempt<'_> {
    /// Returns the request, which is a dry run if it would change something.
    fn request(&self) -> Result<Request<Body>> {
        // A subresource such as "pods/exec" has the path of a pod.
        let (resource, subresource) = self.resource.split_once('/').unwrap_or((self.resource, ""));
        let name = if subresource.is_empty() {
            "book".to_owned()
        } else {
            format!("book/{subresource}")
        };
        let namespace = self
            .namespace
            .map(|namespace| format!("/namespaces/{namespace}"))
            .unwrap_or_default();
        let collection = format!("{}{namespace}/{resource}", self.prefix);
        let object = format!("{collection}/{name}");
        let of_subresource = |collection: String| {
            if subresource.is_empty() {
                collection
            } else {
                object.clone()
            }
        };
        let (method, path) = match self.verb {
            "get" => ("GET", object),
            "list" => ("GET", of_subresource(collection)),
            "watch" => (
                "GET",
                format!("{}?watch=true&timeoutSeconds=1", of_subresource(collection)),
            ),
            "create" => ("POST", format!("{}?dryRun=All", of_subresource(collection))),
            "update" => ("PUT", format!("{object}?dryRun=All")),
            "patch" => ("PATCH", format!("{object}?dryRun=All")),
            "delete" => ("DELETE", format!("{object}?dryRun=All")),
            _ => ("DELETE", format!("{collection}?dryRun=All")),
        };
        let (kind, body) = match self.verb {
            "create" => ("application/json", self.anew()),
            "update" => ("application/json", self.object.clone()),
            "patch" => (
                "application/merge-patch+json",
                json!({"metadata": {"labels": {"dry": "run"}}}),
            ),
            // Without a body, which would replace the options in the query.
            _ => ("application/json", Value::Null),
        };
        let body = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", kind);
        Ok(request.body(Body::from(body))?)
    }

    /// Returns another object of the same kind. A loan belongs to the book with its name, as the admission policy
    /// requires.
    fn anew(&self) -> Value {
        let mut object = self.object.clone();
        let mut metadata = json!({"name": "another"});
        if self.resource == "bookloans" {
            let mut owners = object["metadata"]["ownerReferences"].take();
            owners[0]["name"] = "another".into();
            metadata["ownerReferences"] = owners;
        }
        object["metadata"] = metadata;
        object
    }

    async fn assert(&self, client: &Client, is_allowed: bool) -> Result<()> {
        let about = format!("{} {} in {:?}", self.verb, self.resource, self.namespace);
        let response = client.send(self.request()?).await?;
        let status = response.status().as_u16();
        if is_allowed {
            assert!((200..300).contains(&status), "{about} is allowed: {status}");
            return Ok(());
        }
        assert_eq!(status, 403, "{about} is denied");
        let body = response.into_body().collect().await?.to_bytes();
        let answer: Value = serde_json::from_slice(&body)?;
        // Only the authorizer uses these words; other refusals are 403 too.
        let message = answer["message"].as_str().unwrap_or_default();
        let verb = match (self.verb, self.resource.contains('/')) {
            // Lists and watches of a subresource do not exist: the API server checks the verb of the method.
            ("list" | "watch", true) => "",
            ("deletecollection", true) => "deletecollection",
            (verb, _) => verb,
        };
        assert!(message.contains(&format!("cannot {verb}")), "{about}: {message}");
        Ok(())
    }
}

async fn raw(client: &Client, path: &str) -> Result<Value> {
    Ok(client.request(Request::get(path).body(Vec::new())?).await?)
}

#[tokio::test]
async fn each_account_may_do_what_its_api_needs_and_nothing_else() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    library.borrow("book", "bob").await?.json(201);
    let namespace = library.namespace.as_str();
    let event = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "book"},
        "eventTime": "2026-11-22T11:11:09.000000Z", "reason": "Tested", "action": "Test", "type": "Normal",
        "reportingController": "e2e", "reportingInstance": "e2e",
        "regarding": {"apiVersion": "bookshelf.lostinsoba.com/v1alpha1", "kind": "Book", "name": "book",
                      "namespace": namespace},
    });
    let events = format!("{EVENTS}/namespaces/{namespace}/events");
    let create = Request::post(events).header("content-type", "application/json");
    let _: Value = library
        .client
        .request(create.body(event.to_string().into_bytes())?)
        .await?;
    let journal = json!({
        "apiVersion": "bookshelf.lostinsoba.com/v1alpha1", "kind": "LoanJournal", "metadata": {"name": "book"},
        "spec": {"lines": ["2026-11-22T11:11:09Z borrowed book 3b241101a2bc42f1 bob"]},
    });
    let journals = format!("{OURS}/namespaces/{namespace}/loanjournals");
    let create = Request::post(journals).header("content-type", "application/json");
    let _: Value = library
        .client
        .request(create.body(journal.to_string().into_bytes())?)
        .await?;
    let ours = [
        (OURS, "books", true),
        (OURS, "bookloans", true),
        (OURS, "loanjournals", true),
    ];
    for program in Program::ALL {
        let account = client(library.cluster.kubeconfig_of(program.name()).await?).await?;
        for (prefix, resource, is_namespaced) in ours.into_iter().chain(OTHERS) {
            let object = match resource {
                "books" | "bookloans" | "loanjournals" => {
                    let path = format!("{prefix}/namespaces/{namespace}/{resource}/book");
                    raw(&library.client, &path).await?
                }
                "events" if prefix == EVENTS => event.clone(),
                _ => json!({"metadata": {"name": "book"}}),
            };
            for verb in VERBS {
                let namespaces = match (is_namespaced, verb) {
                    (false, _) => vec![None],
                    // In all namespaces, and in one.
                    (true, "list" | "watch") => vec![None, Some(namespace)],
                    (true, _) => vec![Some(namespace)],
                };
                for namespace in namespaces {
                    let attempt = Attempt {
                        verb,
                        prefix,
                        resource,
                        namespace,
                        object: &object,
                    };
                    let is_allowed = allowed(program, prefix, resource).contains(&verb);
                    let outcome = attempt.assert(&account, is_allowed).await;
                    outcome.with_context(|| format!("{program:?}: {verb} {resource}"))?;
                }
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn no_account_may_become_another_or_give_itself_rights() -> Result<()> {
    let library = Library::open().await?;
    for program in Program::ALL {
        let account = client(library.cluster.kubeconfig_of(program.name()).await?).await?;
        for (group, resource, verb) in [
            ("", "users", "impersonate"),
            ("", "serviceaccounts", "impersonate"),
            ("rbac.authorization.k8s.io", "clusterroles", "bind"),
            ("rbac.authorization.k8s.io", "clusterroles", "escalate"),
            ("*", "*", "*"),
        ] {
            let review = json!({
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": {"group": group, "resource": resource, "verb": verb}},
            });
            let request = Request::post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
                .header("content-type", "application/json")
                .body(review.to_string().into_bytes())?;
            let answer: Value = account.request(request).await?;
            assert_eq!(
                answer["status"]["allowed"], false,
                "{program:?}: {verb} {resource}: {answer}"
            );
        }
    }
    Ok(())
}
