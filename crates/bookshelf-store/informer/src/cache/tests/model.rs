//! Compares the cache and its indexes with plain maps, for any history of an API server, reported by a watch in any
//! way: late, in part, with a list in between, after local writes.

mod followers;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use proptest::prelude::*;

use super::super::{Event, SourceEvent};
use super::{Fixture, fixture, key, object, rv};
use crate::object::{ResourceVersion, Uid};

/// Few names, so that objects have predecessors.
const NAMES: [&str; 3] = ["a", "b", "c"];

/// A step of a history.
#[derive(Clone, Debug)]
enum Step {
    /// Another client creates or updates an object.
    Write { name: usize, value: usize },
    /// Another client deletes an object.
    Delete { name: usize },
    /// We create or update an object, and cache the response at once.
    WriteOurselves { name: usize, value: usize },
    /// We delete an object, and cache the response at once.
    DeleteOurselves { name: usize },
    /// The watch delivers up to this number of events.
    Deliver { events: usize },
    /// The watch breaks, and a list of the state `behind` events ago arrives, except for its end.
    Relist { behind: usize },
    /// The list in progress is done, and the watch resumes from there.
    FinishList,
    /// Half of the list of a check arrives, of the state `behind` events ago.
    Check { behind: usize },
    /// The rest of that list arrives.
    FinishCheck,
}

fn step() -> impl Strategy<Value = Step> {
    let name = 0..NAMES.len();
    prop_oneof![
        3 => (name.clone(), 0..3_usize).prop_map(|(name, value)| Step::Write { name, value }),
        1 => name.clone().prop_map(|name| Step::Delete { name }),
        3 => (name.clone(), 0..3_usize).prop_map(|(name, value)| Step::WriteOurselves { name, value }),
        1 => name.prop_map(|name| Step::DeleteOurselves { name }),
        3 => (1..4_usize).prop_map(|events| Step::Deliver { events }),
        1 => (0..4_usize).prop_map(|behind| Step::Relist { behind }),
        2 => Just(Step::FinishList),
        1 => (0..4_usize).prop_map(|behind| Step::Check { behind }),
        2 => Just(Step::FinishCheck),
    ]
}

type Objects = BTreeMap<&'static str, ConfigMap>;

/// An API server: its objects, and all events so far.
struct Server {
    objects: Objects,
    version: u32,
    uids: u32,
    /// Each event, and the objects after it.
    events: Vec<(SourceEvent<ConfigMap>, Objects)>,
}

/// The version before the first event, at which a list is empty.
const BEGINNING: u32 = 1;

impl Server {
    fn new() -> Self {
        Self {
            objects: Objects::new(),
            version: BEGINNING,
            uids: 0,
            events: Vec::new(),
        }
    }

    fn write(&mut self, name: usize, value: usize) -> ConfigMap {
        self.version += 1;
        let name = NAMES[name];
        let uid = self
            .objects
            .get(name)
            .and_then(|object| object.metadata.uid.clone())
            .unwrap_or_else(|| {
                self.uids += 1;
                self.uids.to_string()
            });
        let written = object(name, &uid, self.version, &value.to_string());
        self.objects.insert(name, written.clone());
        self.events
            .push((SourceEvent::Applied(written.clone()), self.objects.clone()));
        written
    }

    fn delete(&mut self, name: usize) -> Option<ConfigMap> {
        let mut deleted = self.objects.remove(NAMES[name])?;
        self.version += 1;
        deleted.metadata.resource_version = Some(self.version.to_string());
        self.events
            .push((SourceEvent::Deleted(deleted.clone()), self.objects.clone()));
        Some(deleted)
    }
}

/// A cache, the number of events that it has confirmed, and the local writes.
struct Client {
    cache: Fixture,
    confirmed: usize,
    /// The number of events that the list in progress covers. Until it is done, nothing is delivered.
    listing: Option<usize>,
    /// The check in progress: the number of events that its list covers, and the objects that have yet to arrive.
    checking: Option<(usize, Vec<ConfigMap>)>,
    /// The version of the last local write of each name, and its value; `None` for a delete.
    ours: BTreeMap<&'static str, (u32, Option<String>)>,
}

impl Client {
    fn new(cache: Fixture) -> Self {
        Self {
            cache: cache.listed(BEGINNING, &[]),
            confirmed: 0,
            listing: None,
            checking: None,
            ours: BTreeMap::new(),
        }
    }

    /// The confirmed version.
    fn version(&self) -> u32 {
        BEGINNING + u32::try_from(self.confirmed).unwrap()
    }

