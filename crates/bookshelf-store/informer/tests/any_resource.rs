//! Connector and cache together against a real API server, on resources that this crate has no code for. Run by
//! `cargo xtask test`, which starts the API server.

// Clippy takes only functions marked `#[test]` for tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code, reason = "an example is a program, too")]
#[path = "../examples/shelves.rs"]
mod shelves;

use std::convert::Infallible;
use std::time::Duration;

use kube_informer::cache::Builder;

use kube::api::{ApiResource, DynamicObject, Patch, Preconditions};
use kube::core::GroupVersionKind;
use kube_informer::connector::{Connector, Options};
use kube_informer::object::ObjectKey;
use kube_informer::{CachedClient, ListWatch};
use serde_json::json;

const SOON: Duration = Duration::from_secs(30);

async fn connector(options: Options) -> Connector {
    let kubeconfig = std::env::var_os("BOOKSHELF_TEST_KUBECONFIG")
        .expect("BOOKSHELF_TEST_KUBECONFIG names no API server: run the tests with `cargo xtask test`");
    let options = Options {
        kubeconfig: Some(kubeconfig.into()),
        ..options
    };
    Connector::infer(options).await.unwrap()
}

#[tokio::test]
async fn the_example_sees_a_shelf_come_and_go() {
    let connector = connector(Options {
        // The API server delays the first creates after a new CRD by two seconds or more.
        deadline: Duration::from_secs(15),
        ..Options::default()
    })
    .await;
    assert_eq!(shelves::run(&connector).await.unwrap(), [1, 0]);
}

#[tokio::test]
async fn a_cache_of_a_cluster_scoped_resource_known_at_run_time_only_serves_the_writes_of_its_client() {
    let connector = connector(Options::default()).await;
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(
        "rbac.authorization.k8s.io",
        "v1",
        "ClusterRole",
    ));
    let roles = connector.resource_with::<DynamicObject>(resource.clone());
    let team = format!("team-{}", std::process::id());
    let mut builder = Builder::new(|role: DynamicObject| Ok::<_, Infallible>(role.data["rules"].clone()));
    let by_team = builder.label("team");
    let (reader, writer) = builder.build();
    let feed = ListWatch::new(roles.clone()).labels(format!("team={team}"));
    let feed = tokio::spawn(feed.run(writer.clone()));
    reader.wait_synced(SOON).await.unwrap();
    assert!(reader.load().is_empty());

    let roles = CachedClient::new(roles, writer);
    let key = ObjectKey::cluster_scoped(team.as_str());
    let mut role = DynamicObject::new(&team, &resource).data(json!({"rules": []}));
    role.metadata.labels = Some([("team".to_owned(), team.clone())].into());
    let role = roles.create(&role).await.unwrap();
    assert_eq!(reader.load().indexed(by_team, &team).count(), 1);
    let may_read = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]});
    roles
        .patch(&key, &Patch::Merge(json!({"rules": [may_read]})))
        .await
        .unwrap();
    assert_eq!(reader.load().get("", &team).unwrap().value[0]["verbs"][0], "get");
    roles.get(&key).await.unwrap();

    let deletion = roles
        .writer()
        .deletion_of(role.metadata.uid.unwrap_or_default().as_str().into());
    roles.delete(&key, Preconditions::default()).await.unwrap();
    assert!(reader.load().is_empty());
    deletion.confirmed(SOON).await.unwrap();
    assert!(reader.load().is_empty());
    roles.get(&key).await.unwrap_err();
    feed.abort();
}
