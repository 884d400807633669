//! The Kubernetes API as a database.
//!
//! - [`connector`]: typed create, read, update, patch and delete for any resource, each call with a deadline.
//! - [`cache`]: a copy of a resource in memory, fed by a watch: indexed, consistent, and showing our own
//!   writes at once.
//! - [`metrics`]: what these two count, for Prometheus.
//! - [`repository`]: books and loans, the one place that knows connector and cache both.
//!
//! Connector and cache know no book: they serve any resource. This is how they are put together:
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::time::Duration;
//!
//! use bookshelf_store::cache::{Builder, CachedClient, Event, ListWatch};
//! use bookshelf_store::connector::{Connector, Options};
//! use k8s_openapi::api::core::v1::ConfigMap;
//!
//! # // Run where there is an API server for tests.
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let Some(kubeconfig) = std::env::var_os("BOOKSHELF_TEST_KUBECONFIG") else { return Ok(()) };
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let options = Options::default();
//! # let options = Options { kubeconfig: Some(kubeconfig.into()), ..options };
//! let connector = Connector::infer(options).await?;
//! let config_maps = connector.resource::<ConfigMap>();
//!
//! // What to keep of each object, and by what to find it.
//! let mut builder = Builder::new(|map: ConfigMap| map.data.ok_or("it has no data"));
//! let by_team = builder.label("team");
//! let by_key = builder.index("key", |data: &BTreeMap<String, String>| {
//!     data.keys().map(|key| key.as_str().into()).collect()
//! });
//! let (reader, writer) = builder.build();
//!
//! // What feeds it: a list, then a watch, for as long as the process runs.
//! let list_watch = ListWatch::new(config_maps.clone());
//! tokio::spawn(list_watch.run(writer.clone()));
//! reader.wait_synced(Duration::from_secs(30)).await?;
//! let _handler = reader.handle(
//!     |event| {
//!         if let Event::Deleted(map) = event {
//!             println!("{} is gone", map.key);
//!         }
//!     },
//!     None,
//! );
//!
//! // Reads ask nobody, and are of one version each; writes are in the next read.
//! let config_maps = CachedClient::new(config_maps, writer);
//! # let name = format!("wired-{}", std::process::id());
//! # let map: ConfigMap = serde_json::from_value(serde_json::json!({
//! #     "metadata": {"name": name, "namespace": "default", "labels": {"team": "green"}},
//! #     "data": {"config": "value"},
//! # }))?;
//! config_maps.create(&map).await?;
//! let snapshot = reader.snapshot();
//! println!("green: {}", snapshot.indexed(by_team, "green").count());
//! println!("with a config: {}", snapshot.indexed_in(by_key, "config", "default").count());
//! # assert_eq!(snapshot.indexed(by_team, "green").filter(|entry| entry.key.name() == name).count(), 1);
//! # assert_eq!(snapshot.indexed_in(by_key, "config", "default").filter(|entry| entry.key.name() == name).count(), 1);
//! # let key = bookshelf_store::object::ObjectKey::new("default", &name);
//! # config_maps.delete(&key, kube::api::Preconditions::default()).await?;
//! # assert!(reader.load().get("default", &name).is_none());
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! Of another crate, in a checkout beside this one (it is not on crates.io), that takes these dependencies. The types of kube and
//! k8s-openapi are part of the interface, so that their versions have to be the same:
//!
//! ```toml
//! [dependencies]
//! bookshelf-store = { path = "../bookshelf/crates/bookshelf-store" }
//! k8s-openapi = { version = "0.29", features = ["v1_36"] }
//! kube = { version = "5", default-features = false, features = ["derive"] }
//! schemars = "1"
//! serde = { version = "1", features = ["derive"] }
//! serde_json = "1"
//! tokio = { version = "1", features = ["macros", "rt-multi-thread", "time"] }
//! ```
//!
//! What it costs beside kube-rs' own `reflector::Store`, in time and memory, is in docs/performance.md of the repository: a
//! third of the memory, look-ups by index in microseconds where that looks through everything, and a get and an event at
//! a few times the price.
//!
//! # For those who know client-go or kube-rs
//!
//! | client-go | kube-rs | here |
//! |---|---|---|
//! | clientset, dynamic client | `Api` | [`ResourceClient`](connector::ResourceClient); with read-your-writes [`CachedClient`](cache::CachedClient) |
//! | `Reflector`, `ListWatch` | `watcher`, `reflector` | [`ListWatch`](cache::ListWatch) |
//! | `SharedIndexInformer` | `reflector::store_shared` | [`Builder`](cache::Builder), which makes a [`Reader`](cache::Reader) and a [`Writer`](cache::Writer) |
//! | `TransformFunc` | `modify` | the transform of [`Builder::new`](cache::Builder::new) |
//! | `HasSynced`, `WaitForCacheSync` | `Store::wait_until_ready` | [`Reader::is_synced`](cache::Reader::is_synced), [`wait_synced`](cache::Reader::wait_synced) |
//! | `Indexer`, `Lister` | `Store` | [`Snapshot`](cache::Snapshot) |
//! | `AddIndexers`, `ByIndex` | | [`Builder::index`](cache::Builder::index), [`Snapshot::indexed`](cache::Snapshot::indexed) |
//! | `Lister.List(selector)` | `Store::find` | [`Snapshot::select`](cache::Snapshot::select) |
//! | `GetByKey` | `Store::get` | [`Snapshot::get`](cache::Snapshot::get) |
//! | `AddEventHandler` | `applied_objects`, `touched_objects` | [`Reader::handle`](cache::Reader::handle), [`Subscription`](cache::Subscription) |
//! | resync period | | the `resync` of [`Reader::handle`](cache::Reader::handle); one that asks the API server: [`ListWatch::check_every`](cache::ListWatch::check_every) |
//! | `SetWatchErrorHandler` | the stream's errors | [`ListWatch::on_failure`](cache::ListWatch::on_failure) |
//! | `WithNamespace` | `Api::namespaced` | [`Builder::namespaces`](cache::Builder::namespaces) |
//! | `LastSyncResourceVersion` | | [`Snapshot::resource_version`](cache::Snapshot::resource_version) |
//!
//! # What it needs of the API server
//!
//! Rights: `list` and `watch` for a [`ListWatch`](cache::ListWatch), in each namespace that the cache is of or, for all,
//! in the cluster; `get`, `create`, `update`, `patch` and `delete` for the calls of these names; `list` for
//! [`Writer::refresh`](cache::Writer::refresh). Where a right is lacking, the calls fail as
//! [`NotAllowed`](connector::Reason::NotAllowed), and a list-watch reports that and tries again.
//!
//! Likewise where the resource's definition is missing (the CRD is not installed, or its version is not served): each list
//! is a [`NotFound`](connector::Reason::NotFound), tried again after pauses of 30 s at most, and the cache is not synced
//! until there is one. Of a definition that is deleted later, the cache keeps what it had until the resource can be listed
//! again.
//!
//! Versions have to be numbers that only grow, which Kubernetes guarantees since 1.35, and which those of an API server on
//! etcd have always been ([`ResourceVersion`](object::ResourceVersion)).
//!
//! # Tests without an API server
//!
//! A cache does not care who feeds it: a test does so by hand, with [`Writer::apply`](cache::Writer::apply), and reads its
//! own hand-made history ([`cache`] has an example).

pub mod cache;
pub mod connector;
mod decode;
mod endless;
mod interner;
pub mod metrics;
pub mod object;
pub mod repository;

pub use repository::error;