    fn deliver(&mut self, server: &Server, events: usize) {
        if self.listing.is_some() {
            return;
        }
        let until = (self.confirmed + events).min(server.events.len());
        let repaired = self.cache.writer.apply(
            server.events[self.confirmed..until]
                .iter()
                .map(|(event, _)| event.clone()),
        );
        assert_eq!(repaired, 0, "a check repaired what was right");
        self.confirmed = until;
    }

    fn check(&mut self, server: &Server, behind: usize) {
        if self.listing.is_some() {
            return;
        }
        let listed = server.events.len().saturating_sub(behind).max(self.confirmed);
        let mut objects: Vec<_> = listed
            .checked_sub(1)
            .map(|last| server.events[last].1.values().cloned().collect())
            .unwrap_or_default();
        let rest = objects.split_off(objects.len() / 2);
        self.cache.writer.apply([SourceEvent::CheckStarted]);
        self.cache
            .writer
            .apply(objects.into_iter().map(SourceEvent::Listed));
        self.checking = Some((listed, rest));
    }

    fn finish_check(&mut self) {
        if let Some((listed, rest)) = self.checking.take() {
            self.cache.writer.apply(rest.into_iter().map(SourceEvent::Listed));
            let version = rv(BEGINNING + u32::try_from(listed).unwrap());
            let repaired = self.cache.writer.apply([SourceEvent::ListDone(version)]);
            assert_eq!(repaired, 0, "a check repaired what was right");
        }
    }

    fn relist(&mut self, server: &Server, behind: usize) {
        // A list is never older than the confirmed state: it is read from a quorum.
        let listed = server.events.len().saturating_sub(behind).max(self.confirmed);
        let objects = listed
            .checked_sub(1)
            .map(|last| server.events[last].1.clone())
            .unwrap_or_default();
        self.checking = None;
        self.cache.writer.apply([SourceEvent::ListStarted]);
        self.cache
            .writer
            .apply(objects.into_values().map(SourceEvent::Listed));
        self.listing = Some(listed);
    }

    fn finish_list(&mut self) {
        if let Some(listed) = self.listing.take() {
            self.confirmed = listed;
            self.cache
                .writer
                .apply([SourceEvent::ListDone(rv(self.version()))]);
        }
    }

    /// A step of this process, or of its watch.
    fn take(&mut self, step: &Step, server: &mut Server) {
        match *step {
            Step::Write { .. } | Step::Delete { .. } => {}
            Step::WriteOurselves { name, value } => {
                let written = server.write(name, value);
                self.ours
                    .insert(NAMES[name], (server.version, Some(value.to_string())));
                // As a `CachedClient` does.
                if !self.cache.writer.serves(&written) {
                    self.cache.writer.observe(written);
                }
            }
            Step::DeleteOurselves { name } => {
                let known = server.objects.get(NAMES[name]);
                let known = known.and_then(|object| object.metadata.resource_version.clone());
                if let Some(deleted) = server.delete(name) {
                    let known: ResourceVersion = known.unwrap().parse().unwrap();
                    self.ours.insert(NAMES[name], (server.version, None));
                    let uid = Uid::from(deleted.metadata.uid.as_deref().unwrap());
                    let snapshot = self.cache.reader.snapshot();
                    let cached = snapshot.get("ns", NAMES[name]);
                    // As a `CachedClient` does: for an object in the cache, the newest served version suffices.
                    let known = match (cached, snapshot.newest_version()) {
                        (Some(cached), Some(newest)) if cached.uid == uid => newest,
                        _ => known,
                    };
                    self.cache.writer.observe_deleted(&key(NAMES[name]), uid, known);
                }
            }
            Step::Deliver { events } => self.deliver(server, events),
            Step::Relist { behind } => self.relist(server, behind),
            Step::FinishList => self.finish_list(),
            Step::Check { behind } => self.check(server, behind),
            Step::FinishCheck => self.finish_check(),
        }
    }

    /// The expected read: the confirmed state, overlaid with newer local writes.
    fn expected(&self, server: &Server) -> Vec<String> {
        let confirmed = self.confirmed.checked_sub(1).map(|last| &server.events[last].1);
        let mut values = BTreeMap::new();
        for (name, object) in confirmed.into_iter().flatten() {
            values.insert(*name, object.data.as_ref().unwrap()["value"].clone());
        }
        for (name, (version, value)) in &self.ours {
            if *version > self.version() {
                match value {
                    Some(value) => values.insert(*name, value.clone()),
                    None => values.remove(name),
                };
            }
        }
        values
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }
}

