use actix_web::http::header::{HeaderMap, HeaderValue, IF_MATCH};
use bookshelf_store::repository::{
    BookContent, BookKey, Category, IdempotencyKey, Namespace, Tenant, Terms, Versions,
};
use regex::Regex;

use super::*;
use crate::entity_tag;
use crate::view::book::{author, new_description, title};

fn fits(schema: &Object, text: &str) -> bool {
    let length = text.chars().count();
    let pattern = schema.pattern.as_deref().unwrap_or_default();
    length >= schema.min_length.unwrap_or_default()
        && length <= schema.max_length.unwrap_or(usize::MAX)
        && Regex::new(pattern).unwrap().is_match(text)
}

const TEXTS: [&str; 38] = [
    "\u{98}a",
    "\u{ffff}",
    "a\u{fffe}",
    "語\u{301}",
    "\u{2060}📖",
    "a\nb\t\r",
    "",
    "a",
    "0",
    "A",
    "a-b",
    "a.b",
    "-a",
    "a-",
    ".a",
    "a.",
    "a..b",
    "a.-b",
    "a-.b",
    "a_b",
    "a b",
    "ä",
    "a/b",
    "~!@",
    "\u{7f}",
    "\t",
    " ",
    "\u{85}",
    "\u{a0}",
    "\u{2003}\n",
    "\u{3000}",
    "\u{200b}",
    "\u{feff}",
    "\u{1c}",
    "a\n",
    "1.2",
    "01",
    "1.",
];

#[test]
fn patterns_accept_what_the_rules_accept() {
    let long = [63, 64, 128, 253, 254, 1_024, 1_025, 2_048, 2_049].map(|length| "a".repeat(length));
    let numbers = [18, 19, 38, 40].map(|length| "9".repeat(length));
    let version = Regex::new(VERSION).unwrap();
    let long = long.iter().chain(&numbers).map(String::as_str);
    for text in TEXTS.into_iter().chain(long) {
        let content = |author: &str, title: &str, description: &str| {
            let text = |text: &str| text.to_owned();
            BookContent::new(text(author), text(title), text(description), String::new()).is_ok()
        };
        for (schema, is_accepted) in [
            (namespace_id(), Namespace::parse(text).is_ok()),
            (id(), BookKey::parse("ns", text).is_ok()),
            (any_or_no_category_id(), Category::parse(text).is_ok()),
            (category_filter(), Category::parse(text).is_ok()),
            (query(), Terms::parse(text).is_ok()),
            (tenant(), Tenant::parse(text).is_ok()),
            (idempotency_key(), IdempotencyKey::parse(text).is_ok()),
            (author(), content(text, "title", "")),
            (title(), content("author", text, "")),
            (new_description(), content("author", "title", text)),
        ] {
            assert_eq!(
                fits(&schema, text),
                is_accepted,
                "{text:?}: {:?}",
                schema.description
            );
        }
        assert_eq!(
            version.is_match(text),
            text.parse::<Versions>().is_ok(),
            "{text:?}"
        );
    }
}

#[test]
fn the_pattern_of_conditions_accepts_what_their_parser_accepts() {
    let parts = [
        "*",
        ",",
        " ",
        "\t",
        r#""a""#,
        r#"W/"b,c""#,
        r#""\u{e4}""#,
        r#"""#,
        "W/",
        "a",
    ];
    let pattern = Regex::new(CONDITION).unwrap();
    let mut accepted = 0;
    // All sequences of up to five of these.
    for length in 0..=5 {
        for mut number in 0..parts.len().pow(length) {
            let mut text = String::new();
            for _ in 0..length {
                text.push_str(parts[number % parts.len()]);
                number /= parts.len();
            }
            let text = text.trim_matches([' ', '\t']);
            // A field's bytes are those of ISO 8859-1.
            let bytes = text.chars().map(|char| u8::try_from(char).unwrap());
            let value = HeaderValue::from_bytes(&bytes.collect::<Vec<_>>()).unwrap();
            let mut headers = HeaderMap::new();
            headers.insert(IF_MATCH, value);
            let is_accepted = entity_tag::condition(&headers, &IF_MATCH).is_some_and(|parsed| parsed.is_ok());
            assert_eq!(pattern.is_match(text), is_accepted, "{text:?}");
            accepted += usize::from(is_accepted);
        }
    }
    assert!(accepted > 1_000);
}
