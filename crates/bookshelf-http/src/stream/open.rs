//! Open streams.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::web::{Bytes, BytesMut};
use bookshelf_store::repository::{EventKind, Stream, StreamEvent, StreamId, Topic};
use futures::stream::unfold;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span};

use super::write;
use crate::auth::Standing;
use crate::document::Document;
use crate::metrics::StreamMetrics;

/// The time between heartbeats, so that proxies keep the connection, and the server notices a client that is gone.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The approximate size of a chunk of events in bytes. Little more than this is buffered for a slow client.
const CHUNK: usize = 16 << 10;

/// The common state of all streams.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams {
    metrics: StreamMetrics,
    ending: CancellationToken,
}

/// An open stream.
struct Open<S: Topic<Document>, F> {
    stream: Stream<Document, S>,
    json: F,
    /// The right to go on.
    standing: Standing,
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

    /// Ends every open stream, and each new one when it begins: their clients resume on another replica.
    pub(crate) fn end(&self) {
        self.ending.cancel();
    }

    /// Returns the body of an answer, whose log lines belong to this span.
    pub(super) fn open<S, F>(
        &self,
        stream: Stream<Document, S>,
        json: F,
        standing: Standing,
        span: Span,
    ) -> impl futures::Stream<Item = Result<Bytes, Infallible>> + 'static
    where
        S: Topic<Document> + 'static,
        F: Fn(&S::Item, &mut BytesMut) + 'static,
    {
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.metrics.open.inc();
        let open = Open {
            stream,
            json,
            standing,
            heartbeat,
            streams: self.clone(),
        };
        unfold((open, span), |(mut open, span)| async {
            let chunk = open.next().instrument(span.clone()).await?;
            Some((Ok(chunk), (open, span)))
        })
    }
}

impl<S: Topic<Document>, F: Fn(&S::Item, &mut BytesMut)> Open<S, F> {
    /// Returns the next bytes; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        let Self {
            stream,
            standing,
            heartbeat,
            streams,
            ..
        } = self;
        loop {
            // Events wait for a decision that the caller still has the right.
            let holds = standing.holds();
            tokio::select! {
                biased;
                () = streams.ending.cancelled() => return None,
                may_go_on = standing.authorized() => if !may_go_on {
                    tracing::info!("the caller no longer has the right to this stream");
                    return None;
                },
                waited = stream.wait(), if holds => match waited {
                    // The decision expired while the stream waited.
                    Ok(()) if !standing.holds() => {}
                    Ok(()) => return Some(self.chunk()),
                    Err(cut_off) => {
                        streams.metrics.cut_off.inc();
                        tracing::info!("{cut_off}: its client may resume from the last id");
                        return None;
                    }
                },
                _ = heartbeat.tick() => return Some(self::heartbeat(stream.id())),
            }
        }
    }

    /// Returns the pending events, up to the size of a chunk.
    fn chunk(&mut self) -> Bytes {
        let mut chunk = BytesMut::new();
        while chunk.len() < CHUNK
            && let Some(event) = self.stream.pop()
        {
            if matches!(
                event,
                StreamEvent {
                    kind: EventKind::Reset,
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

/// Returns a heartbeat: a comment, and the current id, since changes elsewhere would make the last id of a quiet stream
/// too old to resume. A block with only an id is not an event.
fn heartbeat(id: Option<StreamId>) -> Bytes {
    let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
    Bytes::from(format!(":\n{id}\n"))
}

impl<S: Topic<Document>, F> Drop for Open<S, F> {
    fn drop(&mut self) {
        self.streams.metrics.open.dec();
    }
}
