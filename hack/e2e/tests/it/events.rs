//! Kubernetes Events: the recent history of a book that kubectl shows.

use std::time::Duration;

use anyhow::{Context as _, Result};
use bookshelf_crd::labels;
use control_plane::service_account_kubeconfig;
use e2e::{Cluster, Library, Program, Service, book, eventually};
use futures::future::try_join_all;
use k8s_openapi::api::events::v1::Event;
use kube::{ResourceExt as _, api::ListParams};
use serde_json::{Value, json};

/// Returns the Events about a book, sorted and grouped by kind: reason, type, note, and count.
async fn recorded(library: &Library, id: &str) -> Result<Vec<(String, String, String, i32)>> {
    let events: kube::Api<Event> = kube::Api::namespaced(library.client.clone(), &library.namespace);
    let events = events.list(&ListParams::default()).await?;
    let about = events.items.into_iter().filter(|event| {
        let regarding = event.regarding.as_ref();
        regarding.is_some_and(|regarding| {
            regarding.kind.as_deref() == Some("Book") && regarding.name.as_deref() == Some(id)
        })
    });
    let mut recorded = about
        .map(|event| {
            (
                event.reason.unwrap_or_default(),
                event.type_.unwrap_or_default(),
                event.note.unwrap_or_default(),
                event.series.map_or(1, |series| series.count),
            )
        })
        .collect::<Vec<_>>();
    recorded.sort();
    Ok(recorded)
}

/// Waits until the Events about a book have these reasons and counts.
async fn reasons(library: &Library, id: &str, expected: &[(&str, i32)]) -> Result<()> {
    eventually(&format!("{expected:?} are recorded for {id}"), async || {
        let recorded = recorded(library, id).await?;
        let reasons = recorded
            .iter()
            .map(|(reason, _, _, count)| (reason.as_str(), *count));
        Ok((reasons.collect::<Vec<_>>() == expected).then_some(()))
    })
    .await
}

/// Lends a book, once user-api has it.
async fn lend(library: &Library, id: &str, tenant: &str) -> Result<()> {
    eventually(&format!("{tenant} has {id}"), async || {
        let borrow = library.user.post(format!("{}/borrow", library.path(id)));
        Ok((borrow.tenant(tenant).await?.status == 201).then_some(()))
    })
    .await
}

/// Both APIs, for one test only, since the shared ones have one limit of Events for all tests.
struct Apis {
    admin: Service,
    user: Service,
}

impl Apis {
    async fn start() -> Result<Self> {
        let cluster = Cluster::shared()?;
        let (admin, user) = tokio::try_join!(
            Service::start(Program::Admin, &cluster, &[]),
            Service::start(Program::User, &cluster, &[]),
        )?;
        Ok(Self { admin, user })
    }

    async fn library(&self) -> Result<Library> {
        Library::open_in(&Cluster::shared()?, &self.admin, &self.user).await
    }
}

