//! Versions of objects, and preconditions of writes.

use std::fmt;
use std::str::FromStr;

use crate::object::{ResourceVersion, Uid};

/// A version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The uid, which no earlier or later object of the same name has.
    pub uid: Uid,
    /// The resource version, which changes with every write.
    pub resource_version: ResourceVersion,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.uid, self.resource_version)
    }
}

/// The error for a text that is not a [`Version`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a version")]
pub struct NotAVersion;

impl FromStr for Version {
    type Err = NotAVersion;

    /// Parses the exact output of [`Display`](fmt::Display).
    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let (uid, resource_version) = text.rsplit_once('.').ok_or(NotAVersion)?;
        Ok(Self {
            uid: uid.into(),
            resource_version: resource_version.parse().map_err(|_| NotAVersion)?,
        })
    }
}

/// The versions of an object that a write is meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Any version.
    Any,
    /// One of these; an empty list matches nothing.
    OneOf(Vec<Version>),
    /// Any version but these.
    Except(Vec<Version>),
}

impl Expected {
    /// Returns true if a write is meant for this version.
    #[must_use]
    pub fn accepts(&self, version: &Version) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(versions) => versions.contains(version),
            Self::Except(versions) => !versions.contains(version),
        }
    }

    /// Excludes these versions.
    #[must_use]
    pub fn except(self, versions: Vec<Version>) -> Self {
        match self {
            Self::Any => Self::Except(versions),
            Self::OneOf(mut these) => {
                these.retain(|version| !versions.contains(version));
                Self::OneOf(these)
            }
            Self::Except(mut these) => {
                these.extend(versions);
                Self::Except(these)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_it_is_written_and_nothing_else_is() {
        for version in ["69828521-6a60-4e81-b4cc-96bdcc063afe.7", "a.b.9"] {
            assert_eq!(version.parse::<Version>().unwrap().to_string(), version);
        }
        for bad in ["", ".", "a", "a.", "a.07", "a.0", "a.b", "a.1 ", "a.-1"] {
            assert_eq!(bad.parse::<Version>(), Err(NotAVersion), "{bad}");
        }
    }

    #[test]
    fn a_write_is_meant_for_any_version_or_for_those_it_names() {
        let [one, two]: [Version; 2] = ["a.1", "a.2"].map(|version| version.parse().unwrap());
        assert!(Expected::Any.accepts(&one));
        assert!(Expected::OneOf(vec![two.clone(), one.clone()]).accepts(&one));
        assert!(!Expected::OneOf(vec![two]).accepts(&one));
        assert!(!Expected::OneOf(Vec::new()).accepts(&one));
    }

    #[test]
    fn a_write_is_not_meant_for_versions_that_it_excepts() {
        let [one, two, three]: [Version; 3] = ["a.1", "a.2", "a.3"].map(|version| version.parse().unwrap());
        let all_but_one = Expected::Any.except(vec![one.clone()]);
        assert!(!all_but_one.accepts(&one) && all_but_one.accepts(&two));
        let two_of_both = Expected::OneOf(vec![one.clone(), two.clone()]).except(vec![one.clone()]);
        assert!(!two_of_both.accepts(&one) && two_of_both.accepts(&two) && !two_of_both.accepts(&three));
        let neither = all_but_one.except(vec![two.clone()]);
        assert!(!neither.accepts(&one) && !neither.accepts(&two) && neither.accepts(&three));
    }
}
