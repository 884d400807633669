//! A client of an event stream.

use std::{collections::BTreeMap, pin::Pin, time::Duration};

use anyhow::{Context as _, Result, bail};
use eventsource_stream::Eventsource as _;
use futures::{Stream, StreamExt as _};
use reqwest::{Response, header::HeaderMap};
use serde_json::Value;
use tokio::time::timeout;

/// A timeout longer than the wait for any expected event, including heartbeats.
const PATIENCE: Duration = Duration::from_mins(1);

type Events = Pin<Box<dyn Stream<Item = Result<StreamEvent>> + Send>>;

/// An event of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamEvent {
    /// `created`, `updated`, `deleted`, `synced` or `reset`.
    pub event: String,
    /// The last event id, of this event or an earlier one; empty before the first.
    pub last_id: String,
    /// The book or loan of the event.
    pub data: Value,
}

/// An open stream. Drop closes its connection.
pub struct Listener {
    /// The headers of the response.
    pub headers: HeaderMap,
    events: Events,
}

impl Listener {
    /// Listens to a response whose connection breaks after this number of bytes.
    pub(crate) fn to(response: Response, bytes: usize) -> Self {
        let headers = response.headers().clone();
        let cut = response.bytes_stream().scan(bytes, |left, chunk| {
            let chunk = chunk.map(|chunk| {
                let length = chunk.len().min(*left);
                *left -= length;
                chunk.slice(..length)
            });
            // Nothing after the break is delivered.
            let is_over = matches!(&chunk, Ok(chunk) if chunk.is_empty());
            futures::future::ready((!is_over).then_some(chunk))
        });
        let events = cut.eventsource().map(|event| {
            let event = event.context("an event")?;
            Ok(StreamEvent {
                data: serde_json::from_str(&event.data).context(event.data)?,
                event: event.event,
                last_id: event.id,
            })
        });
        Self {
            headers,
            events: Box::pin(events),
        }
    }

    /// Returns the next event, or `None` at the end of the stream, including a broken connection.
    ///
    /// # Panics
    ///
    /// Panics if neither comes within a minute.
    pub async fn next(&mut self) -> Result<Option<StreamEvent>> {
        let next = timeout(PATIENCE, self.events.next()).await;
        match next.expect("an event, or an end, within a minute") {
            Some(Ok(received)) => Ok(Some(received)),
            Some(Err(error)) if error.root_cause().is::<serde_json::Error>() => Err(error),
            // The bytes so far were valid, so the connection broke.
            Some(Err(_)) | None => Ok(None),
        }
    }

    /// Returns the next event. The end of the stream is an error.
    pub async fn next_event(&mut self) -> Result<StreamEvent> {
        self.next().await?.context("the stream has ended")
    }

    /// Returns the events up to and including the first with this name.
    pub async fn until(&mut self, event: &str) -> Result<Vec<StreamEvent>> {
        let mut events = Vec::new();
        loop {
            let received = self.next_event().await?;
            let is_it = received.event == event;
            events.push(received);
            if is_it {
                return Ok(events);
            }
        }
    }
}

/// The state of a client that follows a stream of books or loans, by namespace and id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mirror {
    /// The books or loans.
    pub has: BTreeMap<String, Value>,
    /// The id to resume from; empty before the first.
    pub last_id: String,
    /// The number of resets.
    pub resets: usize,
    /// Set after `synced`: the list is complete.
    pub is_synced: bool,
}

impl Mirror {
    /// Applies an event.
    pub fn take(&mut self, received: StreamEvent) -> Result<()> {
        match received.event.as_str() {
            "created" | "updated" => drop(self.has.insert(key(&received.data)?, received.data)),
            "deleted" => drop(self.has.remove(&key(&received.data)?)),
            "synced" => self.is_synced = true,
            "reset" => {
                self.has.clear();
                self.resets += 1;
                self.is_synced = false;
            }
            other => bail!("an event {other:?}"),
        }
        self.last_id = received.last_id;
        Ok(())
    }

    /// Returns the members of a list by namespace and id.
    pub fn of_list(list: &Value) -> Result<BTreeMap<String, Value>> {
        let members = list["list"].as_array().context("a list")?.iter();
        members.map(|member| Ok((key(member)?, member.clone()))).collect()
    }
}

fn key(data: &Value) -> Result<String> {
    let text = |field: &str| data[field].as_str();
    let id = text("id").or(text("book_id")).context("an id")?;
    Ok(format!("{}/{id}", text("namespace_id").context("a namespace")?))
}