#[tokio::test]
async fn kubectl_shows_the_recent_history_of_a_book() -> Result<()> {
    let apis = Apis::start().await?;
    let library = apis.library().await?;
    library.add("book").await?;
    let path = library.path("book");
    let put = |query: &str| {
        library
            .admin
            .put(format!("{path}{query}"))
            .json(&library.body("book"))
    };
    put("").await?.json(200);
    put("?force=true").await?.json(200);
    lend(&library, "book", "bob").await?;
    library
        .user
        .post(format!("{path}/return"))
        .tenant("bob")
        .await?
        .empty(204);
    lend(&library, "book", "alice").await?;
    library.admin.delete(library.loan_path("book")).await?.empty(204);

    let reasons = [
        ("Created", "Added to the library"),
        ("Updated", "Changed by a librarian"),
        ("Forced", "Changed by a librarian, regardless of its version"),
        ("Borrowed", "Borrowed by bob"),
        ("Returned", "Returned by bob"),
        ("Borrowed", "Borrowed by alice"),
        ("TakenBack", "Taken back from alice by a librarian"),
    ];
    let kubectl = library.cluster.kubectl().await?;
    let namespace = library.namespace.as_str();
    for arguments in [
        vec!["describe", "book", "book", "-n", namespace],
        vec!["events", "--for", "book/book", "-n", namespace],
    ] {
        eventually(
            &format!("kubectl {} shows every event", arguments.join(" ")),
            async || {
                let output = kubectl.run(&arguments).await?;
                let has_event = |(reason, note): &(&str, &str)| {
                    let mut lines = output.lines();
                    lines.any(|line| line.contains(reason) && line.contains(note) && line.contains("Normal"))
                };
                Ok(reasons.iter().all(has_event).then_some(()))
            },
        )
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_longest_id_has_events_too() -> Result<()> {
    let apis = Apis::start().await?;
    let library = apis.library().await?;
    let id = "a".repeat(253);
    library.add(&id).await?;
    lend(&library, &id, "bob").await?;
    for _ in 0..2 {
        let put = library.admin.put(library.path(&id));
        put.json(&library.body(&id)).await?.json(200);
    }
    reasons(&library, &id, &[("Borrowed", 1), ("Created", 1), ("Updated", 2)]).await?;
    let kubectl = library.cluster.kubectl().await?;
    let about = format!("book/{id}");
    let events = ["events", "--for", &about, "-n", &library.namespace];
    let output = kubectl.run(&events).await?;
    assert!(output.contains("Borrowed by bob"), "{output}");
    Ok(())
}

#[tokio::test]
async fn a_repeated_event_is_counted_and_a_repeated_request_is_not() -> Result<()> {
    let apis = Apis::start().await?;
    let library = apis.library().await?;
    for _ in 0..3 {
        let create = library
            .admin
            .post(library.list_path())
            .json(&library.body("book"));
        create.header("Idempotency-Key", "key").await?.json(201);
    }
    for number in 0..5 {
        let body = json!({"author": "A", "title": format!("Title {number}")});
        library.put("book", &body).await?.json(200);
    }
    library.appeared("book").await?;
    for _ in 0..3 {
        let borrow = library.user.post(library.path("book/borrow")).tenant("bob");
        borrow.header("Idempotency-Key", "key").await?.json(201);
    }
    reasons(
        &library,
        "book",
        &[("Borrowed", 1), ("Created", 1), ("Updated", 5)],
    )
    .await
}

#[tokio::test]
async fn a_write_refused_for_another_manager_is_a_warning_event() -> Result<()> {
    let apis = Apis::start().await?;
    let library = apis.library().await?;
    let mut helms = book("helms");
    helms
        .labels_mut()
        .insert(labels::MANAGED_BY.to_owned(), "Helm".to_owned());
    library.plant(&helms).await?;
    let path = library.path("helms");
    for query in ["", "?force=true"] {
        let put = library
            .admin
            .put(format!("{path}{query}"))
            .json(&library.body("helms"));
        put.await?.problem(403, "not_manageable");
        let delete = library.admin.delete(format!("{path}{query}"));
        delete.await?.problem(403, "not_manageable");
    }
    reasons(&library, "helms", &[("Refused", 4)]).await?;
    let (_, kind, note, _) = recorded(&library, "helms").await?.remove(0);
    assert_eq!(kind, "Warning");
    assert!(note.contains(labels::MANAGED_BY), "{note}");
    Ok(())
}

#[tokio::test]
async fn a_forced_delete_leaves_an_event_for_a_while() -> Result<()> {
    let apis = Apis::start().await?;
    let library = apis.library().await?;
    library.add("book").await?;
    lend(&library, "book", "bob").await?;
    library
        .admin
        .delete(format!("{}?force=true", library.path("book")))
        .await?
        .empty(204);
    reasons(
        &library,
        "book",
        &[("Borrowed", 1), ("Created", 1), ("Forced", 1)],
    )
    .await
}

#[tokio::test]
async fn no_events_are_recorded_when_events_are_off() -> Result<()> {
    let apis = Apis::start().await?;
    let library = apis.library().await?;
    let quiet = Service::start(Program::Admin, &library.cluster, &["--events=false"]).await?;
    let quiet = quiet.api()?;
    quiet
        .post(library.list_path())
        .json(&library.body("book"))
        .await?
        .json(201);
    library.appeared("book").await?;
    quiet
        .put(library.path("book"))
        .json(&library.body("book"))
        .await?
        .json(200);
    // Any Event of an earlier write would be there before this one.
    let category = library.admin.patch(library.path("book/category"));
    category.json(&json!({"category_id": "math"})).await?.json(200);
    reasons(&library, "book", &[("Updated", 1)]).await
}

#[tokio::test]
async fn an_account_without_the_right_is_warned_once_and_serves_as_ever() -> Result<()> {
    let library = Library::open().await?;
    let name = "quiet";
    let rules = json!([{"apiGroups": ["bookshelf.lostinsoba.com"], "resources": ["books", "bookloans", "loanjournals"], "verbs": ["*"]}]);
    let metadata = json!({"name": name, "namespace": library.namespace});
    let manifests = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": rules},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
         "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
         "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": library.namespace}]},
    ]});
    library
        .cluster
        .kubectl()
        .await?
        .apply(&manifests.to_string())
        .await?;
    let lifetime = Duration::from_hours(1);
    let kubeconfig = library.cluster.kubeconfig();
    let kubeconfig = service_account_kubeconfig(kubeconfig, &library.namespace, name, lifetime).await?;
    let scope = format!("--watch-namespaces={}", library.namespace);
    let service = Service::launch_as(Program::Admin, &kubeconfig, &[&scope, "--log=info"]).await?;
    service.ready().await?;
    let api = service.api()?;
    api.post(library.list_path())
        .json(&library.body("book"))
        .await?
        .json(201);
    for _ in 0..4 {
        api.put(library.path("book"))
            .json(&library.body("book"))
            .await?
            .json(200);
    }
    let operations = service.ops()?;
    eventually("all five have failed", async || {
        let metrics = operations.get("/metrics").await?.text();
        let failed = r#"kubernetes_events_total{outcome="failed"} 5"#;
        Ok(metrics.lines().any(|line| line == failed).then_some(()))
    })
    .await?;
    let lines = service.log().rest()?;
    let warnings = lines
        .iter()
        .filter(|line| line["level"] == "WARN")
        .collect::<Vec<_>>();
    let [warning] = warnings.as_slice() else {
        anyhow::bail!("one warning: {warnings:?}");
    };
    let message = warning["message"].as_str().context("a message")?;
    assert!(message.contains("events.events.k8s.io"), "{message}");
    assert_eq!(recorded(&library, "book").await?, []);
    Ok(())
}

#[tokio::test]
async fn pending_events_are_recorded_before_the_process_ends() -> Result<()> {
    eventually("a process that ends has sent its events in time", async || {
        let mut apis = Apis::start().await?;
        let library = apis.library().await?;
        // More than are sent concurrently.
        let ids = (0..28).map(|number| format!("book-{number}")).collect::<Vec<_>>();
        let creates = ids.iter().map(|id| {
            let create = library.admin.post(library.list_path());
            create.json(&library.body(id)).into_future()
        });
        for create in try_join_all(creates).await? {
            create.json(201);
        }
        assert!(apis.admin.terminate().await?, "it ends with success");
        // At its end, the process waits three seconds for Events. If that is too short on a slow machine, the log says
        // so.
        let is_late = |line: &Value| line["message"] == "some Kubernetes Events were not sent";
        if apis.admin.log().find(is_late)?.is_some() {
            return Ok(None);
        }
        for id in &ids {
            let recorded = recorded(&library, id).await?;
            assert!(
                matches!(recorded.as_slice(), [(reason, ..)] if reason == "Created"),
                "{id}: {recorded:?}"
            );
        }
        Ok(Some(()))
    })
    .await
}
