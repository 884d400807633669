//! Streams that are open.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::web::{Bytes, BytesMut};
use bookshelf_store::repository::{Stream, StreamEvent, StreamId, Subject, What};
use futures::stream::unfold;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span};

use super::write;
use crate::document::Document;
use crate::metrics::StreamMetrics;

/// How often a stream says that it is still there, so that whoever is between us and the client does not take it for
/// dead, and we notice a client that is gone.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// About how many bytes of events are made at a time, so that what waits for a slow client is not much more.
const CHUNK: usize = 16 << 10;

/// What all streams have in common.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams {
    metrics: StreamMetrics,
    ending: CancellationToken,
}

/// A stream that somebody listens to.
struct Open<S: Subject<Document>, F> {
    stream: Stream<Document, S>,
    json: F,
    heartbeat: Interval,
    streams: Streams,
}

impl Streams {
    pub(crate) fn new(metrics: StreamMetrics) -> Self {
        Self {
            metrics,
            ending: CancellationToken::new(),
        }
    }

    /// Ends every stream that is open, and from now on each when it begins: its client goes on elsewhere.
    pub(crate) fn end(&self) {
        self.ending.cancel();
    }

    /// The body of an answer, what is logged of which is of this span.
    pub(super) fn open<S, F>(
        &self,
        stream: Stream<Document, S>,
        json: F,
        span: Span,
    ) -> impl futures::Stream<Item = Result<Bytes, Infallible>> + 'static
    where
        S: Subject<Document> + 'static,
        F: Fn(&S::Item, &mut BytesMut) + 'static,
    {
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.metrics.open.inc();
        let open = Open {
            stream,
            json,
            heartbeat,
            streams: self.clone(),
        };
        unfold((open, span), |(mut open, span)| async {
            let chunk = open.next().instrument(span.clone()).await?;
            Some((Ok(chunk), (open, span)))
        })
    }
}

impl<S: Subject<Document>, F: Fn(&S::Item, &mut BytesMut)> Open<S, F> {
    /// The next bytes; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        let Self {
            stream,
            heartbeat,
            streams,
            ..
        } = self;
        tokio::select! {
            biased;
            () = streams.ending.cancelled() => None,
            told = stream.wait() => match told {
                Ok(()) => Some(self.chunk()),
                Err(cut_off) => {
                    streams.metrics.cut_off.inc();
                    tracing::info!("{cut_off}: its client may go on from the last id");
                    None
                }
            },
            _ = heartbeat.tick() => Some(still_there(stream.id())),
        }
    }

    /// What waits to be told, as much of it as a chunk has room for.
    fn chunk(&mut self) -> Bytes {
        let mut chunk = BytesMut::new();
        while chunk.len() < CHUNK
            && let Some(event) = self.stream.pop()
        {
            if matches!(
                event,
                StreamEvent {
                    what: What::Reset,
                    ..
                }
            ) {
                self.streams.metrics.resets.inc();
            }
            write(&event, &self.json, &mut chunk);
        }
        chunk.freeze()
    }
}

/// A comment, and how far the client has come: where nothing happens to what it listens to, what happens elsewhere would
/// make its last id too old. A block that is only an id is no event.
fn still_there(id: Option<StreamId>) -> Bytes {
    let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
    Bytes::from(format!(":\n{id}\n"))
}

impl<S: Subject<Document>, F> Drop for Open<S, F> {
    fn drop(&mut self) {
        self.streams.metrics.open.dec();
    }
}
