//! Refreshes: lists of a part of a resource that bring the cache up to the API server, without its watch.

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
    /// Lists a part of the resource into the cache: afterwards the cache serves nothing of that part older than the
    /// returned version. Returns `None` for a part that the cache does not cover.
    ///
    /// The list is a consistent one, and so is no older than any earlier response. It says
    /// nothing of other parts, so that [`Snapshot::resource_version`](crate::cache::Snapshot::resource_version)
    /// stays where it is. For caches of all objects, not of those that a selector selects.
    ///
    /// `enough` checks the version of the first page; if it is not enough, the other pages are not requested and the cache
    /// stays as it is.
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
            // Here, and not while others wait to write. The watch reports an unreadable object, too, and then it is left out.
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
