//! Lists of books and loans, each one consistent answer.

use std::sync::Arc;

use bookshelf_crd::rules::Rule;

use super::Repository;
use super::books::CachedBook;
use super::error::{Error, Field, Invalid, Missing};
use super::model::{BookKey, Borrower, Category, Loan, Namespace, Tenant};
use super::search::Terms;
use crate::cache::{Entry, Search, Snapshot};

/// The state of the caches that a list was made from. In one process, lists of the same generation, namespace and
/// filter are equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Generation {
    /// The state of the books, if the list depends on them.
    pub books: Contents,
    /// The state of the loans, likewise.
    pub loans: Contents,
}

/// The state of a resource, in one namespace or in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The number of the latest change to the objects that exist; 0 if there are none.
    pub latest: u64,
    /// The number of objects.
    pub objects: usize,
}

impl Contents {
    fn of<V>(snapshot: &Snapshot<V>, namespaces: Namespaces<'_>) -> Self {
        let state = |state: crate::cache::NamespaceState| Self {
            latest: state.generation,
            objects: state.objects,
        };
        // The number of a namespace disappears with its last object. The rest then has the same latest number or an
        // older one, but fewer objects.
        let reduce = |all: Self, next: Self| Self {
            latest: all.latest.max(next.latest),
            objects: all.objects + next.objects,
        };
        match namespaces {
            Namespaces::One(namespace) => snapshot.namespace(namespace.as_str()).map(state),
            Namespaces::All => snapshot
                .namespaces()
                .map(|(_, of_namespace)| state(of_namespace))
                .reduce(reduce),
            Namespaces::Only(namespaces) => namespaces
                .iter()
                .filter_map(|namespace| snapshot.namespace(namespace).map(state))
                .reduce(reduce),
        }
        .unwrap_or_default()
    }
}

/// The namespaces of a list.
#[derive(Clone, Copy, Debug)]
pub enum Namespaces<'a> {
    /// One namespace.
    One(Namespace<'a>),
    /// All namespaces.
    All,
    /// Some namespaces, in order: those that a caller may see.
    Only(&'a [Box<str>]),
}

impl<'a> Namespaces<'a> {
    /// Returns the namespace, if it is only one.
    #[must_use]
    pub fn one(self) -> Option<Namespace<'a>> {
        match self {
            Self::One(namespace) => Some(namespace),
            Self::All | Self::Only(_) => None,
        }
    }
}

/// A place in the order of lists, which is by namespace, then id. The default is before all objects.
///
/// A list after a place has the objects after it, whether or not an object exists at the place itself. A client that
/// continues after the last object that it has seen misses no object that stays, and gets none twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place<'a> {
    /// The namespace.
    pub namespace: &'a str,
    /// The book's id. Empty: before all books of the namespace.
    pub id: &'a str,
}

impl<'a> Place<'a> {
    /// Returns the place of a cached object.
    pub fn of<T>(entry: &'a Entry<T>) -> Self {
        Self {
            namespace: entry.key.namespace(),
            id: entry.key.name(),
        }
    }
}

type Books<'a, V> = Box<dyn Iterator<Item = &'a Arc<Entry<CachedBook<V>>>> + 'a>;

/// The books of these namespaces, of one category or of all, optionally filtered by a search.
pub struct BookList<'a, V> {
    repository: &'a Repository<V>,
    books: Arc<Snapshot<CachedBook<V>>>,
    namespaces: Namespaces<'a>,
    category: Option<Category<'a>>,
    /// The search, which includes the category.
    search: Option<Search>,
    after: Place<'a>,
}

impl<'a, V> BookList<'a, V> {
    /// Keeps the books after this place, which must be in the namespace of the list if the list has only one.
    #[must_use]
    pub fn after(self, after: Place<'a>) -> Self {
        Self { after, ..self }
    }

    /// Keeps the books that match all terms. Fails if the repository keeps no texts.
    pub fn with_terms(self, terms: &Terms) -> Result<Self, Error> {
        let can_search = self.repository.options.search;
        Invalid::check(Field::Query, can_search.then_some(()).ok_or(Rule::NoSearch))?;
        Ok(Self {
            search: Some(terms.search(self.category)),
            ..self
        })
    }

