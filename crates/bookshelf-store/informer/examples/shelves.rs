//! A cluster-scoped custom resource of another team, on the same connector and cache: shelves, indexed by room.
//! `cargo run -p kube-informer --example shelves`, with a kubeconfig that may create CRDs.

use std::convert::Infallible;
use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::Preconditions;
use kube::{CustomResource, CustomResourceExt as _};
use kube_informer::cache::{Builder, Event};
use kube_informer::connector::{Connector, Options, Reason};
use kube_informer::object::ObjectKey;
use kube_informer::{CachedClient, ListWatch};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(CustomResource, Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "Shelf", plural = "shelves")]
struct ShelfSpec {
    room: String,
    places: u32,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The API server delays the first creates after a new CRD by two seconds or more.
    let options = Options {
        deadline: Duration::from_secs(15),
        ..Options::default()
    };
    let [with_shelf, without] = run(&Connector::infer(options).await?).await?;
    println!("shelves in the reading room: {with_shelf}, after the delete {without}");
    Ok(())
}

/// Returns the number of shelves that the cache has in the reading room after one is created, and after it is deleted.
pub(crate) async fn run(connector: &Connector) -> Result<[usize; 2], Box<dyn std::error::Error>> {
    let definitions = connector.resource::<CustomResourceDefinition>();
    match definitions.create(&Shelf::crd()).await {
        Err(error) if !matches!(error.reason, Reason::AlreadyExists(_)) => return Err(error.into()),
        _ => {}
    }

    // The cache keeps the spec of each shelf, and drops everything else as soon as it arrives.
    let mut builder = Builder::new(|shelf: Shelf| Ok::<_, Infallible>(shelf.spec));
    let by_room = builder.index("room", |spec: &ShelfSpec| vec![spec.room.as_str().into()]);
    let (reader, writer) = builder.build();
    let shelves = connector.resource::<Shelf>();
    tokio::spawn(ListWatch::new(shelves.clone()).run(writer.clone()));
    reader.wait_synced(Duration::from_secs(30)).await?;
    let _handler = reader.handle(
        |event| match event {
            Event::Created(shelf) => println!("{} created: {} places", shelf.key, shelf.value.places),
            Event::Updated { new, .. } => println!("{} changed: {} places", new.key, new.value.places),
            Event::Deleted(shelf) => println!("{} is gone", shelf.key),
        },
        None,
    );

    // The next read returns our write, even while it is pending.
    let shelves = CachedClient::new(shelves, writer);
    let spec = ShelfSpec {
        room: "reading".to_owned(),
        places: 40,
    };
    shelves.create(&Shelf::new("east", spec)).await?;
    let in_reading_room = || reader.load().indexed(by_room, "reading").count();
    let with_shelf = in_reading_room();
    let east = ObjectKey::cluster_scoped("east");
    shelves.delete(&east, Preconditions::default()).await?;
    Ok([with_shelf, in_reading_room()])
}
