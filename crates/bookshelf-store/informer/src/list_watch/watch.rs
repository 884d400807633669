//! The watch, from a list's version on.

use std::pin::Pin;
use std::time::Duration;

use futures::stream::FusedStream;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use http_body_util::BodyExt as _;
use kube::api::WatchParams;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout};
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};
use tokio_util::io::StreamReader;

use super::Failure;
use super::feed::{Feed, Pause, parse};
use super::wire::{self, Line, Unreadable, not_applied};
use crate::cache::SourceEvent;

/// The time after the watch timeout at which a silent connection counts as dead.
const GRACE: Duration = Duration::from_secs(5);
/// The time in which the next watch opens. Each watch ends this much earlier, so that at most the watch timeout passes
/// between the ends of two.
pub(super) const REOPENS_WITHIN: Duration = Duration::from_secs(1);
/// The time for which the first watch after a list or a failure is open. A list confirms the state at its beginning,
/// and opening a watch confirms nothing. The early end of this watch soon confirms a newer state.
const FIRST_WATCH: Duration = Duration::from_secs(2);
/// A watch that ends within this time did not work.
const SHORT_WATCH: Duration = Duration::from_secs(1);
/// The maximum number of watch events that become one snapshot, if they arrive together.
const BATCH: usize = 256;
/// The maximum length of a line of a watch in bytes: more than twice the largest object that etcd stores by default.
const LONGEST_LINE: usize = 4 << 20;

/// The number of bytes at which a batch is full: its decoded objects take several times as much memory.
const BATCH_BYTES: usize = 1 << 20;

/// The lines of a watch.
pub(super) type Lines = Pin<Box<dyn FusedStream<Item = Result<String, LinesCodecError>> + Send>>;

impl<K, V> Feed<'_, K, V>
where
    K: kube::Resource + DeserializeOwned,
{
    /// Watches again and again, until only a new list helps.
    pub(super) async fn watch(&self, mut version: String, pause: &mut Pause) -> Failure {
        let parameters = |open_for: Duration| WatchParams {
            timeout: u32::try_from(open_for.as_secs()).ok(),
            ..self.list_watch.watch_parameters()
        };
        let open_for = self.list_watch.open_for();
        let mut this_open_for = open_for.min(FIRST_WATCH);
        let mut stuck_at = None;
        loop {
            let started = Instant::now();
            self.metrics.watches.inc();
            let opened = self.open(&parameters(this_open_for), &version).await;
            this_open_for = open_for;
            let ended = match opened {
                Ok(lines) => self.follow(lines, &mut version).await,
                Err(failure) => Err(failure),
            };
            match ended {
                Err(failure) if failure.needs_list() => return failure,
                // The same line would come again, which a list avoids.
                Err(failure) if failure.is_unreadable() && stuck_at.as_ref() == Some(&version) => {
                    return failure;
                }
                Err(failure) => {
                    stuck_at = failure.is_unreadable().then(|| version.clone());
                    self.report(&failure, "watching again");
                    if started.elapsed() > Pause::LONGEST {
                        pause.forget();
                    }
                    self.pause_after(&failure, pause).await;
                    this_open_for = open_for.min(FIRST_WATCH);
                }
                // The API server ends watches now and then, but reopening one that ends at once would be a busy loop.
                Ok(()) if started.elapsed() < SHORT_WATCH => {
                    self.metrics.short_watches.inc();
                    pause.wait().await;
                }
                // No version gets a second bookmark: for an idle resource, the end of a watch is the only confirmation.
                Ok(()) => {
                    self.note_confirmed();
                    pause.forget();
                }
            }
        }
    }

    /// Feeds the lines of a watch to the cache, until the watch ends.
    async fn follow(&self, mut lines: Lines, version: &mut String) -> Result<(), Failure> {
        while let Some(batch) = self.next(&mut lines).await? {
            let mut events = Vec::with_capacity(batch.len());
            let mut ended = Ok(());
            for line in batch {
                let line = line
                    .map_err(Failure::of_line)
                    .and_then(|line: String| wire::read_line(&line));
                match line.and_then(|line| self.event(line, version)) {
                    Ok(event) => events.extend(event),
                    Err(failure) => {
                        ended = Err(failure);
                        break;
                    }
                }
            }
            self.apply(events);
            ended?;
        }
        Ok(())
    }

    /// Returns the next lines, as many as have arrived; `None` at the end. Fails if the connection stays silent.
    pub(super) async fn next(
        &self,
        lines: &mut Lines,
    ) -> Result<Option<Vec<Result<String, LinesCodecError>>>, Failure> {
        let silence = self.list_watch.watch_timeout.saturating_add(GRACE);
        let first = timeout(silence, lines.next()).await;
        let mut next = first.map_err(|_| Failure::Silent(silence))?;
        let mut batch = Vec::new();
        let mut bytes = 0;
        while let Some(line) = next {
            bytes += line.as_ref().map_or(0, String::len);
            batch.push(line);
            let is_full = batch.len() == BATCH || bytes >= BATCH_BYTES;
            next = if is_full {
                None
            } else {
                lines.next().now_or_never().flatten()
            };
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    pub(super) async fn open(&self, parameters: &WatchParams, version: &str) -> Result<Lines, Failure> {
        let response = self
            .list_watch
            .resource
            .watch(self.namespace.as_deref(), parameters, version)
            .await?;
        let body = response
            .into_body()
            .into_data_stream()
            .map_err(std::io::Error::other);
        let lines = FramedRead::new(
            StreamReader::new(body),
            LinesCodec::new_with_max_length(LONGEST_LINE),
        );
        Ok(Box::pin(lines.fuse()))
    }

    /// Returns the event of a line, and sets `reached` to the version to watch from after it.
    fn event(&self, line: Line<K>, reached: &mut String) -> Result<Option<SourceEvent<K>>, Failure> {
        let (event, version) = match line {
            Line::Applied(object, version) => (Some(SourceEvent::Applied(object)), version),
            Line::Deleted(object, version) => (Some(SourceEvent::Deleted(object)), version),
            Line::DeletedUnreadable(Unreadable { key, version, .. }, uid) => (
                Some(SourceEvent::DeletedUnreadable { key, uid, version }),
                Some(version.to_string()),
            ),
            Line::Bookmark { version, .. } => (Some(SourceEvent::Bookmark(parse(&version)?)), Some(version)),
            Line::Unreadable(unreadable) => {
                let unreadable = self.report_without_metadata(unreadable);
                let version = unreadable
                    .as_ref()
                    .map(|unreadable| unreadable.version.to_string());
                (unreadable.map(not_applied), version)
            }
        };
        if let Some(version) = version {
            *reached = version;
        }
        Ok(event)
    }
}
