//! Lists a resource, then watches it, for as long as it runs.

use std::ops::ControlFlow;
use std::time::Duration;

use futures::{Stream, StreamExt as _, TryStreamExt as _};
use http::Response;
use http_body_util::BodyExt as _;
use kube::api::{ListParams, WatchParams};
use kube::client::Body;
use kube::core::Status;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::codec::{FramedRead, LinesCodec};
use tokio_util::io::StreamReader;

use super::decode;
use super::writer::{SourceEvent, Writer};
use crate::connector::{Error, Reason, ResourceClient, jittered};
use crate::object::{ObjectKey, ResourceVersion};

/// Objects per page of a list.
const PAGE_SIZE: u32 = 500;
/// The longest a page of a list takes: one of large objects takes the API server longer than one object.
const PAGE_DEADLINE: Duration = Duration::from_secs(30);
/// How long the API server keeps one watch open. A connection that died without a word is noticed when this
/// time and [`WATCH_GRACE`] have passed.
const WATCH_TIMEOUT: Duration = Duration::from_mins(1);
const WATCH_GRACE: Duration = Duration::from_secs(5);
/// A watch that ends sooner did not work.
const SHORT_WATCH: Duration = Duration::from_secs(1);
/// The pauses after failures, as client-go's reflector has them.
const FIRST_PAUSE: Duration = Duration::from_millis(800);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How many watch events become one snapshot at most, when that many have arrived together.
const BATCH: usize = 256;
/// The longest line of a watch: twice what etcd stores of an object by default.
const LONGEST_LINE: usize = 4 << 20;

/// The source that feeds a cache from the API server: a consistent list in pages, then a watch from its
/// version on, with bookmarks; the list again when the API server no longer has that version.
pub struct ListWatch<K: kube::Resource> {
    resource: ResourceClient<K>,
    namespace: Option<String>,
    label_selector: Option<String>,
    field_selector: Option<String>,
}

impl<K> ListWatch<K>
where
    K: kube::Resource + DeserializeOwned,
{
    /// All objects of a resource, in all namespaces.
    pub fn new(resource: ResourceClient<K>) -> Self {
        Self {
            resource,
            namespace: None,
            label_selector: None,
            field_selector: None,
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

    /// Feeds a cache until the future is dropped. Failures are logged and tried again after a pause that
    /// doubles up to 30 s; meanwhile the cache keeps what it has.
    pub async fn run<V>(self, writer: Writer<K, V>) -> std::convert::Infallible {
        let resource = self.resource.name();
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match self.list(&writer).await {
                Ok(version) => {
                    tracing::info!(resource, version, "listed");
                    self.watch_from(version, &writer, &mut pause).await
                }
                Err(error) => error,
            };
            if let Some(error) = error.into_failure() {
                tracing::warn!(resource, %error, ?pause, "cannot list and watch, trying again");
                back_off(&mut pause).await;
            } else {
                tracing::info!(
                    resource,
                    "the API server no longer has the version watched from, listing again"
                );
            }
        }
    }

    async fn list<V>(&self, writer: &Writer<K, V>) -> Result<String, Failure> {
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
            writer.apply(page.items.iter().filter_map(|object| {
                read(object).map_or_else(skipped, |object| Some(SourceEvent::Listed(object)))
            }));
            match page.metadata.continue_token {
                Some(token) if !token.is_empty() => parameters.continue_token = Some(token),
                _ => {
                    let version = page.metadata.resource_version;
                    writer.apply([SourceEvent::ListDone(
                        version.parse().map_err(Failure::unreadable)?,
                    )]);
                    return Ok(version);
                }
            }
        }
    }

    /// Watches, again and again, until that is no longer possible.
    async fn watch_from<V>(
        &self,
        mut version: String,
        writer: &Writer<K, V>,
        pause: &mut Duration,
    ) -> Failure {
        let parameters = WatchParams {
            label_selector: self.label_selector.clone(),
            field_selector: self.field_selector.clone(),
            timeout: Some(u32::try_from(WATCH_TIMEOUT.as_secs()).unwrap_or(u32::MAX)),
            ..WatchParams::default()
        };
        loop {
            let started = Instant::now();
            let end = match self
                .resource
                .watch(self.namespace.as_deref(), &parameters, &version)
                .await
            {
                Ok(response) => {
                    *pause = FIRST_PAUSE;
                    follow(response, &mut version, writer).await
                }
                Err(error) => Err(error.into()),
            };
            match end {
                // The API server ends watches now and then, but one that ends at once would make a busy loop.
                Ok(()) if started.elapsed() < SHORT_WATCH => back_off(pause).await,
                Ok(()) => {}
                Err(
                    failure @ (Failure::Expired
                    | Failure::Request(Error {
                        reason: Reason::NotFound(_),
                        ..
                    })),
                ) => {
                    return failure;
                }
                Err(failure) => {
                    let resource = self.resource.name();
                    tracing::warn!(resource, error = %failure, ?pause, "the watch broke, watching again");
                    back_off(pause).await;
                }
            }
        }
    }
}

