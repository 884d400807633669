//! Lists a resource, then watches it, for as long as it runs.

mod failure;
mod wire;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _, TryStreamExt as _};
use http_body_util::BodyExt as _;
use kube::api::{ListParams, WatchParams};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};
use tokio_util::io::StreamReader;

use super::writer::{SourceEvent, Writer};
use crate::connector::{ResourceClient, jittered};
use crate::object::ResourceVersion;
pub use failure::Failure;
use wire::{Line, Page, PageMetadata, Unreadable};

/// Objects per page, where the list comes in pages.
const PAGE_SIZE: u32 = 500;
/// The longest a page of a list takes: one of large objects takes the API server longer than one object.
const PAGE_DEADLINE: Duration = Duration::from_secs(30);
/// How long the API server keeps one watch open. A connection that died without a word is noticed when
/// nothing has come for this time and [`WATCH_GRACE`].
const WATCH_TIMEOUT: Duration = Duration::from_mins(1);
const WATCH_GRACE: Duration = Duration::from_secs(5);
/// How long a streaming list takes at most; it is no watch yet, and many objects take their time.
const STREAMING_LIST_TIMEOUT: Duration = Duration::from_mins(10);
/// A watch that ends sooner did not work.
const SHORT_WATCH: Duration = Duration::from_secs(1);
/// The pauses after failures, as client-go's reflector has them.
const FIRST_PAUSE: Duration = Duration::from_millis(800);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How many watch events become one snapshot at most, when that many have arrived together.
const BATCH: usize = 256;
/// The longest line of a watch: more than twice what etcd stores of an object by default.
const LONGEST_LINE: usize = 4 << 20;

/// The lines of a watch, as many at a time as have arrived.
type Lines = Pin<Box<dyn Stream<Item = Vec<Result<String, LinesCodecError>>> + Send>>;

/// The source that feeds a cache from the API server: a consistent list, then a watch from its version on,
/// with bookmarks; the list again when the API server no longer has the version to watch from.
///
/// The list is streamed where the API server can do that
/// ([KEP-3157](https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/3157-watch-list)),
/// and comes in pages of 500 otherwise.
pub struct ListWatch<K: kube::Resource> {
    resource: ResourceClient<K>,
    namespace: Option<String>,
    label_selector: Option<String>,
    field_selector: Option<String>,
    on_failure: Arc<dyn Fn(&Failure) + Send + Sync>,
}

