//! The objects of a cache and its indexes, in persistent sets: a clone costs nothing, and a change copies only the path
//! to it.

mod index;
mod order;
mod texts;

use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use imbl::ordset::DiffItem;
use imbl::{OrdMap, OrdSet};

use super::labels::{Kept, Labels};
use super::search::Search;
use crate::object::{ObjectKey, ResourceVersion, Uid};
pub use index::Index;
pub(super) use index::{CacheNumber, Declaration, IndexKeys};
pub(super) use order::{ByIndex, ByKey, IndexProbe, KeyProbe};
pub(super) use texts::TextHash;
use texts::Texts;

/// A cached object: its metadata, and the value that the transform made of it.
#[derive(Debug)]
pub struct Entry<V> {
    /// Namespace and name.
    pub key: ObjectKey,
    /// The object's uid.
    pub uid: Uid,
    /// The object's version.
    pub resource_version: ResourceVersion,
    /// The object's labels that the cache keeps.
    pub labels: Labels,
    /// The value that the transform made of the object.
    pub value: V,
    /// A hash of the object's text, so that an event that leaves the text unchanged need not find its page.
    pub(super) text_hash: TextHash,
}

/// An object on its way into the contents, with its text, if the cache keeps texts.
pub(super) struct Item<V> {
    pub(super) entry: Arc<Entry<V>>,
    pub(super) text: Option<String>,
}

impl<V> Clone for Item<V> {
    fn clone(&self) -> Self {
        Self {
            entry: Arc::clone(&self.entry),
            text: self.text.clone(),
        }
    }
}

/// A part of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// All of it.
    All,
    /// The objects of a namespace.
    Namespace(&'a str),
    /// One object, if it exists.
    Object {
        /// Its namespace; empty for a cluster-scoped object.
        namespace: &'a str,
        /// Its name.
        name: &'a str,
    },
}

impl<'a> Part<'a> {
    /// The namespace of the part; `None` for all namespaces.
    pub(crate) fn namespace(self) -> Option<&'a str> {
        match self {
            Part::All => None,
            Part::Namespace(namespace) | Part::Object { namespace, .. } => Some(namespace),
        }
    }
}

/// The state of a namespace as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamespaceState {
    /// The number of its objects.
    pub objects: usize,
    /// Changes to a number never used before whenever an object of the namespace is added, changed or removed: two
    /// snapshots of a process with the same generation have the same objects in the namespace.
    pub generation: u64,
}

/// Returns a number that is never returned again in this process.
fn next_generation() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

pub(super) struct Contents<V> {
    pub(super) objects: OrdSet<ByKey<V>>,
    /// The namespaces that have objects.
    pub(super) namespaces: OrdMap<Arc<str>, NamespaceState>,
    pub(super) indexes: Vec<OrdSet<ByIndex<V>>>,
    /// The text of each object, if the cache keeps texts.
    texts: Option<Texts>,
    cache: CacheNumber,
    declarations: Arc<[Declaration<V>]>,
    /// The labels that entries keep.
    pub(super) kept: Kept,
}

impl<V> Contents<V> {
    pub(super) fn new(
        cache: CacheNumber,
        declarations: Arc<[Declaration<V>]>,
        kept: Kept,
        has_texts: bool,
    ) -> Self {
        let indexes = declarations.iter().map(|_| OrdSet::new()).collect();
        Self {
            objects: OrdSet::new(),
            namespaces: OrdMap::new(),
            indexes,
            texts: has_texts.then(Texts::default),
            cache,
            declarations,
            kept,
        }
    }

    /// Calls every index for a value that is not inserted yet: an index that panics does so before anything is changed.
    pub(super) fn try_indexes(&self, value: &V) {
        for declaration in self.declarations.iter() {
            if let IndexKeys::OfValue(keys) = &declaration.keys {
                keys(value);
            }
        }
    }

    /// Returns empty contents with the same indexes.
    pub(super) fn emptied(&self) -> Self {
        Self::new(
            self.cache,
            Arc::clone(&self.declarations),
            self.kept.clone(),
            self.texts.is_some(),
        )
    }

    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<&Arc<Entry<V>>> {
        self.objects
            .get(&KeyProbe { namespace, name })
            .map(|slot| &slot.0)
    }

