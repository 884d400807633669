//! The progress of a recorder's requests by namespace: a namespace that refuses lines does not hold up others.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::object::ObjectKey;

/// The pause after the first of several failures.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause after failures. It is short because a process that is killed before it stores its acts loses their
/// words.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// The namespaces with failures.
#[derive(Default)]
pub(super) struct Progress(HashMap<Arc<str>, NamespaceProgress>);

/// The progress of a namespace's requests since the last success.
#[derive(Debug, Default)]
pub(super) struct NamespaceProgress {
    /// The number of consecutive failures.
    pub(super) failures: u32,
    /// The end of the pause.
    not_before: Option<Instant>,
    /// The number of consecutive times that another process was faster.
    lost_races: u32,
    /// The journal to read again, because its cached state may be old.
    pub(super) reread: Option<ObjectKey>,
    /// The number of the next journal to create, counted from the last cached one; 0 if that one may have room.
    pub(super) ahead: u64,
}

impl Progress {
    /// Returns the namespaces whose turn it is, the longest wait first. Forgets namespaces without events.
    pub(super) fn in_turn(&mut self, first_due: Vec<(Instant, Arc<str>)>, now: Instant) -> Vec<Arc<str>> {
        self.0
            .retain(|namespace, _| first_due.iter().any(|(_, waiting)| waiting == namespace));
        let mut in_turn = self.turns(first_due);
        in_turn.retain(|(turn, _)| *turn <= now);
        in_turn.sort();
        in_turn.into_iter().map(|(_, namespace)| namespace).collect()
    }

    /// Returns the time of the next turn.
    pub(super) fn next_turn(&self, first_due: Vec<(Instant, Arc<str>)>) -> Option<Instant> {
        self.turns(first_due).into_iter().map(|(turn, _)| turn).min()
    }

    /// Returns the time of each namespace's turn. After a pause, a namespace comes behind those that waited during the
    /// pause.
    fn turns(&self, mut first_due: Vec<(Instant, Arc<str>)>) -> Vec<(Instant, Arc<str>)> {
        for (due, namespace) in &mut first_due {
            let not_before = self.0.get(namespace).and_then(|course| course.not_before);
            *due = not_before.map_or(*due, |not_before| not_before.max(*due));
        }
        first_due
    }

    pub(super) fn of(&mut self, namespace: &str) -> &mut NamespaceProgress {
        self.0.entry(namespace.into()).or_default()
    }

    /// Forgets the failures of a namespace.
    pub(super) fn succeed(&mut self, namespace: &str) {
        self.0.remove(namespace);
    }
}

impl NamespaceProgress {
    /// Counts a failure, and pauses.
    pub(super) fn fail(&mut self) {
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(5));
        self.not_before = Some(Instant::now() + pause.min(LONGEST_PAUSE));
        self.failures += 1;
    }

    /// Notes that another process was faster: a journal was full, existed already, or was gone. The first time, it is
    /// read again. If that does not help, the watch is late, and others fill journals faster than this process can read
    /// them one by one: it creates one farther and farther ahead. A gap in the numbers does no harm.
    pub(super) fn note_lost_race(&mut self, key: &ObjectKey) {
        if self.lost_races == 0 {
            self.reread = Some(key.clone());
        } else {
            self.ahead = 1 << self.lost_races.min(10);
        }
        self.lost_races += 1;
    }

    /// Notes that the last journal cannot be read, and moves on to the next.
    pub(super) fn pass_over_last(&mut self) {
        self.ahead = self.ahead.max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_namespace_that_refuses_lines_holds_no_other_one_up() {
        let began = Instant::now();
        let first_due = || vec![(began + FIRST_PAUSE, "fine".into()), (began, "full".into())];
        let mut progress = Progress::default();
        assert_eq!(progress.in_turn(first_due(), began), ["full".into()]);
        for _ in 0..10 {
            progress.of("full").fail();
            tokio::time::advance(FIRST_PAUSE).await;
            let in_turn = progress.in_turn(first_due(), Instant::now());
            assert_eq!(in_turn.first(), Some(&"fine".into()), "{in_turn:?}");
            assert_eq!(progress.next_turn(first_due()), Some(began + FIRST_PAUSE));
            tokio::time::advance(LONGEST_PAUSE).await;
            let in_turn = progress.in_turn(first_due(), Instant::now());
            assert_eq!(in_turn, ["fine".into(), "full".into()]);
        }
        // Nor do its failures count for another namespace.
        assert_eq!(progress.of("fine").failures, 0);
        progress.succeed("full");
        assert_eq!(progress.of("full").failures, 0);
    }

    #[test]
    fn a_process_that_loses_races_looks_farther_and_farther_ahead() {
        let key = ObjectKey::new("ns", "000001");
        let mut course = NamespaceProgress::default();
        course.note_lost_race(&key);
        assert_eq!((course.reread.take(), course.ahead), (Some(key.clone()), 0));
        for expected in [2, 4, 8, 16] {
            course.note_lost_race(&key);
            assert_eq!((course.reread.take(), course.ahead), (None, expected));
        }
    }

    #[tokio::test]
    async fn a_namespace_without_events_is_forgotten() {
        let mut progress = Progress::default();
        progress.of("gone").fail();
        progress.in_turn(Vec::new(), Instant::now());
        assert_eq!(progress.0.len(), 0);
    }
}
