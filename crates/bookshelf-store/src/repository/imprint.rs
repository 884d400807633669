//! The imprint of a request: a hash that the object carries which the request made.

use bookshelf_crd::annotations;
use kube::ResourceExt;

use super::error::Error;

/// The request that made an object, as a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Imprint {
    /// The hash of key, caller and path.
    pub(super) request: String,
    /// The hash of the body's content, whatever its spelling.
    pub(super) content: String,
}

impl Imprint {
    /// Returns the imprint of an object; `None` if it has none, or one that cannot be read.
    pub(super) fn on(object: &impl ResourceExt) -> Option<Self> {
        let imprint = object.annotations().get(annotations::MADE_BY_REQUEST)?;
        let (request, content) = imprint.split_once('.')?;
        Some(Self {
            request: request.to_owned(),
            content: content.to_owned(),
        })
    }

    /// Puts the imprint on an object that is about to be made.
    pub(super) fn leave_on(&self, object: &mut impl ResourceExt) {
        let imprint = format!("{}.{}", self.request, self.content);
        object
            .annotations_mut()
            .insert(annotations::MADE_BY_REQUEST.to_owned(), imprint);
    }

    /// Checks that this request made an object with that imprint.
    pub(super) fn has_made(&self, there: Option<&Self>) -> Result<bool, Error> {
        match there {
            Some(there) if there.request != self.request => Ok(false),
            Some(there) if there.content != self.content => Err(Error::KeyReused),
            there => Ok(there.is_some()),
        }
    }
}
