//! A repository without an API server, which a test feeds by hand.

use bookshelf_crd as crd;

use super::{Book, Options, Repository};
use crate::cache::SourceEvent;
use crate::connector::{self, Connector};

impl<V: Send + Sync + 'static> Repository<V> {
    /// Creates a repository that no watch feeds, only [`Repository::feed_books`] and [`Repository::feed_loans`]. It is
    /// ready after a list of each. Requests to the API server fail with [`Error::Unavailable`](super::Error).
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Panics
    ///
    /// If the TLS provider is unusable.
    pub fn fed_by_hand(view: impl Fn(&Book) -> V + Send + Sync + 'static, options: Options) -> Self {
        // The port is reserved (RFC 6335), so that nothing listens there.
        let nowhere = "http://127.0.0.1:1".parse().expect("an address");
        let connector = Connector::new(kube::Config::new(nowhere), &connector::Options::default());
        let connector = connector.expect("a TLS provider");
        Self::new(&connector, view, options).0
    }

    /// Applies events to the cache of books, as its list and watch would.
    pub fn feed_books(&self, events: impl IntoIterator<Item = SourceEvent<crd::Book>>) {
        self.books.workload.writer().apply(events);
    }

    /// Applies events to the cache of loans, as its list and watch would.
    pub fn feed_loans(&self, events: impl IntoIterator<Item = SourceEvent<crd::BookLoan>>) {
        self.loans.workload.writer().apply(events);
    }
}
