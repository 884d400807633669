//! The imprint of a request: the hash of it that the object which it has made carries.

use bookshelf_crd::annotations;
use kube::ResourceExt;

use super::error::Error;

/// Which request made an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Imprint {
    /// Of key, caller and path.
    pub(super) request: String,
    /// Of the body: of what it says, not of how it says so.
    pub(super) content: String,
}

impl Imprint {
    /// The imprint that an object carries; none where it has none, or one that nobody can read.
    pub(super) fn on(object: &impl ResourceExt) -> Option<Self> {
        let imprint = object.annotations().get(annotations::MADE_BY_REQUEST)?;
        let (request, content) = imprint.split_once('.')?;
        Some(Self {
            request: request.to_owned(),
            content: content.to_owned(),
        })
    }

    /// Leaves the imprint on an object that is about to be made.
    pub(super) fn leave_on(&self, object: &mut impl ResourceExt) {
        let imprint = format!("{}.{}", self.request, self.content);
        object
            .annotations_mut()
            .insert(annotations::MADE_BY_REQUEST.to_owned(), imprint);
    }

    /// Whether an object with that imprint is what this request has made.
    pub(super) fn has_made(&self, there: Option<&Self>) -> Result<bool, Error> {
        match there {
            Some(there) if there.request != self.request => Ok(false),
            Some(there) if there.content != self.content => Err(Error::KeyReused),
            there => Ok(there.is_some()),
        }
    }
}
