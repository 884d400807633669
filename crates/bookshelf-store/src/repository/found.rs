//! A book as a write finds it.

use super::error::Error;
use super::model::Management;
use super::version::{Expected, Version};

pub(super) struct Found {
    pub(super) version: Version,
    pub(super) management: Management,
    pub(super) is_being_deleted: bool,
}

impl Found {
    /// Returns the version to change, if the book may be changed.
    pub(super) fn version_to_change(&self, expected: &Expected) -> Result<Version, Error> {
        self.check_manageable()?;
        if self.is_being_deleted {
            return Err(Error::BeingDeleted);
        }
        self.check_expected(expected)?;
        Ok(self.version.clone())
    }

    /// Checks that no other tool manages the book. This suffices for a deletion: a second one does no harm.
    pub(super) fn check_manageable(&self) -> Result<(), Error> {
        match self.management {
            Management::Here(_) => Ok(()),
            Management::Elsewhere => Err(Error::NotManageable),
        }
    }

    /// Checks that the client expects this version. This is the last check: a request that would fail anyway must fail
    /// for that other reason ([RFC 9110, section 13.2.1](https://www.rfc-editor.org/rfc/rfc9110#section-13.2.1)).
    pub(super) fn check_expected(&self, expected: &Expected) -> Result<(), Error> {
        if expected.accepts(&self.version) {
            Ok(())
        } else {
            Err(Error::Stale(self.version.clone()))
        }
    }
}