    /// The objects after a key. No object has an empty name: with an empty name, these are all objects of the namespace
    /// and of later ones.
    pub(super) fn after(&self, namespace: &str, name: &str) -> impl Iterator<Item = &Arc<Entry<V>>> {
        let place = KeyProbe { namespace, name };
        let range = (Bound::Excluded(&place), Bound::Unbounded);
        self.objects.range::<_, KeyProbe<'_>>(range).map(|slot| &slot.0)
    }

    /// The objects of a part.
    pub(super) fn part(&self, part: Part<'_>) -> impl Iterator<Item = &Arc<Entry<V>>> {
        let one = match part {
            Part::Object { namespace, name } => Some(self.get(namespace, name)),
            Part::All | Part::Namespace(_) => None,
        };
        let is_many = one.is_none();
        let namespace = part.namespace();
        let many = self
            .after(namespace.unwrap_or_default(), "")
            .take_while(move |entry| {
                is_many && namespace.is_none_or(|namespace| entry.key.namespace() == namespace)
            });
        one.flatten().into_iter().chain(many)
    }

    /// The copy of this namespace's name that its objects share.
    pub(super) fn shared_namespace(&self, namespace: &str) -> Option<&Arc<str>> {
        self.namespaces.get_key_value(namespace).map(|(shared, _)| shared)
    }

    /// Returns an object with its text, to insert into other contents.
    pub(super) fn item(&self, entry: &Arc<Entry<V>>) -> Item<V> {
        let texts = self.texts.as_ref();
        let text = texts.and_then(|texts| texts.get(&self.objects, entry));
        Item {
            entry: Arc::clone(entry),
            text: text.map(str::to_owned),
        }
    }

    /// The address of an object's text, which shows whether a change has copied its page.
    #[cfg(test)]
    pub(super) fn text_address(&self, entry: &Arc<Entry<V>>) -> Option<usize> {
        let text = self.texts.as_ref()?.get(&self.objects, entry)?;
        Some(text.as_ptr().addr())
    }