/// Feeds one watch's events to a cache, until the watch ends.
async fn follow<K, V>(
    response: Response<Body>,
    version: &mut String,
    writer: &Writer<K, V>,
) -> Result<(), Failure>
where
    K: kube::Resource + DeserializeOwned,
{
    let body = response
        .into_body()
        .into_data_stream()
        .map_err(std::io::Error::other);
    let lines = FramedRead::new(
        StreamReader::new(body),
        LinesCodec::new_with_max_length(LONGEST_LINE),
    );
    let mut batches = std::pin::pin!(lines.ready_chunks(BATCH));
    while let ControlFlow::Continue(batch) = next_batch(&mut batches).await? {
        let mut events = Vec::with_capacity(batch.len());
        let mut end = Ok(());
        for line in batch {
            match line
                .map_err(Failure::unreadable)
                .and_then(|line: String| read_event(&line, version))
            {
                Ok(event) => events.extend(event),
                Err(failure) => {
                    end = Err(failure);
                    break;
                }
            }
        }
        writer.apply(events);
        end?;
    }
    Ok(())
}

async fn next_batch<T>(batches: &mut (impl Stream<Item = T> + Unpin)) -> Result<ControlFlow<(), T>, Failure> {
    match timeout(WATCH_TIMEOUT + WATCH_GRACE, batches.next()).await {
        Ok(Some(batch)) => Ok(ControlFlow::Continue(batch)),
        Ok(None) => Ok(ControlFlow::Break(())),
        Err(_) => Err(Failure::Silent),
    }
}

async fn back_off(pause: &mut Duration) {
    sleep(jittered(*pause)).await;
    *pause = (*pause * 2).min(LONGEST_PAUSE);
}

// === What the API server sends ===

/// Why a list or a watch ended.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the version asked for is no longer kept")]
    Expired,
    #[error("nothing was heard for {} s", (WATCH_TIMEOUT + WATCH_GRACE).as_secs())]
    Silent,
    #[error(transparent)]
    Request(Error),
    #[error("the API server's answer cannot be read: {0}")]
    Unreadable(String),
    #[error("the API server ended the watch: {0}")]
    Ended(Box<Status>),
}

impl Failure {
    fn unreadable(error: impl std::fmt::Display) -> Self {
        Self::Unreadable(error.to_string())
    }

    /// `None` where all there is to do is to list again.
    fn into_failure(self) -> Option<Self> {
        (!matches!(self, Self::Expired)).then_some(self)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if matches!(error.reason, Reason::Expired(_)) {
            Self::Expired
        } else {
            Self::Request(error)
        }
    }
}

#[derive(Deserialize)]
struct Page<'a> {
    metadata: PageMetadata,
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMetadata {
    resource_version: String,
    #[serde(rename = "continue")]
    continue_token: Option<String>,
}

#[derive(Deserialize)]
struct WatchLine<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

/// What every object has, however wrong the rest of it is.
#[derive(Deserialize)]
struct Skeleton {
    metadata: SkeletonMetadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SkeletonMetadata {
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
    resource_version: String,
}

struct Unreadable {
    key: ObjectKey,
    version: ResourceVersion,
    error: String,
}

/// Reads an object; where that fails, at least which one it is.
fn read<K: DeserializeOwned>(object: &RawValue) -> Result<K, Option<Unreadable>> {
    decode::object(object.get()).map_err(|error| {
        let Skeleton { metadata } = serde_json::from_str(object.get()).ok()?;
        Some(Unreadable {
            key: ObjectKey::new(metadata.namespace, metadata.name),
            version: metadata.resource_version.parse().ok()?,
            error: error.to_string(),
        })
    })
}

fn skipped<K>(unreadable: Option<Unreadable>) -> Option<SourceEvent<K>> {
    let Some(Unreadable { key, version, error }) = unreadable else {
        tracing::warn!("leaving an object out of the cache: not even its metadata can be read");
        return None;
    };
    Some(SourceEvent::Unreadable { key, version, error })
}

/// Reads a line of a watch and moves `version` on to it.
fn read_event<K>(line: &str, version: &mut String) -> Result<Option<SourceEvent<K>>, Failure>
where
    K: kube::Resource + DeserializeOwned,
{
    let WatchLine { kind, object } = serde_json::from_str(line).map_err(Failure::unreadable)?;
    if kind == "ERROR" {
        let status: Status = serde_json::from_str(object.get()).map_err(Failure::unreadable)?;
        let is_expired = status.code == 410 || matches!(status.reason.as_str(), "Expired" | "Gone");
        return Err(if is_expired {
            Failure::Expired
        } else {
            Failure::Ended(status.boxed())
        });
    }
    if kind == "BOOKMARK" {
        let Skeleton { metadata } = serde_json::from_str(object.get()).map_err(Failure::unreadable)?;
        let bookmark = metadata.resource_version.parse().map_err(Failure::unreadable)?;
        *version = metadata.resource_version;
        return Ok(Some(SourceEvent::Bookmark(bookmark)));
    }
    Ok(match read::<K>(object) {
        Ok(object) => {
            if let Some(of_object) = &object.meta().resource_version {
                version.clone_from(of_object);
            }
            Some(if kind == "DELETED" {
                SourceEvent::Deleted(object)
            } else {
                SourceEvent::Applied(object)
            })
        }
        Err(unreadable) => {
            if let Some(Unreadable {
                version: of_object, ..
            }) = &unreadable
            {
                *version = of_object.to_string();
            }
            skipped(unreadable)
        }
    })
}
