//! The rules for names, checked before a request is sent. The rules for free text are in [`text`](crate::text).
//!
//! Each is a rule of Kubernetes for
//! [object names](https://kubernetes.io/docs/concepts/overview/working-with-objects/names/) and
//! [labels](https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/), or a rule of the CRDs: both
//! sides accept the same values.

use std::fmt;

/// The text of [`Rule::NotBlank`].
pub(crate) const NOT_BLANK: &str =
    "must not be blank: it needs at least one letter, number, punctuation mark or symbol";

/// The text of [`Rule::Tenant`].
pub(crate) const TENANT: &str = "must be 1 to 253 printable ASCII characters without blanks";

/// A rule that a value broke. Its text completes the sentence «the field …».
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// RFC 1123, up to 253 characters: object names.
    Dns1123Subdomain,
    /// RFC 1123, up to 63 characters: namespaces.
    Dns1123Label,
    /// Up to 63 characters: label values.
    LabelValue,
    /// 1–253 printable ASCII characters without blanks.
    Tenant,
    /// 1–128 visible ASCII characters: idempotency keys.
    RequestKey,
    /// At least one letter, number, punctuation mark or symbol.
    NotBlank,
    /// Without this character, which is one of [`text::CONTROL`](crate::text::CONTROL).
    Without(char),
    /// At most this many characters.
    MaxLength(u32),
    /// At least one letter or number: search queries.
    HasWord,
    /// At most this many terms: search queries.
    MaxTerms(u32),
    /// No search query: search is turned off.
    NoSearch,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns1123Subdomain => f.write_str(
                "must be a DNS-1123 subdomain: at most 253 lower-case ASCII letters, ASCII digits, '-' or '.', \
                 each part between dots starting and ending with such a letter or digit",
            ),
            Self::Dns1123Label => f.write_str(
                "must be a DNS-1123 label: at most 63 lower-case ASCII letters, ASCII digits or '-', \
                 starting and ending with such a letter or digit",
            ),
            Self::LabelValue => f.write_str(
                "must be a label value: at most 63 ASCII letters, ASCII digits, '-', '_' or '.', \
                 starting and ending with such a letter or digit",
            ),
            Self::Tenant => f.write_str(TENANT),
            Self::RequestKey => f.write_str("must be 1 to 128 visible ASCII characters"),
            Self::NotBlank => f.write_str(NOT_BLANK),
            Self::Without(character) => {
                write!(f, "must not contain the character U+{:04X}", u32::from(*character))
            }
            Self::MaxLength(max) => write!(f, "must have at most {max} characters"),
            Self::HasWord => f.write_str("must have at least one letter or number"),
            Self::MaxTerms(max) => write!(f, "must have at most {max} terms"),
            Self::NoSearch => f.write_str("must be absent: search is turned off"),
        }
    }
}

/// Checks an object's name: a DNS-1123 subdomain.
pub fn name(value: &str) -> Result<(), Rule> {
    // Most names have no dots, and looking for one takes as long as checking the whole name.
    let fits = value.len() <= 253 && (is_dns1123_part(value) || value.split('.').all(is_dns1123_part));
    fits.then_some(()).ok_or(Rule::Dns1123Subdomain)
}

/// Checks a namespace's name: a DNS-1123 label.
pub fn namespace(value: &str) -> Result<(), Rule> {
    let fits = value.len() <= 63 && is_dns1123_part(value);
    fits.then_some(()).ok_or(Rule::Dns1123Label)
}

/// Checks a label's value, which may be empty.
pub fn label_value(value: &str) -> Result<(), Rule> {
    let bytes = value.as_bytes();
    let fits = bytes.len() <= 63
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
        && [bytes.first(), bytes.last()]
            .into_iter()
            .flatten()
            .all(u8::is_ascii_alphanumeric);
    fits.then_some(()).ok_or(Rule::LabelValue)
}

/// Checks a tenant's name.
pub fn tenant(value: &str) -> Result<(), Rule> {
    let fits = (1..=253).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then_some(()).ok_or(Rule::Tenant)
}

/// Checks an idempotency key.
pub fn request_key(value: &str) -> Result<(), Rule> {
    let fits = (1..=128).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then_some(()).ok_or(Rule::RequestKey)
}

/// Checks one part of a DNS name. As in Kubernetes, only the length of the whole name is limited.
fn is_dns1123_part(part: &str) -> bool {
    let bytes = part.as_bytes();
    let is_edge = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    // No early exit, so that the compiler can vectorize the loop.
    bytes
        .iter()
        .fold(true, |fits, byte| fits & (is_edge(byte) || *byte == b'-'))
        && bytes.first().is_some_and(is_edge)
        && bytes.last().is_some_and(is_edge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_dns_1123_subdomain() {
        for good in [
            "a",
            "0",
            "a-b",
            "a.b",
            "modenov-analytic-geometry",
            &"a".repeat(253),
        ] {
            assert_eq!(name(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "A",
            "-a",
            "a-",
            ".a",
            "a.",
            "a..b",
            "a.-b",
            "a_b",
            "a b",
            "ä",
            &"a".repeat(254),
        ] {
            assert_eq!(name(bad), Err(Rule::Dns1123Subdomain), "{bad}");
        }
    }

    #[test]
    fn a_namespace_is_a_dns_1123_label() {
        for good in ["a", "0", "science-library", &"a".repeat(63)] {
            assert_eq!(namespace(good), Ok(()), "{good}");
        }
        for bad in ["", "a.b", "A", "-a", "a-", &"a".repeat(64)] {
            assert_eq!(namespace(bad), Err(Rule::Dns1123Label), "{bad}");
        }
    }

    #[test]
    fn a_category_is_a_label_value() {
        for good in ["", "a", "Math", "a_b.c-d", "9", &"a".repeat(63)] {
            assert_eq!(label_value(good), Ok(()), "{good}");
        }
        for bad in ["-", "a-", "_a", "a b", "ä", "a/b", &"a".repeat(64)] {
            assert_eq!(label_value(bad), Err(Rule::LabelValue), "{bad}");
        }
    }

    #[test]
    fn a_tenant_is_printable_ascii_without_blanks() {
        for good in [
            "bob",
            "system:serviceaccount:a:b",
            "~!@#$%^&*()",
            &"a".repeat(253),
        ] {
            assert_eq!(tenant(good), Ok(()), "{good}");
        }
        for bad in ["", " ", "a b", "a\t", "\u{7f}", "bób", &"a".repeat(254)] {
            assert_eq!(tenant(bad), Err(Rule::Tenant), "{bad}");
        }
    }
}
