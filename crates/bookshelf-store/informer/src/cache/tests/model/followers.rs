//! Followers that are disconnected at any point and resume on another replica, which received the same history
//! differently.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::super::{Position, Step as Followed};
use super::super::fixture_with;
use super::{Client, Server, Step, step};
use crate::object::ResourceVersion;

/// The size of the journal, so small that some followers come too late.
const HISTORY: usize = 8;

/// A client of the service: its objects, and the last version from which it can resume.
#[derive(Default)]
struct Follower {
    has: BTreeMap<String, String>,
    version: Option<ResourceVersion>,
    /// The replica to which it is connected, and its position there.
    live: Option<(usize, Position)>,
    resets: usize,
}

impl Follower {
    /// Sends `most` events at most, then closes the connection; `usize::MAX` keeps it open.
    fn follow(&mut self, replica: usize, client: &Client, most: usize) {
        let snapshot = client.cache.reader.snapshot();
        let confirmed = snapshot.confirmed(None);
        let live = self.live.take().filter(|(at, _)| *at == replica);
        let resumed = match live {
            Some((_, position)) => Some(position).filter(|position| confirmed.knows_after(position)),
            None => self
                .version
                .and_then(|version| confirmed.position_at(version).ok()),
        };
        let mut left = most;
        let mut position = resumed.unwrap_or_else(|| {
            self.resets += 1;
            self.has.clear();
            self.version = None;
            let mut list: Vec<_> = confirmed.iter().collect();
            list.sort_by_key(|entry| entry.resource_version);
            for entry in list.into_iter().take(left) {
                left -= 1;
                self.has.insert(entry.key.name().to_owned(), entry.value.clone());
                self.version = Some(entry.resource_version);
            }
            if left > 0 {
                self.version = confirmed.version();
            }
            confirmed.position()
        });
        if left == 0 {
            return;
        }
        // The position may be in a gap that arose later: then the connection ends, and the next one detects it.
        let Ok(steps) = confirmed.follow(&mut position) else {
            return;
        };
        for Followed { change, resume_at } in steps.iter().take(left) {
            left -= 1;
            let name = change.event.key().name().to_owned();
            match change.event.after() {
                Some(new) => self.has.insert(name, new.value.clone()),
                None => self.has.remove(&name),
            };
            self.version = resume_at.or(self.version);
        }
        if left > 0 {
            self.live = Some((replica, position));
        }
    }
}

/// The follower's actions after a step: the replica, and the number of events after which it is disconnected.
fn turn() -> impl Strategy<Value = Option<(usize, usize)>> {
    prop::option::of((0..2_usize, prop_oneof![0..4_usize, Just(usize::MAX)]))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_follower_that_resumes_anywhere_ends_with_the_current_state(
        steps in prop::collection::vec((step(), 0..2_usize, turn()), 0..60),
    ) {
        let mut server = Server::new();
        let mut replicas = [0, 1].map(|_| Client::new(fixture_with(|builder| builder.history(HISTORY))));
        let mut follower = Follower::default();
        for (step, replica, turn) in &steps {
            match *step {
                Step::Write { name, value } => drop(server.write(name, value)),
                Step::Delete { name } => drop(server.delete(name)),
                _ => replicas[*replica].take(step, &mut server),
            }
            if let Some((at, most)) = *turn {
                follower.follow(at, &replicas[at], most);
            }
        }
        for client in &mut replicas {
            client.finish_list();
            client.deliver(&server, usize::MAX / 2);
        }
        // Twice, since the first one may only detect that it must start over.
        for _ in 0..2 {
            follower.follow(1, &replicas[1], usize::MAX);
        }
        let fresh: BTreeMap<_, _> = server
            .objects
            .iter()
            .map(|(name, object)| ((*name).to_owned(), object.data.as_ref().unwrap()["value"].clone()))
            .collect();
        prop_assert_eq!(follower.has, fresh, "after {:?}", steps);
    }
}