proptest! {
    #[test]
    fn a_read_returns_the_confirmed_state_and_local_writes(steps in prop::collection::vec(step(), 0..40)) {
        let mut server = Server::new();
        let mut client = Client::new(fixture());
        let mut generations = BTreeMap::new();
        for step in &steps {
            match *step {
                Step::Write { name, value } => drop(server.write(name, value)),
                Step::Delete { name } => drop(server.delete(name)),
                _ => client.take(step, &mut server),
            }
            let contents = client.cache.contents();
            let namespace = client.cache.reader.load().namespace("ns");
            prop_assert_eq!(namespace.map_or(0, |state| state.objects), contents.len());
            if let Some(state) = namespace {
                let versions = client.cache.reader.load().iter().map(|entry| entry.resource_version).collect::<Vec<_>>();
                let of_generation = generations.entry(state.generation).or_insert_with(|| versions.clone());
                prop_assert_eq!(&*of_generation, &versions, "one generation, other objects");
            }
            prop_assert_eq!(contents, client.expected(&server), "after {:?} of {:?}", step, steps);
        }
        client.finish_list();
        client.deliver(&server, usize::MAX / 2);
        let all = server.objects.values().map(|object| {
            format!("{}={}", object.metadata.name.as_ref().unwrap(), object.data.as_ref().unwrap()["value"])
        });
        prop_assert_eq!(client.cache.contents(), all.collect::<Vec<_>>(), "in the end, after {:?}", steps);
    }

    #[test]
    fn a_check_repairs_the_loss_of_any_events(
        steps in prop::collection::vec((step(), any::<bool>()), 0..30),
    ) {
        let mut server = Server::new();
        let cache = fixture().listed(BEGINNING, &[]);
        for (step, is_lost) in steps {
            let before = server.events.len();
            match step {
                Step::Write { name, value } | Step::WriteOurselves { name, value } => drop(server.write(name, value)),
                Step::Delete { name } | Step::DeleteOurselves { name } => drop(server.delete(name)),
                _ => {}
            }
            if is_lost {
                cache.writer.apply([SourceEvent::Bookmark(rv(server.version))]);
            } else {
                cache.writer.apply(server.events[before..].iter().map(|(event, _)| event.clone()));
            }
        }
        let all = server.objects.values().map(|object| {
            format!("{}={}", object.metadata.name.as_ref().unwrap(), object.data.as_ref().unwrap()["value"])
        });
        let all = all.collect::<Vec<_>>();
        let was_right = cache.contents() == all;
        cache.writer.apply([SourceEvent::CheckStarted]);
        cache.writer.apply(server.objects.values().cloned().map(SourceEvent::Listed));
        let repaired = cache.writer.apply([SourceEvent::ListDone(rv(server.version))]);
        prop_assert_eq!(cache.contents(), all);
        prop_assert!(was_right || repaired > 0, "{} repairs were counted", repaired);
    }

    #[test]
    fn a_subscriber_that_looks_now_and_then_ends_with_the_current_state(
        rounds in prop::collection::vec(prop::collection::vec(step(), 0..12), 0..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut server = Server::new();
        let mut client = Client::new(fixture());
        let mut subscription = client.cache.reader.subscribe();
        let mut seen = BTreeMap::new();
        for steps in &rounds {
            for step in steps {
                match *step {
                    Step::Write { name, value } | Step::WriteOurselves { name, value } => drop(server.write(name, value)),
                    Step::Delete { name } | Step::DeleteOurselves { name } => drop(server.delete(name)),
                    Step::Deliver { events } => client.deliver(&server, events),
                    Step::Relist { behind } => client.relist(&server, behind),
                    Step::FinishList => client.finish_list(),
                    Step::Check { .. } | Step::FinishCheck => {}
                }
            }
            client.finish_list();
            client.deliver(&server, 1);
            runtime.block_on(subscription.look()).unwrap();
            while let Some(event) = subscription.try_next() {
                // Each event must fit the events before it.
                let fits = match event {
                    Event::Created(new) => seen.insert(new.key.clone(), new.value.clone()).is_none(),
                    Event::Updated { old, new } => {
                        seen.insert(new.key.clone(), new.value.clone()).as_ref() == Some(&old.value)
                    }
                    Event::Deleted(old) => seen.remove(&old.key).as_ref() == Some(&old.value),
                };
                prop_assert!(fits, "an event does not follow from those before it, in {:?}", rounds);
            }
            let seen_objects = seen.iter().map(|(key, value)| format!("{}={value}", key.name())).collect::<Vec<_>>();
            prop_assert_eq!(seen_objects, client.cache.contents());
        }
    }
}
