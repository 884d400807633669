//! Refreshes: lists of a part of a resource that bring the cache up to the API server without the watch.

use std::collections::HashSet;

use kube::api::ListParams;
use serde::de::DeserializeOwned;

use super::Failure;
use super::feed::parse;
use super::list::PAGE_SIZE;
use super::wire::{self, Page, PageMetadata};
use crate::cache::Part;
use crate::cache::Writer;
use crate::connector::ResourceClient;
use crate::object::ResourceVersion;

impl<K: kube::Resource + DeserializeOwned, V> Writer<K, V> {
    /// Lists a part of the resource into the cache. Afterwards the cache serves nothing of that part that is older than
    /// the returned version. Returns `None` for a part that the cache does not cover.
    ///
    /// The list is consistent: no older than any earlier response. It says nothing about other parts, so
    /// [`Snapshot::resource_version`](crate::cache::Snapshot::resource_version) does not change. Do not use it for a
    /// cache with a selector, which the list does not have.
    ///
    /// `enough` checks the version of the first page. If it returns false, no other page is requested and the cache
    /// does not change.
    pub async fn refresh(
        &self,
        resource: &ResourceClient<K>,
        part: Part<'_>,
        enough: impl Fn(ResourceVersion) -> bool,
    ) -> Result<Option<ResourceVersion>, Failure> {
        let mut reached = None;
        for (source, writer) in self.sources() {
            let of = match (source.as_deref(), part.namespace()) {
                (Some(source), Some(namespace)) if source != namespace => continue,
                (Some(source), None) => Part::Namespace(source),
                _ => part,
            };
            let version = writer.refresh_part(resource, of, &enough).await?;
            reached = Some(reached.map_or(version, |reached: ResourceVersion| reached.min(version)));
        }
        Ok(reached)
    }

    /// Requests the latest version of the resource from the API server: no older than any version that it has reported
    /// before. Costs a list of one object.
    pub async fn current_version(&self, resource: &ResourceClient<K>) -> Result<ResourceVersion, Failure> {
        let namespace = self
            .sources()
            .into_iter()
            .next()
            .and_then(|(namespace, _)| namespace);
        let parameters = ListParams::default().limit(1);
        let body = resource.list_unparsed(namespace.as_deref(), &parameters).await?;
        let page: Page<'_> = serde_json::from_slice(&body).map_err(Failure::unreadable)?;
        parse(&page.metadata.resource_version)
    }

    async fn refresh_part(
        &self,
        resource: &ResourceClient<K>,
        part: Part<'_>,
        enough: impl Fn(ResourceVersion) -> bool,
    ) -> Result<ResourceVersion, Failure> {
        let mut parameters = ListParams::default().limit(PAGE_SIZE);
        if let Part::Object { name, .. } = part {
            parameters = parameters.fields(&format!("metadata.name={name}"));
        }
        let mut listed = HashSet::new();
        loop {
            let body = resource.list_unparsed(part.namespace(), &parameters).await?;
            let page: Page<'_> = serde_json::from_slice(&body).map_err(Failure::unreadable)?;
            let (metadata, items) = page.into_parts();
            let PageMetadata {
                resource_version,
                continue_token,
            } = metadata;
            let version = parse(&resource_version)?;
            if !enough(version) {
                return Ok(version);
            }
            // Decoded here, and not under the lock of the cache. The watch also reports an unreadable object, which is
            // then left out.
            let objects: Vec<_> = items
                .map(|object| {
                    wire::read_object::<K>(object).map_err(|unreadable| unreadable.map(|it| it.key))
                })
                .collect();
            let end = continue_token.is_empty().then_some((part, version));
            self.observe_page(objects, &mut listed, end);
            if continue_token.is_empty() {
                return Ok(version);
            }
            parameters.continue_token = Some(continue_token);
        }
    }
}
