//! Entity tags in conditional requests
//! ([RFC 9110, section 8.8.3](https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3)).

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, IF_MATCH};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::problem::Problem;

/// An entity tag of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntityTag<'a> {
    pub(crate) is_weak: bool,
    /// The text between the quotes.
    pub(crate) opaque: &'a [u8],
}

/// The condition of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Condition<'a> {
    /// `*`: anything that exists.
    Any,
    /// Any of these.
    OneOf(Vec<EntityTag<'a>>),
}

/// A condition that names neither `*` nor entity tags.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Returns an entity tag for content without a version: its hash, without quotes.
pub(crate) fn of_content(content: impl AsRef<[u8]>) -> String {
    // Long enough to rule out accidental collisions.
    BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(content)[..16])
}

/// Returns the condition in the header fields of this name; `None` if there are no such fields.
pub(crate) fn condition<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Option<Result<Condition<'a>, Malformed>> {
    headers.contains_key(name).then(|| parse(headers.get_all(name)))
}

/// Returns the refusal of a malformed condition in the header fields of this name.
pub(crate) fn malformed(name: &'static str) -> Problem {
    Problem::invalid(name, "must be * or entity tags in quotes, as in the ETag header")
}

/// Refuses a read whose `If-Match` does not name this entity tag, which is `None` for an answer without one
/// ([RFC 9110, section 13.1.1](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1)).
pub(crate) fn check_match<'a>(
    headers: &HeaderMap,
    tag: impl FnOnce() -> Option<&'a str>,
) -> Result<(), Problem> {
    match condition(headers, &IF_MATCH) {
        None | Some(Ok(Condition::Any)) => Ok(()),
        Some(Err(Malformed)) => Err(malformed("If-Match")),
        Some(Ok(Condition::OneOf(tags))) => {
            let current = tag();
            // The comparison is strong.
            let mut strong = tags.iter().filter(|tag| !tag.is_weak);
            if strong.any(|tag| current.is_some_and(|current| tag.opaque == current.as_bytes())) {
                Ok(())
            } else {
                Err(Problem::not_matched(current))
            }
        }
    }
}

/// Parses the header fields of one name as a single list.
fn parse<'a>(values: impl Iterator<Item = &'a HeaderValue>) -> Result<Condition<'a>, Malformed> {
    let mut tags = Vec::new();
    let mut is_any = false;
    for value in values {
        if value.as_bytes().trim_ascii() == b"*" {
            is_any = true;
        } else {
            parse_tags(value.as_bytes(), &mut tags)?;
        }
    }
    match (is_any, tags.is_empty()) {
        (true, true) => Ok(Condition::Any),
        (false, false) => Ok(Condition::OneOf(tags)),
        (true, false) | (false, true) => Err(Malformed),
    }
}

/// Parses a list of tags. A tag may contain commas, so the list cannot be split at them. Empty elements are allowed
/// ([section 5.6.1.2](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.1.2)).
fn parse_tags<'a>(list: &'a [u8], tags: &mut Vec<EntityTag<'a>>) -> Result<(), Malformed> {
    let mut rest = list.trim_ascii();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(b",") {
            rest = after.trim_ascii_start();
            continue;
        }
        let after_prefix = rest.strip_prefix(b"W/");
        let is_weak = after_prefix.is_some();
        let quoted = after_prefix
            .unwrap_or(rest)
            .strip_prefix(b"\"")
            .ok_or(Malformed)?;
        let end = quoted.iter().position(|byte| *byte == b'"').ok_or(Malformed)?;
        let (opaque, after) = (&quoted[..end], quoted[end + 1..].trim_ascii_start());
        let is_separated = after.is_empty() || after.starts_with(b",");
        if !is_separated || !opaque.iter().all(|byte| matches!(byte, 0x21..=0x7e | 0x80..)) {
            return Err(Malformed);
        }
        tags.push(EntityTag { is_weak, opaque });
        rest = after;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(values: &[&'static str]) -> Result<Vec<(bool, String)>, Malformed> {
        let values = values
            .iter()
            .map(|value| HeaderValue::from_static(value))
            .collect::<Vec<_>>();
        Ok(match parse(values.iter())? {
            Condition::Any => vec![(false, "ANY".to_owned())],
            Condition::OneOf(tags) => tags
                .iter()
                .map(|tag| (tag.is_weak, String::from_utf8_lossy(tag.opaque).into_owned()))
                .collect(),
        })
    }

    fn strong(tags: &[&str]) -> Vec<(bool, String)> {
        tags.iter().map(|tag| (false, (*tag).to_owned())).collect()
    }

    #[test]
    fn tags_are_read_one_and_many_strong_and_weak() {
        assert_eq!(parsed(&[r#""a.1""#]), Ok(strong(&["a.1"])));
        assert_eq!(parsed(&[r#""a" , "b,c",,"""#]), Ok(strong(&["a", "b,c", ""])));
        assert_eq!(parsed(&[r#""a""#, r#""b""#]), Ok(strong(&["a", "b"])));
        assert_eq!(parsed(&[r#"W/"a""#]), Ok(vec![(true, "a".to_owned())]));
        assert_eq!(parsed(&[" * "]), Ok(strong(&["ANY"])));
    }

    #[test]
    fn anything_but_a_tag_or_an_asterisk_is_malformed() {
        for bad in [
            "",
            ",",
            "a",
            r#""a"#,
            r#"a""#,
            r#""a" "b""#,
            r#""a"b"#,
            r#"w/"a""#,
            r#"W/ "a""#,
            r#"*, "a""#,
            r#""a b""#,
            "'a'",
            "**",
        ] {
            assert_eq!(parsed(&[bad]), Err(Malformed), "{bad}");
        }
        assert_eq!(parsed(&["*", r#""a""#]), Err(Malformed));
    }
}
