//! The librarians' page compared with the API.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use serde_json::Value;

const PAGE: &str = include_str!("../ui/conflict.js");
/// The fields of a GET's answer that a PUT accepts and does not replace.
const IGNORED: [&str; 4] = ["available", "id", "managed_by", "namespace_id"];
const DOCUMENT: &str = include_str!("../../../docs/admin-api.openapi.json");

/// The page sends only its own fields, in a PUT that replaces the book.
#[test]
fn the_page_has_every_field_that_a_put_replaces() {
    let fields = PAGE
        .split("FIELDS = [")
        .nth(1)
        .unwrap()
        .split(']')
        .next()
        .unwrap();
    let fields: BTreeSet<&str> = fields
        .split(',')
        .map(|field| field.trim().trim_matches('\''))
        .collect();
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let body = &document["components"]["schemas"]["BookBody"]["properties"];
    let replaced = body.as_object().unwrap().keys().map(String::as_str);
    let replaced: BTreeSet<&str> = replaced.filter(|field| !IGNORED.contains(field)).collect();
    assert_eq!(fields, replaced);
}
