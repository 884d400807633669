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

/// Makes a cache: sets the value that it keeps of each object, its indexes, and its namespaces.
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

/// The default number of changes in the journal: minutes of them at dozens of writes a second.
const HISTORY: usize = 8192;

impl<K: kube::Resource, V> Builder<K, V> {
    /// A cache of resource `K` that keeps of each object what `transform` makes of it. An object for which
    /// that fails is logged, counted and left out. Objects come without `metadata.managedFields`
    /// ([`ListWatch`](crate::ListWatch) skips them unread).
    ///
    /// The transform has to depend on the object and nothing else: the cached value of a version is not made anew. It
    /// runs while other writes wait, so it must neither wait nor call the cache's writer. A panic in it is a
    /// refusal.
    ///
    /// The `types` of a [`DynamicObject`](kube::api::DynamicObject) do not belong to the object in this sense: in a list in pages,
    /// the API server leaves them out.
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

    /// Adds an index, which files each value under the keys that `keys` gives: none, one or several. It has
    /// to give the same keys for the same value every time, and must not call the cache's writer. A panic in it refuses the
    /// object, as one in the transform does.
    ///
    /// Code without the [`Index`] finds it by its name ([`Snapshot::index`](super::Snapshot::index)).
    pub fn index(
        &mut self,
        name: impl Into<Arc<str>>,
        keys: impl Fn(&V) -> Vec<Arc<str>> + Send + Sync + 'static,
    ) -> Index {
        self.add(name.into(), IndexKeys::OfValue(Box::new(keys)))
    }

    /// Keeps the label of this key of every object, and adds an index by its value, named as the label.
    /// [`Snapshot::select`](super::Snapshot::select) uses it too.
    pub fn label(&mut self, key: impl Into<Arc<str>>) -> Index {
        let key = key.into();
        self.labels.push(Arc::clone(&key));
        self.add(key, IndexKeys::OfLabel)
    }

    /// Keeps a text of each object, which `text` gives, for [`Snapshot::search`](super::Snapshot::search). It has to give the
    /// same text for the same object every time, and must not call the cache's writer. A panic in it refuses the object, as
    /// one in the transform does.
    ///
    /// A text takes its own length and some bytes of memory: the texts of neighbours are one piece.
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

    /// Makes it a cache of these namespaces only; each is listed and watched by itself, so that rights in them
    /// are enough. None: all namespaces. Empty names are left out.
    #[must_use]
    pub fn namespaces<N: Into<Arc<str>>>(mut self, namespaces: impl IntoIterator<Item = N>) -> Self {
        self.namespaces = namespaces.into_iter().map(Into::into).collect();
        self.namespaces.retain(|namespace| !namespace.is_empty());
        self.namespaces.sort();
        self.namespaces.dedup();
        self
    }

    /// Sets the number of changes in the journal ([`Confirmed`](super::Confirmed)) of each source; 8192 by default. Each change keeps
    /// the object alive that it replaced, so there are no more of them than objects, or 1024.
    #[must_use]
    pub fn history(mut self, changes: usize) -> Self {
        self.history = changes;
        self
    }

    /// Counts the cache's events under this resource's name. A cache that a [`ListWatch`](crate::ListWatch) feeds needs no
    /// call: it counts in the connector's metrics. Of several caches of one resource, give each a name of its own; without one
    /// they overwrite each other's numbers.
    #[must_use]
    pub fn metrics(mut self, metrics: &Metrics, resource: &str) -> Self {
        self.metrics = metrics.cache(resource).into();
        self
    }

    /// Calls `hook` with every object that is left out of the cache, each time it comes and wherever it comes from: a list,
    /// the watch, the response to a local write. This is logged and counted in any case. The task that writes to the cache
    /// calls the hook after the write; the hook must not block. A panic in it is logged.
    #[must_use]
    pub fn on_left_out(mut self, hook: impl Fn(&LeftOut) + Send + Sync + 'static) -> Self {
        self.on_left_out = Arc::new(hook);
        self
    }

    /// The empty cache: its reading and its writing side.
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