impl<K> ListWatch<K>
where
    K: kube::Resource + DeserializeOwned,
{
    /// All objects of a resource, in all namespaces.
    pub fn new(resource: ResourceClient<K>) -> Self {
        let on_failure = Arc::new(|_: &Failure| {});
        Self {
            resource,
            namespace: None,
            label_selector: None,
            field_selector: None,
            on_failure,
        }
    }

    /// Only the objects of one namespace.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Only the objects that this label selector selects.
    #[must_use]
    pub fn labels(mut self, selector: impl Into<String>) -> Self {
        self.label_selector = Some(selector.into());
        self
    }

    /// Only the objects that this field selector selects.
    #[must_use]
    pub fn fields(mut self, selector: impl Into<String>) -> Self {
        self.field_selector = Some(selector.into());
        self
    }

    /// Calls `hook` with every failure, beside logging it, before trying again.
    #[must_use]
    pub fn on_failure(mut self, hook: impl Fn(&Failure) + Send + Sync + 'static) -> Self {
        self.on_failure = Arc::new(hook);
        self
    }

    /// Feeds a cache until the future is dropped. Failures are logged and tried again after a pause that
    /// doubles up to 30 s; meanwhile the cache keeps what it has.
    pub async fn run<V>(self, writer: Writer<K, V>) -> Infallible {
        let resource = self.resource.name();
        let mut pause = FIRST_PAUSE;
        let mut can_stream = true;
        loop {
            let failure = match self.list(&writer, &mut can_stream).await {
                Ok(version) => {
                    tracing::info!(resource, version, "listed");
                    self.watch(version, &writer, &mut pause).await
                }
                Err(failure) => failure,
            };
            self.report(&failure, "listing again");
            back_off(&mut pause).await;
        }
    }

    async fn list<V>(&self, writer: &Writer<K, V>, can_stream: &mut bool) -> Result<String, Failure> {
        if !*can_stream {
            return self.paged_list(writer).await;
        }
        match self.streaming_list(writer).await {
            Err(failure) if !failure.is_outage() => {
                // One that only took too long, or whose end was not marked, may do next time.
                *can_stream = !failure.is_refusal();
                tracing::info!(resource = self.resource.name(), %failure, "no streaming list, listing in pages");
                self.paged_list(writer).await
            }
            listed => listed,
        }
    }

    async fn paged_list<V>(&self, writer: &Writer<K, V>) -> Result<String, Failure> {
        let mut parameters = ListParams {
            label_selector: self.label_selector.clone(),
            field_selector: self.field_selector.clone(),
            limit: Some(PAGE_SIZE),
            ..ListParams::default()
        };
        writer.apply([SourceEvent::ListStarted]);
        loop {
            let body = self
                .resource
                .list_page(self.namespace.as_deref(), &parameters, PAGE_DEADLINE)
                .await?;
            let page: Page<'_> = serde_json::from_slice(&body).map_err(Failure::unreadable)?;
            let objects = page.items.iter().map(|object| wire::read_object(object));
            writer.apply(objects.filter_map(|object| {
                object.map_or_else(left_out, |object| Some(SourceEvent::Listed(object)))
            }));
            let PageMetadata {
                resource_version: version,
                continue_token,
            } = page.metadata;
            if continue_token.is_empty() {
                writer.apply([SourceEvent::ListDone(parse(&version)?)]);
                return Ok(version);
            }
            parameters.continue_token = Some(continue_token);
        }
    }

    async fn streaming_list<V>(&self, writer: &Writer<K, V>) -> Result<String, Failure> {
        let timeout = u32::try_from(STREAMING_LIST_TIMEOUT.as_secs()).ok();
        let parameters = WatchParams {
            send_initial_events: true,
            timeout,
            ..self.watch_parameters()
        };
        let mut lines = self.open(&parameters, "").await?;
        writer.apply([SourceEvent::ListStarted]);
        while let Some(batch) = next(&mut lines).await? {
            let mut events = Vec::with_capacity(batch.len());
            let mut end = None;
            for line in batch {
                match wire::read_line(&line.map_err(Failure::unreadable)?)? {
                    Line::Applied(object, _) => events.push(SourceEvent::Listed(object)),
                    // Some API servers tell what happens meanwhile before they mark the end.
                    Line::Deleted(object, _) => events.push(SourceEvent::Deleted(object)),
                    Line::Unreadable(unreadable) => events.extend(left_out(unreadable)),
                    Line::Bookmark {
                        version,
                        ends_initial_events: true,
                    } => {
                        events.push(SourceEvent::ListDone(parse(&version)?));
                        end = Some(version);
                        break;
                    }
                    Line::Bookmark { .. } => {}
                }
            }
            writer.apply(events);
            if let Some(version) = end {
                return Ok(version);
            }
        }
        Err(Failure::Unreadable(
            "a streaming list ended before its end was marked".to_owned(),
        ))
    }

    /// Watches, again and again, until only a new list helps.
    async fn watch<V>(&self, mut version: String, writer: &Writer<K, V>, pause: &mut Duration) -> Failure {
        let parameters = self.watch_parameters();
        loop {
            let started = Instant::now();
            let opened = self.open(&parameters, &version).await;
            let ended = match opened {
                Ok(lines) => follow(lines, &mut version, writer).await,
                Err(failure) => Err(failure),
            };
            match ended {
                Err(failure) if failure.needs_list() => return failure,
                Err(failure) => {
                    self.report(&failure, "watching again");
                    if started.elapsed() > LONGEST_PAUSE {
                        *pause = FIRST_PAUSE;
                    }
                    back_off(pause).await;
                }
                // The API server ends watches now and then, but one that ends at once would make a busy loop.
                Ok(()) if started.elapsed() < SHORT_WATCH => back_off(pause).await,
                Ok(()) => *pause = FIRST_PAUSE,
            }
        }
    }

    async fn open(&self, parameters: &WatchParams, version: &str) -> Result<Lines, Failure> {
        let response = self
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
        Ok(Box::pin(lines.ready_chunks(BATCH)))
    }

    fn watch_parameters(&self) -> WatchParams {
        WatchParams {
            label_selector: self.label_selector.clone(),
            field_selector: self.field_selector.clone(),
            timeout: u32::try_from(WATCH_TIMEOUT.as_secs()).ok(),
            ..WatchParams::default()
        }
    }

    fn report(&self, failure: &Failure, next: &str) {
        let resource = self.resource.name();
        if failure.is_expiry() {
            tracing::info!(
                resource,
                next,
                "the API server no longer has the version watched from"
            );
        } else {
            tracing::warn!(resource, next, error = %failure, "cannot follow the API server");
        }
        (self.on_failure)(failure);
    }
}

