//! The acts of this process, for the history. None of these calls waits or fails.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bookshelf_crd::loan_journal::{BY_MAX, Happened, Line};
use futures::future::BoxFuture;

use super::super::books::CachedBook;
use super::super::model::{Book, BookKey, Loan};
use super::super::version::Version;
use super::super::{Options, Repository};
use super::follower::after_others;
use super::lines::{beginning_of, end_of, mark_of, mark_of_change, now, of_book};
use super::pending::Proof;
use super::recorder::Recorder;
use super::store::Store;
use crate::cache::Reader;
use crate::connector::{self, Connector, PriorityLevel, Reason};
use crate::object::Uid;

tokio::task_local! {
    /// The user on whose behalf the current task writes.
    static ACTOR: Option<Arc<str>>;
}

/// Runs a write on behalf of a user, whom the history names.
pub async fn acting<F: Future>(user: Option<Arc<str>>, write: F) -> F::Output {
    ACTOR.scope(user, write).await
}

/// Returns the user, unless a line has no room for the name.
fn actor() -> Option<String> {
    let actor = ACTOR.try_with(|actor| actor.as_deref().map(str::to_owned));
    actor.ok().flatten().filter(|actor| actor.len() <= BY_MAX)
}

/// The end of a loan that is requested, and not answered for as long as it is there.
struct Requested<'a> {
    history: &'a Store,
    namespace: &'a str,
    end: Option<Line>,
}

impl Drop for Requested<'_> {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            self.history.pending.remember_unanswered(self.namespace, end);
        }
    }
}

impl Store {
    /// Creates the store of a repository, and adds its feeds.
    pub(in super::super) fn start<V: Send + Sync + 'static>(
        connector: &Connector,
        options: &Options,
        (loans, books): (Reader<Loan>, Reader<CachedBook<V>>),
        feeds: &mut Vec<BoxFuture<'static, Infallible>>,
    ) -> Arc<Self> {
        let (store, feed) = Self::new(connector, &options.namespaces, options.watch_timeout);
        let recorder = Recorder {
            store: Arc::clone(&store),
            loans,
            books,
            live_loans: connector
                .resource()
                .without_managed_fields()
                .with_priority_level(PriorityLevel::Exempt),
        };
        feeds.push(Box::pin(feed.run()));
        feeds.push(Box::pin(recorder.run()));
        if let Some(retention) = options.retention {
            feeds.push(Box::pin(retention.run(Arc::clone(&store))));
        }
        store
    }

    /// Waits until the acts of this process are stored, or this time has passed.
    pub(in super::super) async fn flush(&self, within: Duration) {
        self.pending.flush(within).await;
    }
}

impl<V: Send + Sync + 'static> Repository<V> {
    /// Returns the store, unless nothing can be stored: then events would wait for ever.
    fn kept_history(&self) -> Option<&Arc<Store>> {
        self.history.as_ref().filter(|history| history.is_kept())
    }

    /// Records that a tenant has borrowed a book.
    pub(in super::super) fn record_beginning(&self, loan: &Loan) {
        if let Some(history) = self.kept_history() {
            let line = beginning_of(loan, actor());
            history.pending.add_own(&loan.namespace_id, line);
        }
    }

    /// Records the end of a loan.
    pub(in super::super) fn record_end(&self, loan: &Loan, happened: Happened) {
        if let Some(history) = self.kept_history() {
            let line = end_of(loan, happened, now(), actor());
            history.pending.add_own(&loan.namespace_id, line);
            // The watch of this process may have missed the beginning.
            let beginning = beginning_of(loan, None);
            let pending = &history.pending;
            pending.add_seen(&loan.namespace_id, beginning, after_others(), Proof::Certain);
        }
    }

    /// Requests the end of a loan, and remembers that if there is no answer: it is lost, or the caller has gone away.
    pub(in super::super) async fn ending<T>(
        &self,
        loan: &Loan,
        happened: Happened,
        request: impl Future<Output = Result<T, connector::Error>>,
    ) -> Result<T, connector::Error> {
        let mut requested = self.kept_history().map(|history| Requested {
            history,
            namespace: &loan.namespace_id,
            end: Some(end_of(loan, happened, now(), actor())),
        });
        let answer = request.await;
        let is_unknown = |error: &connector::Error| {
            matches!(error.reason, Reason::OutcomeUnknown(_) | Reason::Unreadable(_))
        };
        if let Some(requested) = &mut requested
            && !answer.as_ref().is_err_and(is_unknown)
        {
            requested.end = None;
        }
        answer
    }

    /// Records that a book was added.
    pub(in super::super) fn record_creation(&self, key: BookKey<'_>, book: &Book) {
        self.record_book(key, Happened::Created, || mark_of(&book.version.uid), false);
    }

    /// Records that a book was changed, if it was.
    pub(in super::super) fn record_update(
        &self,
        key: BookKey<'_>,
        before: &Version,
        book: &Book,
        is_forced: bool,
    ) {
        let Version {
            uid,
            resource_version,
        } = &book.version;
        if before != &book.version {
            let mark = || mark_of_change(uid, *resource_version);
            self.record_book(key, Happened::Updated, mark, is_forced);
        }
    }

    /// Records that a book was deleted.
    pub(in super::super) fn record_deletion(&self, key: BookKey<'_>, uid: &Uid, is_forced: bool) {
        self.record_book(key, Happened::Deleted, || mark_of(uid), is_forced);
    }

    fn record_book(&self, key: BookKey<'_>, happened: Happened, mark: impl Fn() -> u64, is_forced: bool) {
        if let Some(history) = self.kept_history() {
            let line = Line {
                by: actor(),
                is_forced,
                ..of_book(key.id, happened, mark(), now())
            };
            history.pending.add_own(key.namespace, line);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures::FutureExt as _;
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    #[tokio::test]
    async fn the_end_of_a_loan_is_remembered_if_its_request_has_no_answer() {
        let options = Options {
            history: true,
            ..Options::default()
        };
        let repository = Repository::fed_by_hand(|_: &Book| (), options);
        let history = repository.history.as_ref().unwrap();
        let uid = Uid::from("3b241101-a2bc-42f1-9a54-09d2b9b1ffee");
        let remembered = || history.pending.take_unanswered(mark_of(&uid));
        let loan = Loan {
            book_id: "a".to_owned(),
            namespace_id: "ns".to_owned(),
            borrowed_by: "bob".into(),
            borrowed_at: Timestamp::from_second(1_000).unwrap(),
            imprint: None,
            book_uid: None,
            version: Version {
                uid: uid.clone(),
                resource_version: "1".parse().unwrap(),
            },
        };
        let answered = repository.ending(&loan, Happened::Returned, ready(Ok(())));
        assert!(answered.await.is_ok());
        assert_eq!(remembered(), None);
        // The caller goes away.
        let dropped = repository.ending(&loan, Happened::Returned, pending::<Result<(), _>>());
        assert!(dropped.now_or_never().is_none());
        assert_eq!(remembered(), Some((Happened::Returned, None)));
    }
}
