//! The builder of a cache.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::ages::Ages;
use super::contents::{CacheNumber, Contents, Declaration, Index, IndexKeys};
use super::labels::{Keeper, Kept};
use super::state::State;
use super::transform::{BoxError, LeftOut, LeftOutHook, Maker, Text, Transform};
use super::{Reader, Shared, Writer};
use crate::metrics::{CacheMetrics, Metrics};

/// Builds a cache, from the value that it keeps of each object, its indexes, and its namespaces.
pub struct Builder<K, V> {
    number: CacheNumber,
    transform: Transform<K, V>,
    text: Option<Text<K>>,
    indexes: Vec<Declaration<V>>,
    labels: Vec<Arc<str>>,
    keeps_all_labels: bool,
    namespaces: Vec<Arc<str>>,
    history: usize,
    metrics: OnceLock<CacheMetrics>,
    on_left_out: Arc<LeftOutHook>,
}

/// The default number of changes in the journal: some minutes at dozens of writes per second.
const HISTORY: usize = 8192;

impl<K: kube::Resource, V> Builder<K, V> {
    /// Returns a builder of a cache of resource `K`, which keeps the result of `transform` for each object. An object
    /// that the transform refuses is logged, counted and left out. Objects come without `metadata.managedFields`
    /// ([`ListWatch`](crate::ListWatch) skips them unparsed).
    ///
    /// The transform must depend on nothing but the object: the cached value of a version is not recomputed. It runs
    /// under the lock for writes, so it must neither block nor call the cache's writer. A panic in it counts as a
    /// refusal.
    ///
    /// The `types` of a [`DynamicObject`](kube::api::DynamicObject) do not count as part of the object: the API server
    /// omits them in a paginated list.
    pub fn new<E: Into<BoxError>>(transform: impl Fn(K) -> Result<V, E> + Send + Sync + 'static) -> Self {
        Self {
            number: CacheNumber::next(),
            transform: Arc::new(move |object| transform(object).map_err(Into::into)),
            text: None,
            indexes: Vec::new(),
            labels: Vec::new(),
            keeps_all_labels: false,
            namespaces: Vec::new(),
            history: HISTORY,
            metrics: OnceLock::new(),
            on_left_out: Arc::new(|_| {}),
        }
    }

    /// Adds an index, which files each value under the keys that `keys` returns: none, one or several. `keys` must
    /// always return the same keys for the same value, and must not call the cache's writer. A panic in it refuses the
    /// object, like a panic in the transform.
    ///
    /// Code without the [`Index`] can look it up by name ([`Snapshot::index`](super::Snapshot::index)).
    pub fn index(
        &mut self,
        name: impl Into<Arc<str>>,
        keys: impl Fn(&V) -> Vec<Arc<str>> + Send + Sync + 'static,
    ) -> Index {
        self.add(name.into(), IndexKeys::OfValue(Box::new(keys)))
    }

    /// Keeps the label with this key of every object, and adds an index of its values, named after the label.
    /// [`Snapshot::select`](super::Snapshot::select) uses the index too.
    pub fn label(&mut self, key: impl Into<Arc<str>>) -> Index {
        let key = key.into();
        self.labels.push(Arc::clone(&key));
        self.add(key, IndexKeys::OfLabel)
    }

    /// Keeps the text of each object that `text` returns, for [`Snapshot::search`](super::Snapshot::search). `text`
    /// must always return the same text for the same object, and must not call the cache's writer. A panic in it
    /// refuses the object, like a panic in the transform.
    ///
    /// A text takes its length in memory and some bytes more: neighbouring texts share an allocation.
    #[must_use]
    pub fn text(mut self, text: impl Fn(&K) -> String + Send + Sync + 'static) -> Self {
        self.text = Some(Arc::new(text));
        self
    }

    /// Keeps all labels of every object, for [`Snapshot::select`](super::Snapshot::select).
    #[must_use]
    pub fn labels(mut self) -> Self {
        self.keeps_all_labels = true;
        self
    }

    /// Restricts the cache to these namespaces. Each is listed and watched separately, so rights in these namespaces
    /// suffice. Without any name, the cache covers all namespaces. Empty names are ignored.
    #[must_use]
    pub fn namespaces<N: Into<Arc<str>>>(mut self, namespaces: impl IntoIterator<Item = N>) -> Self {
        self.namespaces = namespaces.into_iter().map(Into::into).collect();
        self.namespaces.retain(|namespace| !namespace.is_empty());
        self.namespaces.sort();
        self.namespaces.dedup();
        self
    }

    /// Sets the maximum number of changes in the journal ([`Confirmed`](super::Confirmed)) of each source; 8192 by
    /// default. Each change keeps the object alive that it replaced, so a journal never has more changes than there are
    /// objects, or 1024 if there are fewer objects.
    #[must_use]
    pub fn history(mut self, changes: usize) -> Self {
        self.history = changes;
        self
    }

    /// Counts the cache's events under this resource name. A cache that a [`ListWatch`](crate::ListWatch) feeds does
    /// not need this: it counts in the connector's metrics. Several caches of one resource need distinct names, or they
    /// overwrite each other's numbers.
    #[must_use]
    pub fn metrics(mut self, metrics: &Metrics, resource: &str) -> Self {
        self.metrics = metrics.cache(resource).into();
        self
    }

    /// Calls `hook` for every object that is left out of the cache, each time it arrives: in a list, from the watch, or
    /// in the response to a local write. Such objects are logged and counted in any case. The writing task calls the
    /// hook after the write, so the hook must not block. A panic in it is logged.
    #[must_use]
    pub fn on_left_out(mut self, hook: impl Fn(&LeftOut) + Send + Sync + 'static) -> Self {
        self.on_left_out = Arc::new(hook);
        self
    }

    /// Builds the cache, which is empty, and returns its reader and its writer.
    #[must_use]
    pub fn build(self) -> (Reader<V>, Writer<K, V>) {
        let kept = if self.keeps_all_labels {
            Kept::All
        } else {
            Kept::These(self.labels.into())
        };
        let contents = Contents::new(
            self.number,
            self.indexes.into(),
            kept.clone(),
            self.text.is_some(),
        );
        let state = State::new(contents, &self.namespaces, self.history);
        let (sender, published) = watch::channel(());
        let shared = Arc::new(Shared {
            current: ArcSwap::from_pointee(state.snapshot()),
            published,
            ages: Ages::new(state.namespaces()),
            metrics: self.metrics,
        });
        let writer = Writer::new(
            Arc::clone(&shared),
            state,
            Maker {
                transform: self.transform,
                text: self.text,
            },
            self.on_left_out,
            Keeper::new(kept),
            sender,
        );
        (Reader { shared }, writer)
    }

    fn add(&mut self, name: Arc<str>, keys: IndexKeys<V>) -> Index {
        self.indexes.push(Declaration { name, keys });
        Index {
            cache: self.number,
            number: self.indexes.len() - 1,
        }
    }
}