    /// Returns the generation of the list.
    #[must_use]
    pub fn generation(&self) -> Generation {
        Generation {
            books: Contents::of(&self.books, self.namespaces),
            loans: Contents::default(),
        }
    }

    /// Returns the books, ordered by namespace, then id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Entry<CachedBook<V>>>> {
        let by_category = self.repository.by_category;
        let (books, after) = (&self.books, self.after);
        let category = self.category.map(Category::as_str);
        let search = self.search.as_ref();
        let in_one = move |namespace, id| -> Books<'_, V> {
            match (search, category) {
                (Some(search), _) => {
                    let found = books.search_after(search, Some(namespace), namespace, id);
                    Box::new(found.into_iter().flatten())
                }
                (None, None) => Box::new(books.namespaced_after(namespace, id)),
                (None, Some(category)) => {
                    Box::new(books.indexed_in_after(by_category, category, namespace, id))
                }
            }
        };
        let iter: Books<'_, V> = match (self.namespaces, search, category) {
            (Namespaces::One(namespace), ..) => in_one(namespace.as_str(), after.id),
            (Namespaces::All, Some(search), _) => {
                let found = books.search_after(search, None, after.namespace, after.id);
                Box::new(found.into_iter().flatten())
            }
            (Namespaces::All, None, None) => Box::new(books.iter_after(after.namespace, after.id)),
            (Namespaces::All, None, Some(category)) => {
                Box::new(books.indexed_after(by_category, category, after.namespace, after.id))
            }
            (Namespaces::Only(namespaces), ..) => {
                let later = namespaces
                    .iter()
                    .filter(move |namespace| &***namespace >= after.namespace);
                Box::new(later.flat_map(move |namespace| {
                    let is_first = &**namespace == after.namespace;
                    in_one(namespace, if is_first { after.id } else { "" })
                }))
            }
        };
        iter
    }

    /// Adds the loan of each book.
    #[must_use]
    pub fn with_loans(self) -> LendingList<'a, V> {
        LendingList {
            loans: self.repository.loans.reader.snapshot(),
            books: self,
        }
    }
}

/// A book, and its loan, if it is on loan.
pub type Lending<'a, V> = (&'a Arc<Entry<CachedBook<V>>>, Option<&'a Entry<Loan>>);

/// Books, each with its loan. Leftovers do not count.
pub struct LendingList<'a, V> {
    books: BookList<'a, V>,
    loans: Arc<Snapshot<Loan>>,
}

impl<V> LendingList<'_, V> {
    /// Returns the generation of the list.
    #[must_use]
    pub fn generation(&self) -> Generation {
        Generation {
            loans: Contents::of(&self.loans, self.books.namespaces),
            ..self.books.generation()
        }
    }

    /// Returns the books, ordered by namespace, then id.
    pub fn iter(&self) -> impl Iterator<Item = Lending<'_, V>> {
        self.books.iter().map(|book| {
            let loan = self.loans.get(book.key.namespace(), book.key.name());
            let loan = loan.filter(|loan| !loan.value.is_left_over(&book.uid));
            (book, loan.map(Arc::as_ref))
        })
    }
}

/// The namespaces that have books.
pub struct NamespaceList<'a, V> {
    books: Arc<Snapshot<CachedBook<V>>>,
    namespaces: Namespaces<'a>,
}

impl<V> NamespaceList<'_, V> {
    /// Returns the generation of the list.
    #[must_use]
    pub fn generation(&self) -> Generation {
        Generation {
            books: Contents::of(&self.books, self.namespaces),
            loans: Contents::default(),
        }
    }

    /// Returns the id and the number of books of each namespace after a place, ordered by id.
    pub fn iter_after(&self, after: Place<'_>) -> impl Iterator<Item = (&str, usize)> {
        let namespaces = self.books.namespaces_after(after.namespace);
        let is_visible = |namespace: &str| match self.namespaces {
            Namespaces::All => true,
            Namespaces::One(one) => one.as_str() == namespace,
            Namespaces::Only(only) => only
                .binary_search_by(|visible| (**visible).cmp(namespace))
                .is_ok(),
        };
        let visible = namespaces.filter(move |(id, _)| is_visible(id));
        visible.map(|(id, state)| (id, state.objects))
    }
}

