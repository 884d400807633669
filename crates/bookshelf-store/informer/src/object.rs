//! The name, the uid and the version of an object.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::sync::Arc;

use smol_str::SmolStr;
use uuid::Uuid;

/// Identifies an object within its resource: namespace and name.
///
/// The namespace of a cluster-scoped object is the empty string. Keys are ordered by namespace, then name, both
/// bytewise, and clone without allocating.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    namespace: Arc<str>,
    /// Not shared between objects, unlike the namespace. Up to 23 bytes are stored inline, without an allocation.
    name: SmolStr,
}

impl ObjectKey {
    /// The key of an object in a namespace.
    pub fn new(namespace: impl Into<Arc<str>>, name: impl AsRef<str>) -> Self {
        Self {
            namespace: namespace.into(),
            name: SmolStr::new(name),
        }
    }

    /// The key of a cluster-scoped object.
    pub fn cluster_scoped(name: impl AsRef<str>) -> Self {
        Self::new("", name)
    }

    /// The namespace; empty for a cluster-scoped object.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The shared copy of the namespace.
    pub(crate) fn shared_namespace(&self) -> &Arc<str> {
        &self.namespace
    }

    /// Replaces the namespace by an equal one, to share its copy.
    pub(crate) fn with_shared_namespace(self, namespace: Arc<str>) -> Self {
        debug_assert_eq!(self.namespace, namespace);
        Self { namespace, ..self }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The uid of an object, which distinguishes it from earlier and later objects of the same name.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Uid(UidForm);

/// Uids are opaque, but those of the API server are UUIDs, which take 16 bytes instead of the 36 of their text. The
/// other form takes no more: zero in the first half marks it, and its thin pointer fits in the second.
#[derive(Clone, PartialEq, Eq, Hash)]
enum UidForm {
    Uuid(NonZeroU64, u64),
    Other(Arc<String>),
}

impl From<&str> for Uid {
    fn from(uid: &str) -> Self {
        let mut buffer = Uuid::encode_buffer();
        let parsed = Uuid::try_parse(uid).ok();
        // Only the canonical form, which is written back unchanged: a UUID can also be written in other ways.
        let canonical = parsed.filter(|uuid| uuid.hyphenated().encode_lower(&mut buffer) == uid);
        let halves = canonical.map(|uuid| uuid.as_u64_pair());
        let form = halves.and_then(|(high, low)| Some(UidForm::Uuid(NonZeroU64::new(high)?, low)));
        Self(form.unwrap_or_else(|| UidForm::Other(Arc::new(uid.to_owned()))))
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            UidForm::Uuid(high, low) => f.pad(
                Uuid::from_u64_pair(high.get(), *low)
                    .hyphenated()
                    .encode_lower(&mut Uuid::encode_buffer()),
            ),
            UidForm::Other(text) => f.pad(text),
        }
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A resource version that can be compared.
///
/// The API server's versions of a resource are increasing decimal numbers
/// ([KEP-5504](https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/5504-comparable-resource-version)).
/// Versions of different resources are not comparable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceVersion {
    // Two halves, compared in this order: a `u128` would align every type that contains it to 16 bytes.
    high: u64,
    low: u64,
}

/// The error for a resource version that cannot be compared.
#[derive(Debug, thiserror::Error)]
#[error(
    "resource version {0:?} is not a decimal number without leading zeros, so it cannot be compared (KEP-5504)"
)]
pub struct InvalidResourceVersion(String);

impl ResourceVersion {
    /// The lowest version: no object has an older one.
    pub(crate) const LEAST: Self = Self { high: 0, low: 1 };

    /// The number as a float, which may round it.
    #[expect(clippy::cast_precision_loss, reason = "a metric is a float")]
    pub(crate) fn to_f64(self) -> f64 {
        self.number() as f64
    }

    #[expect(clippy::cast_possible_truncation, reason = "these are the halves")]
    fn new(number: u128) -> Self {
        Self {
            high: (number >> 64) as u64,
            low: number as u64,
        }
    }

    fn number(self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }
}

impl FromStr for ResourceVersion {
    type Err = InvalidResourceVersion;

    fn from_str(version: &str) -> Result<Self, Self::Err> {
        let is_canonical = version.bytes().all(|byte| byte.is_ascii_digit()) && !version.starts_with('0');
        let parsed = if is_canonical {
            version.parse::<u128>().ok()
        } else {
            None
        };
        parsed
            .map(Self::new)
            .ok_or_else(|| InvalidResourceVersion(version.chars().take(64).collect()))
    }
}

impl fmt::Display for ResourceVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

impl fmt::Debug for ResourceVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resource_versions_order_as_numbers() {
        let version = |text: &str| text.parse::<ResourceVersion>().unwrap();
        assert!(version("9") < version("10"));
        assert!(version("99999999999999999999") < version("100000000000000000000"));
        assert!(version("18446744073709551615") < version("18446744073709551616"));
        assert!(version("18446744073709551616") < version("36893488147419103231"));
        for text in [
            "42",
            "18446744073709551616",
            "340282366920938463463374607431768211455",
        ] {
            assert_eq!(version(text).to_string(), text);
        }
    }

    #[test]
    fn the_types_with_many_values_are_small() {
        assert_eq!(size_of::<ObjectKey>(), 40);
        assert_eq!(size_of::<Uid>(), 16);
        assert_eq!(
            (size_of::<ResourceVersion>(), align_of::<ResourceVersion>()),
            (16, 8)
        );
    }

    #[test]
    fn only_a_canonical_number_is_a_resource_version() {
        for bad in [
            "",
            "0",
            "01",
            "-1",
            "+1",
            "1.5",
            "abc",
            " 1",
            "4".repeat(40).as_str(),
        ] {
            assert!(bad.parse::<ResourceVersion>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_uid_is_written_as_it_was_read() {
        for uid in [
            "69828521-6a60-4e81-b4cc-96bdcc063afe",
            "69828521-6A60-4E81-B4CC-96BDCC063AFE",
            "00000000-0000-0000-b4cc-96bdcc063afe",
            "1",
            "",
        ] {
            assert_eq!(Uid::from(uid).to_string(), uid);
            assert_eq!(format!("{:.8}", Uid::from(uid)), uid.get(..8).unwrap_or(uid));
        }
        assert_ne!(
            Uid::from("69828521-6a60-4e81-b4cc-96bdcc063afe"),
            Uid::from("698285216a604e81b4cc96bdcc063afe"),
        );
    }

    #[test]
    fn keys_show_as_kubectl_shows_them() {
        assert_eq!(ObjectKey::new("east", "lamp").to_string(), "east/lamp");
        assert_eq!(ObjectKey::cluster_scoped("shelf").to_string(), "shelf");
    }
}
