//! The imprint of a request: a hash in the object that the request created.

use bookshelf_crd::annotations;
use kube::ResourceExt;

use super::error::Error;

/// The hash of the request that created an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Imprint {
    /// The hash of key, caller and path.
    pub(super) request: String,
    /// The hash of the body's content, independent of its encoding.
    pub(super) content: String,
}

impl Imprint {
    /// Returns the imprint of an object; `None` if it has none or an unreadable one.
    pub(super) fn on(object: &impl ResourceExt) -> Option<Self> {
        let imprint = object.annotations().get(annotations::MADE_BY_REQUEST)?;
        let (request, content) = imprint.split_once('.')?;
        Some(Self {
            request: request.to_owned(),
            content: content.to_owned(),
        })
    }

    /// Adds the imprint to an object that is about to be created.
    pub(super) fn leave_on(&self, object: &mut impl ResourceExt) {
        let imprint = format!("{}.{}", self.request, self.content);
        object
            .annotations_mut()
            .insert(annotations::MADE_BY_REQUEST.to_owned(), imprint);
    }

    /// Returns true if this request created the object with that imprint. Fails if its key was used for another body.
    pub(super) fn has_made(&self, existing: Option<&Self>) -> Result<bool, Error> {
        match existing {
            Some(existing) if existing.request != self.request => Ok(false),
            Some(existing) if existing.content != self.content => Err(Error::KeyReused),
            existing => Ok(existing.is_some()),
        }
    }
}
