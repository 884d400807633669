//! The same books for two caches: ours, as the APIs use it, and kube-rs' `reflector::Store`.

// Each benchmark uses a part of this.
#![allow(dead_code)]

use bookshelf_crd::{Book, BookSpec, labels};
use bookshelf_store::cache::{Builder, Index, Reader, SourceEvent, Writer};
use kube::ResourceExt as _;
use kube::runtime::reflector::{self, Store};
use kube::runtime::watcher;
use serde::Serialize;

pub(crate) const NAMESPACES: usize = 50;

/// The category that is listed: a fifth of all books have it.
pub(crate) const CATEGORY: &str = "category-2";

/// The body of the answer to a `GET` of a book: all that our cache keeps of it.
pub(crate) type Json = Box<[u8]>;

pub(crate) fn namespace(number: usize) -> String {
    format!("library-{:02}", number % NAMESPACES)
}

pub(crate) fn name(number: usize) -> String {
    format!("book-{number:07}")
}

/// A book as the API server sends it, with half a KiB of description.
pub(crate) fn book(number: usize) -> Book {
    changed(number, number + 1)
}

/// The same book at another version.
pub(crate) fn changed(number: usize, version: usize) -> Book {
    let spec = BookSpec {
        author: format!("Author {}", number % 997),
        title: format!("Title of book {number} at {version}"),
        description: Some("x".repeat(512)),
    };
    let mut book = Book::new(&name(number), spec);
    let category = format!("category-{}", number / NAMESPACES % 5);
    let labels = [
        (labels::CATEGORY, category.as_str()),
        (labels::MANAGED_BY, labels::MANAGED_BY_BOOKSHELF),
    ];
    book.metadata.labels = Some(
        labels
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
    );
    book.metadata.namespace = Some(namespace(number));
    book.metadata.uid = Some(format!("3b241101-e2bb-4255-8caf-{number:012x}"));
    book.metadata.resource_version = Some(version.to_string());
    book
}

/// Returns this many books, in the order in which an API server lists them: by namespace and name.
pub(crate) fn listed(size: usize) -> impl Iterator<Item = Book> {
    let numbers = (0..NAMESPACES).flat_map(move |first| (first..size).step_by(NAMESPACES));
    numbers.map(book)
}

#[derive(Serialize)]
struct View<'a> {
    id: Option<&'a str>,
    namespace_id: Option<&'a str>,
    category_id: Option<&'a String>,
    #[serde(flatten)]
    book: &'a BookSpec,
}

/// The cache of this crate, with an index by category.
pub(crate) struct OurCache {
    pub(crate) reader: Reader<Json>,
    pub(crate) writer: Writer<Book, Json>,
    by_category: Index,
}

impl OurCache {
    pub(crate) fn empty() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(options: impl FnOnce(Builder<Book, Json>) -> Builder<Book, Json>) -> Self {
        let builder = Builder::new(|book: Book| {
            let view = View {
                id: book.metadata.name.as_deref(),
                namespace_id: book.metadata.namespace.as_deref(),
                category_id: book.labels().get(labels::CATEGORY),
                book: &book.spec,
            };
            serde_json::to_vec(&view).map(Vec::into_boxed_slice)
        });
        let mut builder = options(builder);
        let by_category = builder.label(labels::CATEGORY);
        let (reader, writer) = builder.build();
        Self {
            reader,
            writer,
            by_category,
        }
    }

    pub(crate) fn full(size: usize) -> Self {
        let cache = Self::empty();
        cache.list(listed(size));
        cache
    }

    pub(crate) fn list(&self, books: impl IntoIterator<Item = Book>) {
        self.writer.apply([SourceEvent::ListStarted]);
        let mut last = 0;
        self.writer.apply(books.into_iter().map(|book| {
            last += 1;
            SourceEvent::Listed(book)
        }));
        let version = (last + 1).to_string().parse().expect("a version");
        self.writer.apply([SourceEvent::ListDone(version)]);
    }

    /// Counts the books of the category in a namespace by visiting each, as a list does.
    pub(crate) fn of_category(&self, namespace: &str) -> usize {
        let snapshot = self.reader.load();
        let books = snapshot.indexed_in(self.by_category, CATEGORY, namespace);
        books.filter(|book| !book.value.is_empty()).count()
    }
}

/// kube-rs' cache.
pub(crate) struct KubeCache {
    pub(crate) store: Store<Book>,
    pub(crate) writer: reflector::store::Writer<Book>,
}

impl KubeCache {
    pub(crate) fn empty() -> Self {
        let (store, writer) = reflector::store();
        Self { store, writer }
    }

    pub(crate) fn full(size: usize) -> Self {
        let mut cache = Self::empty();
        cache.list(listed(size));
        cache
    }

    pub(crate) fn list(&mut self, books: impl IntoIterator<Item = Book>) {
        self.writer.apply_watcher_event(&watcher::Event::Init);
        for book in books {
            self.writer.apply_watcher_event(&watcher::Event::InitApply(book));
        }
        self.writer.apply_watcher_event(&watcher::Event::InitDone);
    }

    pub(crate) fn of_category(&self, namespace: &str) -> usize {
        let is_meant = |book: &Book| {
            book.metadata.namespace.as_deref() == Some(namespace)
                && book
                    .labels()
                    .get(labels::CATEGORY)
                    .is_some_and(|category| category == CATEGORY)
        };
        self.store.state_filter(is_meant).len()
    }
}
