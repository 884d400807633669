//! Kept decisions, and reviews under way that several callers share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, WeakShared};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::Error;

/// The minimum weight of a value in bytes: a user with a few groups. Larger values take the room of others.
const ROOM: u64 = 800;

/// A decision, and the time until which it holds.
#[derive(Clone, Debug)]
pub struct Decision<T> {
    /// The decision.
    pub value: T,
    /// The end of its validity.
    pub until: Instant,
}

impl<T> Decision<T> {
    pub(super) fn new(value: T, until: Instant) -> Self {
        Self { value, until }
    }
}

/// The decisions of one kind, by a hash of their subject.
pub(super) struct Decisions<T: Clone> {
    kept: Cache<u128, Decision<T>, Weight<T>>,
    under_way: Arc<UnderWay<T>>,
}

/// A review and its number, which tells it from a later review of the same subject.
type Numbered<T> = (u64, WeakShared<Review<T>>);

type Review<T> = BoxFuture<'static, Result<Decision<T>, Error>>;

/// The reviews under way. A review lives for as long as a caller waits for it.
struct UnderWay<T: Clone> {
    reviews: Mutex<HashMap<u128, Numbered<T>>>,
    next: AtomicU64,
}

impl<T: Clone + Send + Sync + 'static> Decisions<T> {
    /// Creates a store of up to `items` decisions, fewer if values have more than [`ROOM`] bytes.
    pub(super) fn new(items: usize, bytes_of: fn(&T) -> usize) -> Self {
        let options = OptionsBuilder::new()
            .weight_capacity(ROOM * items as u64)
            .estimated_items_capacity(items / 16)
            .build()
            .expect("both capacities are given");
        Self {
            kept: Cache::with_options(
                options,
                Weight { bytes_of },
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            ),
            under_way: Arc::new(UnderWay {
                reviews: Mutex::default(),
                next: AtomicU64::new(0),
            }),
        }
    }

    /// Returns the kept decision, if it holds at `now`.
    pub(super) fn kept(&self, id: u128, now: Instant) -> Option<Decision<T>> {
        self.kept.get(&id).filter(|decision| now < decision.until)
    }

    /// Returns true if a decision is kept, even an expired one.
    pub(super) fn has(&self, id: u128) -> bool {
        self.kept.peek(&id).is_some()
    }

    pub(super) fn keep(&self, id: u128, decision: Decision<T>) -> Decision<T> {
        self.kept.insert(id, decision.clone());
        decision
    }

    pub(super) fn forget(&self, id: u128) {
        self.kept.remove(&id);
    }

    /// Waits for the review of `id` under way, or starts `review`.
    pub(super) async fn share(
        &self,
        id: u128,
        review: impl Future<Output = Result<Decision<T>, Error>> + Send + 'static,
    ) -> Result<Decision<T>, Error> {
        let shared = self.under_way.join(id, review);
        shared.await
    }
}

impl<T: Clone + Send + Sync + 'static> UnderWay<T> {
    fn join(
        self: &Arc<Self>,
        id: u128,
        review: impl Future<Output = Result<Decision<T>, Error>> + Send + 'static,
    ) -> Shared<Review<T>> {
        let mut reviews = self.reviews.lock().unwrap_or_else(PoisonError::into_inner);
        let existing = reviews.get(&id).and_then(|(_, review)| review.upgrade());
        if let Some(existing) = existing.filter(|existing| existing.peek().is_none()) {
            return existing;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let ending = Ending {
            under_way: Arc::clone(self),
            id,
            number,
        };
        let shared = async move {
            let _ending = ending;
            review.await
        };
        let shared = shared.boxed().shared();
        if let Some(weak) = shared.downgrade() {
            reviews.insert(id, (number, weak));
        }
        shared
    }
}

/// Removes a review from those under way when it ends, or when its last caller is gone.
struct Ending<T: Clone> {
    under_way: Arc<UnderWay<T>>,
    id: u128,
    number: u64,
}

impl<T: Clone> Drop for Ending<T> {
    fn drop(&mut self) {
        let reviews = &self.under_way.reviews;
        let mut reviews = reviews.lock().unwrap_or_else(PoisonError::into_inner);
        if reviews
            .get(&self.id)
            .is_some_and(|(number, _)| *number == self.number)
        {
            reviews.remove(&self.id);
        }
    }
}

#[derive(Clone)]
struct Weight<T> {
    bytes_of: fn(&T) -> usize,
}

impl<T: Clone> Weighter<u128, Decision<T>> for Weight<T> {
    fn weight(&self, _: &u128, decision: &Decision<T>) -> u64 {
        let bytes = (self.bytes_of)(&decision.value);
        ROOM.max(u64::try_from(bytes).unwrap_or(u64::MAX))
    }
}