    /// The objects of a namespace, or of all, after a key, whose texts match the search; `None` without texts.
    pub(super) fn search<'a>(
        &'a self,
        search: &'a Search,
        namespace: Option<&'a str>,
        after: &KeyProbe<'_>,
    ) -> Option<impl Iterator<Item = &'a Arc<Entry<V>>> + use<'a, V>> {
        let texts = self.texts.as_ref()?;
        Some(texts.search(&self.objects, search, namespace, after))
    }

    /// Inserts an object, in place of any with the same key.
    pub(super) fn insert(&mut self, Item { entry, text }: Item<V>) {
        let before = self.take_out(entry.key.namespace(), entry.key.name());
        for (index, declaration) in self.indexes.iter_mut().zip(self.declarations.iter()) {
            for value in declaration.keys(&entry) {
                index.insert(ByIndex {
                    value,
                    entry: Arc::clone(&entry),
                });
            }
        }
        self.count(&entry, |objects| objects + 1);
        self.objects.insert(ByKey(Arc::clone(&entry)));
        let has_same_text = |before: &Arc<Entry<V>>| before.text_hash == entry.text_hash;
        if let Some(texts) = &mut self.texts
            && !before.as_ref().is_some_and(has_same_text)
        {
            texts.put(&self.objects, &entry, before.is_none(), &text.unwrap_or_default());
        }
    }

    pub(super) fn remove(&mut self, namespace: &str, name: &str) -> Option<Arc<Entry<V>>> {
        if let Some(texts) = &mut self.texts {
            let ByKey(entry) = self.objects.get(&KeyProbe { namespace, name })?;
            texts.remove(&self.objects, entry);
        }
        self.take_out(namespace, name)
    }

    /// Removes an object from everything but the texts.
    fn take_out(&mut self, namespace: &str, name: &str) -> Option<Arc<Entry<V>>> {
        let ByKey(entry) = self.objects.remove(&KeyProbe { namespace, name })?;
        for (index, declaration) in self.indexes.iter_mut().zip(self.declarations.iter()) {
            for value in declaration.keys(&entry) {
                index.remove(&IndexProbe {
                    value: &value,
                    namespace,
                    name,
                });
            }
        }
        self.count(&entry, |objects| objects - 1);
        Some(entry)
    }

    pub(super) fn index(&self, name: &str) -> Option<Index> {
        let mut declarations = self.declarations.iter();
        let number = declarations.position(|declaration| *declaration.name == *name)?;
        Some(self.numbered(number))
    }

    fn numbered(&self, number: usize) -> Index {
        let cache = self.cache;
        Index { cache, number }
    }

    /// Returns all objects that an index files, each with the values under which it is filed.
    pub(super) fn all_of(&self, index: Index) -> &OrdSet<ByIndex<V>> {
        &self.indexes[self.place(index)]
    }

    /// Returns the position of an index. Panics if it is an index of another cache.
    fn place(&self, index: Index) -> usize {
        assert!(
            index.cache == self.cache,
            "the index was declared by the builder of another cache"
        );
        index.number
    }

    /// The objects of a namespace, or of all, that an index files under a value.
    pub(super) fn indexed(
        &self,
        index: Index,
        value: &str,
        namespace: Option<&str>,
    ) -> impl Iterator<Item = &Arc<Entry<V>>> {
        let place = IndexProbe {
            value,
            namespace: namespace.unwrap_or_default(),
            name: "",
        };
        let range = (Bound::Excluded(&place), Bound::Unbounded);
        let is_meant = move |slot: &&ByIndex<V>| {
            *slot.value == *value && namespace.is_none_or(|namespace| slot.entry.key.namespace() == namespace)
        };
        self.all_of(index)
            .range::<_, IndexProbe<'_>>(range)
            .take_while(is_meant)
            .map(|slot| &slot.entry)
    }

    /// Returns true if an index files this entry under a value.
    pub(super) fn files(&self, index: Index, value: &str, entry: &Entry<V>) -> bool {
        let keys = self.declarations[self.place(index)].keys(entry);
        keys.iter().any(|key| **key == *value)
    }

    pub(super) fn label_index(&self, label: &str) -> Option<Index> {
        let mut declarations = self.declarations.iter();
        let is_it = |declaration: &Declaration<V>| {
            matches!(declaration.keys, IndexKeys::OfLabel) && *declaration.name == *label
        };
        declarations.position(is_it).map(|number| self.numbered(number))
    }

    /// Replaces the contents of a namespace by those in `with`.
    pub(super) fn replace_namespace(&mut self, namespace: &str, with: &Self) {
        let gone: Vec<_> = self
            .part(Part::Namespace(namespace))
            .filter(|entry| with.get(namespace, entry.key.name()).is_none())
            .map(|entry| entry.key.clone())
            .collect();
        for key in gone {
            self.remove(namespace, key.name());
        }
        for ByKey(entry) in &with.objects {
            let current = self.get(namespace, entry.key.name());
            if current.is_none_or(|current| !Arc::ptr_eq(current, entry)) {
                self.insert(with.item(entry));
            }
        }
    }

    /// Updates the number of objects and the generation of the entry's namespace.
    fn count(&mut self, entry: &Entry<V>, count: impl FnOnce(usize) -> usize) {
        let before = self
            .namespaces
            .get(entry.key.namespace())
            .map_or(0, |state| state.objects);
        match count(before) {
            0 => drop(self.namespaces.remove(entry.key.namespace())),
            objects => {
                let state = NamespaceState {
                    objects,
                    generation: next_generation(),
                };
                self.namespaces
                    .insert(Arc::clone(entry.key.shared_namespace()), state);
            }
        }
    }
}

/// Returns the number of objects that are in only one of the sets, or differ in version.
pub(super) fn count_differences<V>(old: &OrdSet<ByKey<V>>, new: &OrdSet<ByKey<V>>) -> usize {
    let mut last: Option<&ObjectKey> = None;
    let changed = old.diff(new).filter(|item| {
        let (DiffItem::Add(slot) | DiffItem::Remove(slot)) = item;
        // A changed object appears as a removal and an addition next to each other.
        last.replace(&slot.0.key) != Some(&slot.0.key)
    });
    changed.count()
}

impl<V> Clone for Contents<V> {
    fn clone(&self) -> Self {
        Self {
            objects: self.objects.clone(),
            namespaces: self.namespaces.clone(),
            indexes: self.indexes.clone(),
            texts: self.texts.clone(),
            cache: self.cache,
            declarations: Arc::clone(&self.declarations),
            kept: self.kept.clone(),
        }
    }
}
