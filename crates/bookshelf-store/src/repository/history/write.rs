//! Records the acts of this process in the history. Recording never waits or fails.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bookshelf_crd::loan_journal::{BY_MAX, Line, LoanJournalEvent};
use futures::future::BoxFuture;

use super::super::books::CachedBook;
use super::super::model::{Book, BookKey, Loan};
use super::super::version::Version;
use super::super::{Options, Repository};
use super::lines::{beginning_of, end_of, mark_of, mark_of_change, now, of_book};
use super::pending::{Proof, after_others};
use super::recorder::Recorder;
use super::store::Store;
use crate::access::User;
use crate::cache::Reader;
use crate::connector::{self, Connector, PriorityLevel, Reason};
use crate::object::Uid;

tokio::task_local! {
    /// The user on whose behalf the current task writes.
    static ACTOR: Option<Arc<User>>;
}

/// Runs a write on behalf of a user, whose name the history records.
pub async fn acting<F: Future>(user: Option<Arc<User>>, write: F) -> F::Output {
    ACTOR.scope(user, write).await
}

/// Returns the user's name, unless a line has no room for it.
fn actor() -> Option<String> {
    let actor = ACTOR.try_with(|actor| {
        let name = &actor.as_ref()?.name;
        (name.len() <= BY_MAX).then(|| name.clone())
    });
    actor.ok().flatten()
}

/// The requested end of a loan, which is remembered as unanswered if it is still set on drop.
struct UnansweredEnd<'a> {
    history: &'a Store,
    namespace: &'a str,
    end: Option<Line>,
}

impl Drop for UnansweredEnd<'_> {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            self.history.pending.remember_unanswered(self.namespace, end);
        }
    }
}

impl Store {
    /// Creates the store of a repository, and adds its futures to `feeds`.
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

    /// Waits until the acts of this process are stored, for at most `within`.
    pub(in super::super) async fn flush(&self, within: Duration) {
        self.pending.flush(within).await;
    }
}

impl<V: Send + Sync + 'static> Repository<V> {
    /// Returns the store, unless nothing can be stored: then events would wait forever.
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

    fn record_end(&self, loan: &Loan, event: LoanJournalEvent) {
        if let Some(history) = self.kept_history() {
            let line = end_of(loan, event, now(), actor());
            history.pending.add_own(&loan.namespace_id, line);
            // The watch of this process may have missed the beginning.
            let beginning = beginning_of(loan, None);
            let pending = &history.pending;
            pending.add_seen(&loan.namespace_id, beginning, after_others(), Proof::Certain);
        }
    }

    /// Requests the end of a loan, and records it. If the answer is lost or the caller goes away, the end is remembered
    /// as unanswered.
    pub(in super::super) async fn ending<T>(
        &self,
        loan: &Loan,
        event: LoanJournalEvent,
        request: impl Future<Output = Result<T, connector::Error>>,
    ) -> Result<T, connector::Error> {
        let mut requested = self.kept_history().map(|history| UnansweredEnd {
            history,
            namespace: &loan.namespace_id,
            end: Some(end_of(loan, event, now(), actor())),
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
        if answer.is_ok() {
            self.record_end(loan, event);
        }
        answer
    }

    pub(in super::super) fn record_creation(&self, key: BookKey<'_>, book: &Book) {
        self.record_book(
            key,
            LoanJournalEvent::Created,
            || mark_of(&book.version.uid),
            false,
        );
    }

    /// Records that a book was changed, unless its version is the same.
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
            self.record_book(key, LoanJournalEvent::Updated, mark, is_forced);
        }
    }

    pub(in super::super) fn record_deletion(&self, key: BookKey<'_>, uid: &Uid, is_forced: bool) {
        self.record_book(key, LoanJournalEvent::Deleted, || mark_of(uid), is_forced);
    }

    fn record_book(
        &self,
        key: BookKey<'_>,
        event: LoanJournalEvent,
        mark: impl Fn() -> u64,
        is_forced: bool,
    ) {
        if let Some(history) = self.kept_history() {
            let line = Line {
                by: actor(),
                is_forced,
                ..of_book(key.id, event, mark(), now())
            };
            history.pending.add_own(key.namespace, line);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures::FutureExt as _;

    use super::super::testing::{loan, repository};
    use super::*;

    #[tokio::test]
    async fn the_end_of_a_loan_is_recorded_or_remembered_if_its_request_has_no_answer() {
        let repository = repository();
        let history = repository.history.as_ref().unwrap();
        let answered = loan("a", "3b241101-a2bc-42f1-9a54-09d2b9b1ffee");
        let unanswered = loan("b", "5c352212-b3cd-43f2-8b65-10e3c0c20aff");
        let remembered = |loan: &Loan| history.pending.take_unanswered(mark_of(&loan.version.uid));
        let ended = repository.ending(&answered, LoanJournalEvent::Returned, ready(Ok(())));
        assert!(ended.await.is_ok());
        assert_eq!(remembered(&answered), None);
        let recorded = history.pending.certain("ns");
        assert!(
            recorded
                .iter()
                .any(|line| line.event == LoanJournalEvent::Returned)
        );
        // The caller goes away.
        let dropped = repository.ending(
            &unanswered,
            LoanJournalEvent::Returned,
            pending::<Result<(), _>>(),
        );
        assert!(dropped.now_or_never().is_none());
        assert_eq!(remembered(&unanswered), Some((LoanJournalEvent::Returned, None)));
    }
}
