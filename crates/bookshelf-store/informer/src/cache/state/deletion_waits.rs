//! Waits for confirmed deletions.

use std::collections::HashSet;

use tokio::sync::oneshot;

use crate::object::Uid;

/// The waits for deletions, notified once the confirmed state is served.
#[derive(Default)]
pub(crate) struct DeletionWaits {
    waiting: Vec<(Uid, oneshot::Sender<()>)>,
    confirmed: Vec<oneshot::Sender<()>>,
}

impl DeletionWaits {
    /// Adds a wait for the deletion of the object with this uid.
    pub(crate) fn wait(&mut self, uid: Uid) -> oneshot::Receiver<()> {
        // Some callers have given up, or have waited for a deletion that did not happen.
        self.waiting.retain(|(_, waiting)| !waiting.is_closed());
        let (sender, receiver) = oneshot::channel();
        self.waiting.push((uid, sender));
        receiver
    }

    /// Records that the deletions of the objects with these uids are confirmed.
    pub(super) fn confirm(&mut self, deleted: &[Uid]) {
        if deleted.is_empty() || self.waiting.is_empty() {
            return;
        }
        let deleted: HashSet<_> = deleted.iter().collect();
        let confirmed = self
            .waiting
            .extract_if(.., |(waits_for, _)| deleted.contains(waits_for));
        self.confirmed.extend(confirmed.map(|(_, sender)| sender));
    }

    /// Notifies the waits for confirmed deletions, once the confirmed state is served.
    pub(crate) fn notify(&mut self) {
        for waiting in self.confirmed.drain(..) {
            // The caller may have given up.
            let _ = waiting.send(());
        }
    }
}
