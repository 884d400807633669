//! The metrics of a cache.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::object::ResourceVersion;

/// Upper bounds in seconds: from lists of a few objects to lists of a million.
const LIST_SECONDS: [f64; 9] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 300.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResourceLabels {
    resource: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EventLabels {
    resource: String,
    r#type: &'static str,
}

type Seconds = Gauge<f64, AtomicU64>;

#[derive(Clone, Debug)]
pub(super) struct Caches {
    lists: Family<ResourceLabels, Histogram>,
    watches: Family<ResourceLabels, Counter>,
    short_watches: Family<ResourceLabels, Counter>,
    failures: Family<ResourceLabels, Counter>,
    events: Family<EventLabels, Counter>,
    objects: Family<ResourceLabels, Gauge>,
    version: Family<ResourceLabels, Seconds>,
    last_heard: Family<ResourceLabels, Seconds>,
    checks: Family<ResourceLabels, Counter>,
    repaired: Family<ResourceLabels, Counter>,
    refused: Family<ResourceLabels, Counter>,
    handler_panics: Family<ResourceLabels, Counter>,
}

impl Default for Caches {
    fn default() -> Self {
        Self {
            lists: Family::new_with_constructor(|| Histogram::new(LIST_SECONDS)),
            watches: Family::default(),
            short_watches: Family::default(),
            failures: Family::default(),
            events: Family::default(),
            objects: Family::default(),
            version: Family::default(),
            last_heard: Family::default(),
            checks: Family::default(),
            repaired: Family::default(),
            refused: Family::default(),
            handler_panics: Family::default(),
        }
    }
}

impl Caches {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "reflector_list_duration",
            "Duration of lists, including re-lists",
            Unit::Seconds,
            self.lists.clone(),
        );
        registry.register(
            "reflector_watches",
            "Watches opened; each ends after the watch timeout",
            self.watches.clone(),
        );
        registry.register(
            "reflector_short_watches",
            "Watches that ended at once, for example because the API server is stopping",
            self.short_watches.clone(),
        );
        registry.register(
            "reflector_failures",
            "Lists and watches that failed and were begun again",
            self.failures.clone(),
        );
        registry.register(
            "cache_events",
            "Events of lists and watches from the API server",
            self.events.clone(),
        );
        registry.register("cache_objects", "Objects in the cache", self.objects.clone());
        registry.register(
            "store_resource_version",
            "The confirmed version of the resource",
            self.version.clone(),
        );
        registry.register_with_unit(
            "cache_last_heard_timestamp",
            "Time of the last confirmation by the API server, in seconds since 1970",
            Unit::Seconds,
            self.last_heard.clone(),
        );
        registry.register(
            "cache_checks",
            "Lists that checked the confirmed state",
            self.checks.clone(),
        );
        registry.register(
            "cache_repaired_objects",
            "Objects that differed from such a list and were repaired",
            self.repaired.clone(),
        );
        registry.register(
            "cache_refused_objects",
            "Objects left out because the transform or an index refused them, counted each time",
            self.refused.clone(),
        );
        registry.register(
            "cache_handler_panics",
            "Calls of the cache's handlers that panicked",
            self.handler_panics.clone(),
        );
    }

    pub(super) fn of(&self, resource: &str) -> CacheMetrics {
        let labels = ResourceLabels {
            resource: resource.to_owned(),
        };
        let events = |kind| {
            let labels = EventLabels {
                resource: resource.to_owned(),
                r#type: kind,
            };
            self.events.get_or_create(&labels).clone()
        };
        CacheMetrics {
            lists: self.lists.get_or_create(&labels).clone(),
            watches: self.watches.get_or_create(&labels).clone(),
            short_watches: self.short_watches.get_or_create(&labels).clone(),
            failures: self.failures.get_or_create(&labels).clone(),
            listed_objects: events("listed"),
            applied: events("applied"),
            deleted: events("deleted"),
            bookmarks: events("bookmark"),
            unreadable: events("unreadable"),
            objects: self.objects.get_or_create(&labels).clone(),
            version: self.version.get_or_create(&labels).clone(),
            last_heard: self.last_heard.get_or_create(&labels).clone(),
            checks: self.checks.get_or_create(&labels).clone(),
            repaired: self.repaired.get_or_create(&labels).clone(),
            refused: self.refused.get_or_create(&labels).clone(),
            handler_panics: self.handler_panics.get_or_create(&labels).clone(),
        }
    }
}

/// The metrics of the cache of one resource.
#[derive(Clone, Debug)]
pub(crate) struct CacheMetrics {
    lists: Histogram,
    pub(crate) watches: Counter,
    pub(crate) short_watches: Counter,
    pub(crate) failures: Counter,
    pub(crate) listed_objects: Counter,
    pub(crate) applied: Counter,
    pub(crate) deleted: Counter,
    pub(crate) bookmarks: Counter,
    pub(crate) unreadable: Counter,
    objects: Gauge,
    version: Seconds,
    last_heard: Seconds,
    pub(crate) checks: Counter,
    repaired: Counter,
    pub(crate) refused: Counter,
    pub(crate) handler_panics: Counter,
}

impl CacheMetrics {
    /// Records the duration of a list.
    pub(crate) fn listed(&self, took: Duration) {
        self.lists.observe(took.as_secs_f64());
    }

    /// Records the state after events were applied: the number of objects, the confirmed version and the age of the
    /// oldest source. Counts the repaired objects.
    pub(crate) fn applied(
        &self,
        objects: usize,
        version: Option<ResourceVersion>,
        age: Option<Duration>,
        repaired: usize,
    ) {
        self.objects.set(objects.try_into().unwrap_or(i64::MAX));
        if let Some(version) = version {
            self.version.set(version.to_f64());
        }
        if let (Some(age), Ok(now)) = (age, SystemTime::UNIX_EPOCH.elapsed()) {
            self.last_heard.set(now.saturating_sub(age).as_secs_f64());
        }
        self.repaired.inc_by(repaired.try_into().unwrap_or(u64::MAX));
    }
}