/// The loans of a namespace, of one tenant or of all, without leftovers.
pub struct LoanList<'a, V> {
    repository: &'a Repository<V>,
    loans: Arc<Snapshot<Loan>>,
    books: Arc<Snapshot<CachedBook<V>>>,
    namespace: Namespace<'a>,
    borrower: Option<Borrower<'a>>,
    after: Place<'a>,
}

impl<'a, V> LoanList<'a, V> {
    /// Keeps the loans after this place, which must be in the namespace of the list.
    #[must_use]
    pub fn after(self, after: Place<'a>) -> Self {
        Self { after, ..self }
    }

    /// Returns the generation of the list.
    #[must_use]
    pub fn generation(&self) -> Generation {
        Generation {
            books: Contents::of(&self.books, Namespaces::One(self.namespace)),
            loans: Contents::of(&self.loans, Namespaces::One(self.namespace)),
        }
    }

    /// Returns the loans, ordered by the ids of their books.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Entry<Loan>>> {
        let namespace = self.namespace.as_str();
        let loans: Box<dyn Iterator<Item = _> + '_> = match self.borrower {
            None => Box::new(self.loans.namespaced_after(namespace, self.after.id)),
            Some(borrower) => {
                let (by_tenant, borrower) = (self.repository.by_tenant, borrower.as_str());
                Box::new(
                    self.loans
                        .indexed_in_after(by_tenant, borrower, namespace, self.after.id),
                )
            }
        };
        loans.filter(|loan| {
            let book = self.books.get(namespace, loan.key.name());
            !book.is_some_and(|book| loan.value.is_left_over(&book.uid))
        })
    }
}

impl<V: Send + Sync + 'static> Repository<V> {
    /// Returns the cached books of these namespaces; empty for a namespace that does not exist. A namespace that the
    /// repository does not serve is [`Error::NotFound`].
    pub fn books<'a>(
        &'a self,
        namespaces: Namespaces<'a>,
        category: Option<Category<'a>>,
    ) -> Result<BookList<'a, V>, Error> {
        if let Namespaces::One(namespace) = namespaces {
            self.check_namespace(namespace.as_str())?;
        }
        Ok(BookList {
            repository: self,
            books: self.books.reader.snapshot(),
            namespaces,
            category,
            search: None,
            after: Place::default(),
        })
    }

    /// Returns the namespaces that have cached books, out of these.
    #[must_use]
    pub fn namespaces<'a>(&'a self, namespaces: Namespaces<'a>) -> NamespaceList<'a, V> {
        NamespaceList {
            books: self.books.reader.snapshot(),
            namespaces,
        }
    }

    /// Returns the cached loans of a namespace; empty for a namespace that does not exist. A namespace that the
    /// repository does not serve is [`Error::NotFound`].
    pub fn loans<'a>(
        &'a self,
        namespace: Namespace<'a>,
        borrower: Option<Borrower<'a>>,
    ) -> Result<LoanList<'a, V>, Error> {
        self.check_namespace(namespace.as_str())?;
        Ok(LoanList {
            repository: self,
            loans: self.loans.reader.snapshot(),
            books: self.books.reader.snapshot(),
            namespace,
            borrower,
            after: Place::default(),
        })
    }

    /// Returns the cached loan of a book, unless it is a leftover.
    pub fn loan(&self, key: BookKey<'_>) -> Result<Arc<Entry<Loan>>, Error> {
        self.cached_loan(key)
            .filter(|loan| !self.is_left_over(key, &loan.value))
            .ok_or_else(|| self.missing(key, Missing::Loan))
    }

    /// Returns the cached loan of a book to this tenant. The loan of another tenant is [`Error::NotFound`].
    pub fn loan_to(&self, key: BookKey<'_>, tenant: Tenant<'_>) -> Result<Arc<Entry<Loan>>, Error> {
        let loan = self.loan(key)?;
        if &*loan.value.borrowed_by == tenant.as_str() {
            Ok(loan)
        } else {
            Err(self.missing(key, Missing::Loan))
        }
    }
}