/// Feeds the lines of a watch to a cache, until the watch ends.
async fn follow<K, V>(mut lines: Lines, version: &mut String, writer: &Writer<K, V>) -> Result<(), Failure>
where
    K: kube::Resource + DeserializeOwned,
{
    while let Some(batch) = next(&mut lines).await? {
        let mut events = Vec::with_capacity(batch.len());
        let mut ended = Ok(());
        for line in batch {
            let line = line
                .map_err(Failure::unreadable)
                .and_then(|line: String| wire::read_line(&line));
            match line.and_then(|line| event(line, version)) {
                Ok(event) => events.extend(event),
                Err(failure) => {
                    ended = Err(failure);
                    break;
                }
            }
        }
        writer.apply(events);
        ended?;
    }
    Ok(())
}

/// The event that a line tells; `reached` becomes the version to watch from after it.
fn event<K>(line: Line<K>, reached: &mut String) -> Result<Option<SourceEvent<K>>, Failure> {
    let (event, version) = match line {
        Line::Applied(object, version) => (Some(SourceEvent::Applied(object)), version),
        Line::Deleted(object, version) => (Some(SourceEvent::Deleted(object)), version),
        Line::Bookmark { version, .. } => (Some(SourceEvent::Bookmark(parse(&version)?)), Some(version)),
        Line::Unreadable(unreadable) => {
            let version = unreadable
                .as_ref()
                .map(|unreadable| unreadable.version.to_string());
            (left_out(unreadable), version)
        }
    };
    if let Some(version) = version {
        *reached = version;
    }
    Ok(event)
}

/// The next lines; an error where nothing comes any more.
async fn next(lines: &mut Lines) -> Result<Option<Vec<Result<String, LinesCodecError>>>, Failure> {
    let silence = WATCH_TIMEOUT + WATCH_GRACE;
    timeout(silence, lines.next())
        .await
        .map_err(|_| Failure::Silent(silence))
}

fn left_out<K>(unreadable: Option<Unreadable>) -> Option<SourceEvent<K>> {
    if unreadable.is_none() {
        tracing::warn!("leaving an object out of the cache: not even its metadata can be read");
    }
    unreadable.map(Unreadable::into_event)
}

fn parse(version: &str) -> Result<ResourceVersion, Failure> {
    version.parse().map_err(Failure::unreadable)
}

async fn back_off(pause: &mut Duration) {
    sleep(jittered(*pause)).await;
    *pause = (*pause * 2).min(LONGEST_PAUSE);
}
