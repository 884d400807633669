//! The answers to a load.

use std::time::Duration;

use http::{HeaderMap, header::RETRY_AFTER};

/// The responses to one client, or to all of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tally {
    /// Seconds from the first request to the last response.
    pub(super) seconds: f64,
    /// The milliseconds of each success, from its request to its response. After a refusal, from the repeated request.
    pub(super) latencies: Vec<f64>,
    /// The numbers of the books of the successes.
    pub(super) done: Vec<u64>,
    /// The number of 429s.
    pub(super) refusals: u64,
    /// The number of refusals without a `Retry-After`, or of a request that was repeated after that of an earlier one.
    pub(super) untrue_retry_afters: u64,
    /// The number of 5xx responses and of requests without a response.
    pub(super) failures: u64,
    pub(super) first_failure: Option<String>,
}

impl Tally {
    /// Adds the results of another client, or of a later time. The longer time counts, as clients send concurrently.
    pub(super) fn join(&mut self, other: Self) {
        self.seconds = self.seconds.max(other.seconds);
        self.latencies.extend(other.latencies);
        self.done.extend(other.done);
        self.refusals += other.refusals;
        self.untrue_retry_afters += other.untrue_retry_afters;
        self.failures += other.failures;
        self.first_failure = self.first_failure.take().or(other.first_failure);
    }

    pub(super) fn fail(&mut self, failure: impl FnOnce() -> String) {
        self.failures += 1;
        self.first_failure.get_or_insert_with(failure);
    }

    /// Counts a 429 and returns the delay before its request is repeated. `repeated` is true if that request is itself
    /// a repetition.
    pub(super) fn refuse(&mut self, headers: &HeaderMap, repeated: bool) -> Duration {
        let wait = retry_after(headers);
        self.refusals += 1;
        self.untrue_retry_afters += u64::from(repeated || wait.is_none());
        wait.unwrap_or(Duration::from_secs(1))
    }
}

/// Returns the delay in `Retry-After`, which both APIs and the API server send in seconds.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_untrue_after_another_one_or_without_a_time() {
        let mut tally = Tally::default();
        let headers = HeaderMap::from_iter([(RETRY_AFTER, "3".parse().unwrap())]);
        assert_eq!(tally.refuse(&headers, false), Duration::from_secs(3));
        assert_eq!((tally.refusals, tally.untrue_retry_afters), (1, 0));
        assert_eq!(tally.refuse(&headers, true), Duration::from_secs(3));
        assert_eq!((tally.refusals, tally.untrue_retry_afters), (2, 1));
        assert_eq!(tally.refuse(&HeaderMap::new(), false), Duration::from_secs(1));
        assert_eq!((tally.refusals, tally.untrue_retry_afters), (3, 2));
    }

    #[test]
    fn clients_send_at_the_same_time() {
        let client = |seconds, number| Tally {
            seconds,
            latencies: vec![seconds],
            done: vec![number],
            ..Tally::default()
        };
        let mut all = client(1.0, 1);
        all.join(client(3.0, 2));
        all.join(client(2.0, 3));
        assert!((all.seconds - 3.0).abs() < f64::EPSILON);
        assert_eq!(all.latencies, [1.0, 3.0, 2.0]);
        assert_eq!(all.done, [1, 2, 3]);
    }

    #[test]
    fn the_first_failure_is_kept() {
        let mut tally = Tally::default();
        tally.fail(|| "first".to_owned());
        tally.fail(|| "second".to_owned());
        let mut all = Tally::default();
        all.join(tally);
        all.join(Tally {
            first_failure: Some("other".to_owned()),
            failures: 1,
            ..Tally::default()
        });
        assert_eq!(all.failures, 3);
        assert_eq!(all.first_failure.as_deref(), Some("first"));
    }
}
