//! Lists: streamed, or in pages.

use std::time::Duration;

use kube::api::WatchParams;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::Failure;
use super::feed::{Feed, parse};
use super::wire::{self, Line, Page, PageMetadata, Unreadable, not_listed};
use crate::cache::SourceEvent;

/// The number of objects per page of a list.
pub(super) const PAGE_SIZE: u32 = 500;
/// The deadline of a page of a list: a page of large objects takes the API server longer than one object.
const PAGE_DEADLINE: Duration = Duration::from_secs(30);
/// The timeout of a streaming list: longer than the watch timeout, since many objects take their time.
const STREAMING_LIST_TIMEOUT: Duration = Duration::from_mins(10);

impl<K, V> Feed<'_, K, V>
where
    K: kube::Resource + DeserializeOwned,
{
    /// Lists the source and returns the version to watch from.
    pub(super) async fn list(&self, can_stream: &mut bool) -> Result<String, Failure> {
        let confirmed = self.confirmed_version();
        let started = Instant::now();
        let mut listed = self.list_streaming_or_paged(can_stream).await?;
        if confirmed > Some(parse(&listed)?) {
            // The API server was restored from a backup. The list skipped objects that were deleted before, but exist
            // again.
            listed = self.list_streaming_or_paged(can_stream).await?;
        }
        self.metrics.listed(started.elapsed());
        Ok(listed)
    }

    async fn list_streaming_or_paged(&self, can_stream: &mut bool) -> Result<String, Failure> {
        if !*can_stream {
            self.apply([SourceEvent::ListStarted]);
            return self.paged_list().await;
        }
        match self.streaming_list().await {
            Err(failure) if !failure.is_outage() && !failure.is_missing() => {
                // A list that only took too long, or whose end was not marked, may work next time.
                *can_stream = !failure.is_refusal();
                let resource = self.list_watch.resource.name();
                tracing::info!(resource, %failure, "the streaming list failed, listing in pages");
                self.apply([SourceEvent::ListStarted]);
                self.paged_list().await
            }
            listed => listed,
        }
    }

    /// Reads a list in pages, after the caller has applied the event that starts it.
    pub(super) async fn paged_list(&self) -> Result<String, Failure> {
        let mut parameters = self.list_watch.list_parameters();
        parameters.limit = Some(PAGE_SIZE);
        loop {
            let body = self
                .list_watch
                .resource
                .list_page(self.namespace.as_deref(), &parameters, PAGE_DEADLINE)
                .await?;
            let page: Page<'_> = serde_json::from_slice(&body).map_err(Failure::unreadable)?;
            let (metadata, items) = page.into_parts();
            let objects = items.map(wire::read_object);
            // Decoded here, and not under the lock of the cache.
            let listed: Vec<_> = objects
                .filter_map(|object| {
                    let known = |unreadable| self.report_without_metadata(unreadable).map(not_listed);
                    object.map_or_else(known, |object| Some(SourceEvent::Listed(object)))
                })
                .collect();
            self.apply(listed);
            let PageMetadata {
                resource_version: version,
                continue_token,
            } = metadata;
            if continue_token.is_empty() {
                self.apply([SourceEvent::ListDone(parse(&version)?)]);
                return Ok(version);
            }
            parameters.continue_token = Some(continue_token);
        }
    }

    async fn streaming_list(&self) -> Result<String, Failure> {
        let parameters = WatchParams {
            send_initial_events: true,
            timeout: u32::try_from(STREAMING_LIST_TIMEOUT.as_secs()).ok(),
            ..self.list_watch.watch_parameters()
        };
        self.apply([SourceEvent::ListStarted]);
        let mut lines = self.open(&parameters, "").await?;
        while let Some(batch) = self.next(&mut lines).await? {
            let mut events = Vec::with_capacity(batch.len());
            let mut end = None;
            for line in batch {
                match wire::read_line(&line.map_err(Failure::of_line)?)? {
                    Line::Applied(object, _) => events.push(SourceEvent::Listed(object)),
                    // Some API servers report the changes during the list before they mark its end.
                    Line::Deleted(object, _) => events.push(SourceEvent::Deleted(object)),
                    Line::DeletedUnreadable(Unreadable { key, version, .. }, uid) => {
                        events.push(SourceEvent::DeletedUnreadable { key, uid, version });
                    }
                    Line::Unreadable(unreadable) => {
                        events.extend(self.report_without_metadata(unreadable).map(not_listed));
                    }
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
            self.apply(events);
            if let Some(version) = end {
                return Ok(version);
            }
        }
        Err(Failure::Unreadable(
            "a streaming list ended before its end was marked".to_owned(),
        ))
    }
}
