//! A typed connector and an indexed, read-your-writes cache for the Kubernetes API.
//!
//! - [`connector`]: typed calls for any resource, with deadlines, limits, and errors that a caller can act on. It does
//!   not depend on the cache.
//! - [`cache`]: an in-memory copy of a resource: indexed, consistent, and serving local writes at once. It does no I/O.
//! - [`ListWatch`], which feeds a cache, and [`CachedClient`], whose writes are visible to the next read, build on
//!   both.
//! - [`metrics`]: Prometheus metrics of all of these.
//!
//! Together:
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::time::Duration;
//!
//! use kube_informer::cache::{Builder, Event};
//! use kube_informer::{CachedClient, ListWatch};
//! use kube_informer::connector::{Connector, Options};
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
//! // The value to keep of each object, and the indexes on it.
//! let mut builder = Builder::new(|map: ConfigMap| map.data.ok_or("it has no data"));
//! let by_team = builder.label("team");
//! let by_key = builder.index("key", |data: &BTreeMap<String, String>| {
//!     data.keys().map(|key| key.as_str().into()).collect()
//! });
//! let (reader, writer) = builder.build();
//!
//! // A list, then a watch, feeds the cache for as long as the process runs.
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
//! // Reads send no request, and each snapshot is of one version. Writes are visible to the next read.
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
//! # let key = kube_informer::object::ObjectKey::new("default", &name);
//! # config_maps.delete(&key, kube::api::Preconditions::default()).await?;
//! # assert!(reader.load().get("default", &name).is_none());
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # For those who know client-go or kube-rs
//!
//! | client-go | kube-rs | here |
//! |---|---|---|
//! | clientset, dynamic client | `Api` | [`ResourceClient`](connector::ResourceClient); with read-your-writes [`CachedClient`] |
//! | `Reflector`, `ListWatch` | `watcher`, `reflector` | [`ListWatch`] |
//! | `SharedIndexInformer` | `reflector::store_shared` | [`Builder`](cache::Builder), which makes a [`Reader`](cache::Reader) and a [`Writer`](cache::Writer) |
//! | `TransformFunc` | `modify` | the transform of [`Builder::new`](cache::Builder::new) |
//! | `HasSynced`, `WaitForCacheSync` | `Store::wait_until_ready` | [`Reader::is_synced`](cache::Reader::is_synced), [`wait_synced`](cache::Reader::wait_synced) |
//! | `Indexer`, `Lister` | `Store` | [`Snapshot`](cache::Snapshot) |
//! | `AddIndexers`, `ByIndex` | | [`Builder::index`](cache::Builder::index), [`Snapshot::indexed`](cache::Snapshot::indexed) |
//! | `Lister.List(selector)` | `Store::find` | [`Snapshot::select`](cache::Snapshot::select) |
//! | `GetByKey` | `Store::get` | [`Snapshot::get`](cache::Snapshot::get) |
//! | `AddEventHandler` | `applied_objects`, `touched_objects` | [`Reader::handle`](cache::Reader::handle), [`Subscription`](cache::Subscription) |
//! | resync period | | the `resync` of [`Reader::handle`](cache::Reader::handle); to compare with the API server: [`ListWatch::check_every`](ListWatch::check_every) |
//! | `SetWatchErrorHandler` | the stream's errors | [`ListWatch::on_failure`](ListWatch::on_failure) |
//! | `WithNamespace` | `Api::namespaced` | [`Builder::namespaces`](cache::Builder::namespaces) |
//! | `LastSyncResourceVersion` | | [`Snapshot::resource_version`](cache::Snapshot::resource_version) |
//!
//! # Requirements on the API server
//!
//! RBAC: a [`ListWatch`] needs `list` and `watch` in each namespace of the cache, or cluster-wide for a cache of all
//! namespaces. Calls need the verbs `get`, `create`, `update`, `patch` and `delete` of the same name, and
//! [`Writer::refresh`](cache::Writer::refresh) needs `list`. Without a right, calls fail with
//! [`NotAllowed`](connector::Reason::NotAllowed), and a list-watch reports the failure and retries.
//!
//! The same holds if the resource does not exist (its CRD is not installed, or does not serve the version): each list
//! fails with [`NotFound`](connector::Reason::NotFound) and is retried after 30 s at most, and the cache is not synced
//! until the resource exists. If the CRD is deleted later, the API server deletes the objects, and the cache follows.
//! It is fed again once the CRD is back.
//!
//! Resource versions must be increasing decimal numbers. Kubernetes guarantees this since 1.35, and an API server on
//! etcd has always complied ([`ResourceVersion`](object::ResourceVersion)).
//!
//! # Tests without an API server
//!
//! Anything can feed a cache. A test calls [`Writer::apply`](cache::Writer::apply) with its own events ([`cache`] has
//! an example). The rules:
//!
//! - An object needs a `name`, a `uid` and a `resourceVersion`. An object that lacks one of them is left out, which is
//!   logged and reported to [`Builder::on_left_out`](cache::Builder::on_left_out).
//! - A list is [`ListStarted`](cache::SourceEvent::ListStarted), [`Listed`](cache::SourceEvent::Listed) for each
//!   object, and [`ListDone`](cache::SourceEvent::ListDone). Without `ListStarted`, the list counts as empty.
//! - A cache of several namespaces is synced once each has been listed, through its writer from
//!   [`Writer::sources`](cache::Writer::sources).
//!
//! # Shutdown
//!
//! [`ListWatch::run`] never returns: abort its task, or let the runtime shut down. Once the last writer of a cache is
//! dropped, waits on its readers fail at once with [`NotYet`](cache::NotYet). Dropping a
//! [`HandlerRegistration`](cache::HandlerRegistration) neither interrupts nor awaits a running call of the handler.

pub mod cache;
mod cached_client;
pub mod connector;
mod decode;
mod endless;
mod interner;
mod list_watch;
pub mod metrics;
pub mod object;

pub use cached_client::CachedClient;
pub use endless::endless;
pub use interner::Interner;
pub use list_watch::{Failure, ListWatch, Origin};

/// Compiles the example in the README as a doctest.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
