//! A history of books and loans, and replicas that follow it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bookshelf_crd as crd;
use kube::Resource as _;
use proptest::prelude::*;
use serde_json::json;

use crate::cache::{SourceEvent, Writer};
use crate::connector::{self, Connector};
use crate::repository::{Book, Options, Repository};

const NAMES: [&str; 2] = ["a", "b"];
pub(super) const CATEGORIES: [&str; 2] = ["math", "physics"];
const TENANTS: [&str; 2] = ["alice", "bob"];

/// A step of a history, or of a replica that follows it.
#[derive(Clone, Debug)]
pub(super) enum Step {
    WriteBook {
        name: usize,
        category: usize,
    },
    DeleteBook {
        name: usize,
    },
    /// The loan's tenant, and the book that it names: the latest one, an earlier one, or none.
    WriteLoan {
        name: usize,
        tenant: usize,
        owner: usize,
    },
    DeleteLoan {
        name: usize,
    },
    Deliver {
        replica: usize,
        is_of_books: bool,
        events: usize,
    },
    Relist {
        replica: usize,
        is_of_books: bool,
    },
    Listen {
        client: usize,
        replica: usize,
        most: usize,
    },
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let (name, replica) = (0..NAMES.len(), 0..2_usize);
    prop_oneof![
        3 => (name.clone(), 0..3_usize).prop_map(|(name, category)| Step::WriteBook { name, category }),
        2 => name.clone().prop_map(|name| Step::DeleteBook { name }),
        3 => (name.clone(), 0..2_usize, 0..3_usize)
            .prop_map(|(name, tenant, owner)| Step::WriteLoan { name, tenant, owner }),
        2 => name.prop_map(|name| Step::DeleteLoan { name }),
        6 => (replica.clone(), any::<bool>(), 1..4_usize)
            .prop_map(|(replica, is_of_books, events)| Step::Deliver { replica, is_of_books, events }),
        1 => (replica.clone(), any::<bool>()).prop_map(|(replica, is_of_books)| Step::Relist { replica, is_of_books }),
        8 => (0..4_usize, replica, prop_oneof![0..3_usize, Just(usize::MAX)])
            .prop_map(|(client, replica, most)| Step::Listen { client, replica, most }),
    ]
}

/// The API server's state of one resource, and every event that led to it.
pub(super) struct History<K> {
    objects: BTreeMap<&'static str, K>,
    events: Vec<SourceEvent<K>>,
}

impl<K: kube::Resource + Clone> History<K> {
    pub(super) fn new() -> Self {
        Self {
            objects: BTreeMap::new(),
            events: Vec::new(),
        }
    }

    fn write(&mut self, name: &'static str, object: K) {
        self.objects.insert(name, object.clone());
        self.events.push(SourceEvent::Applied(object));
    }

    fn delete(&mut self, name: &str, version: u32) {
        if let Some(mut object) = self.objects.remove(name) {
            object.meta_mut().resource_version = Some(version.to_string());
            self.events.push(SourceEvent::Deleted(object));
        }
    }

    fn deliver<V>(&self, delivered: &mut usize, events: usize, writer: &Writer<K, V>) {
        let until = delivered.saturating_add(events).min(self.events.len());
        writer.apply(self.events[*delivered..until].iter().cloned());
        *delivered = until;
    }

    pub(super) fn relist<V>(&self, delivered: &mut usize, version: u32, writer: &Writer<K, V>) {
        writer.apply([SourceEvent::ListStarted]);
        writer.apply(self.objects.values().cloned().map(SourceEvent::Listed));
        writer.apply([SourceEvent::ListDone(version.to_string().parse().unwrap())]);
        *delivered = self.events.len();
    }
}

/// A repository that no API server feeds, and its position in each history.
pub(super) struct Replica {
    pub(super) repository: Arc<Repository<String>>,
    books: usize,
    loans: usize,
}

fn title(book: &Book) -> String {
    book.title.clone()
}

impl Replica {
    pub(super) fn new() -> Self {
        Self::fed(Repository::fed_by_hand(title, Options::default()))
    }

    /// Returns a replica whose API server is at this address.
    pub(super) fn of(api_server: &str) -> Self {
        let config = kube::Config::new(api_server.parse().unwrap());
        let connector = Connector::new(config, &connector::Options::default()).unwrap();
        let (repository, _) = Repository::new(&connector, title, Options::default());
        Self::fed(repository)
    }

    fn fed(repository: Repository<String>) -> Self {
        Self {
            repository: Arc::new(repository),
            books: 0,
            loans: 0,
        }
    }
}

pub(super) fn book(name: &str, uid: u32, version: u32, category: usize) -> crd::Book {
    let labels = CATEGORIES
        .get(category)
        .map(|category| json!({crd::labels::CATEGORY: category}));
    serde_json::from_value(json!({
        "apiVersion": crd::Book::api_version(&()), "kind": "Book",
        "metadata": {"name": name, "namespace": "ns", "uid": uid.to_string(),
                     "resourceVersion": version.to_string(), "labels": labels},
        "spec": {"author": "A", "title": format!("T{version}")},
    }))
    .unwrap()
}

fn loan(name: &str, version: u32, tenant: usize, book: Option<u32>) -> crd::BookLoan {
    let owner = book.map(|uid| {
        json!([{"apiVersion": crd::Book::api_version(&()), "kind": "Book", "name": name, "uid": uid.to_string()}])
    });
    serde_json::from_value(json!({
        "apiVersion": crd::BookLoan::api_version(&()), "kind": "BookLoan",
        "metadata": {"name": name, "namespace": "ns", "uid": format!("loan-{version}"),
                     "resourceVersion": version.to_string(), "ownerReferences": owner,
                     "creationTimestamp": "2026-11-22T11:11:09Z"},
        "spec": {"borrowedBy": TENANTS[tenant]},
    }))
    .unwrap()
}

/// The histories of books and loans, and the replicas.
pub(super) struct World {
    books: History<crd::Book>,
    loans: History<crd::BookLoan>,
    version: u32,
    /// The uid of the latest book of each name.
    uids: BTreeMap<&'static str, u32>,
    pub(super) replicas: [Replica; 2],
}

impl World {
    /// Returns an empty world, which both replicas have listed.
    pub(super) fn new() -> Self {
        let mut world = Self {
            books: History::new(),
            loans: History::new(),
            version: 1,
            uids: NAMES.map(|name| (name, 0)).into(),
            replicas: [Replica::new(), Replica::new()],
        };
        for replica in 0..2 {
            for is_of_books in [true, false] {
                world.take(&Step::Relist { replica, is_of_books });
            }
        }
        world
    }

    pub(super) fn take(&mut self, step: &Step) {
        self.version += 1;
        match *step {
            Step::WriteBook { name, category } => {
                let name = NAMES[name];
                if !self.books.objects.contains_key(name) {
                    self.uids.insert(name, self.version);
                }
                let book = book(name, self.uids[name], self.version, category);
                self.books.write(name, book);
            }
            Step::DeleteBook { name } => self.books.delete(NAMES[name], self.version),
            Step::WriteLoan { name, tenant, owner } => {
                let name = NAMES[name];
                // A loan does not change: another loan replaces it.
                self.loans.delete(name, self.version);
                self.version += 1;
                let owner = [Some(self.uids[name]), Some(0), None][owner];
                self.loans.write(name, loan(name, self.version, tenant, owner));
            }
            Step::DeleteLoan { name } => self.loans.delete(NAMES[name], self.version),
            Step::Deliver {
                replica,
                is_of_books,
                events,
            } => {
                let Replica {
                    repository,
                    books,
                    loans,
                } = &mut self.replicas[replica];
                if is_of_books {
                    self.books
                        .deliver(books, events, repository.books.workload.writer());
                } else {
                    self.loans
                        .deliver(loans, events, repository.loans.workload.writer());
                }
            }
            Step::Relist { replica, is_of_books } => {
                let Replica {
                    repository,
                    books,
                    loans,
                } = &mut self.replicas[replica];
                if is_of_books {
                    self.books
                        .relist(books, self.version, repository.books.workload.writer());
                } else {
                    self.loans
                        .relist(loans, self.version, repository.loans.workload.writer());
                }
            }
            Step::Listen { .. } => {}
        }
    }
}
