//! Schemas of the values that obey a rule, to be used with utoipa's `schema_with`. The rules themselves are those of
//! `bookshelf_crd::rules`, which the tests below compare with.

mod query;

use bookshelf_store::repository::{AUTHOR_MAX, DESCRIPTION_MAX, TITLE_MAX};
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

pub use query::query;

/// A DNS-1123 subdomain.
const NAME: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// A DNS-1123 label.
const NAMESPACE: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// A label's value, or none.
const LABEL_VALUE: &str = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$";
/// Printable ASCII without blanks.
const GRAPHIC: &str = "^[!-~]+$";
/// One line with at least one letter, number, punctuation mark or symbol.
const LINE: &str = concat!(
    r"^[^\u0000-\u001f\u007f-\u009f\ufffe\uffff]*[\p{L}\p{N}\p{P}\p{S}]",
    r"[^\u0000-\u001f\u007f-\u009f\ufffe\uffff]*$"
);
/// Any number of lines.
const PARAGRAPHS: &str = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]*$";
/// Entity tags as `If-Match` lists them, empty elements of the list included, or `*`
/// ([RFC 9110, sections 5.6.1.2 and 8.8.3](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.1.2)). White space around
/// a field's value is not of it.
const CONDITION: &str = concat!(
    r#"^(\*|(,[ \t,]*)?(W/)?"[!#-~\u0080-\u00ff]*""#,
    r#"([ \t]*,[ \t,]*(W/)?"[!#-~\u0080-\u00ff]*")*([ \t,]*,)?)$"#
);
/// `<books>.<loans>`, or one number for both. As many digits as surely fit into 128 bits.
pub(super) const VERSION: &str = r"^[1-9][0-9]{0,37}(\.[1-9][0-9]{0,37})?$";

fn string(description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
}

/// Makes `null` the same as leaving the field out.
fn or_null(object: ObjectBuilder) -> Object {
    object
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .build()
}

/// A book's id.
#[must_use]
pub fn id() -> Object {
    let id = string(
        "The book's id, the name of its object: a DNS-1123 subdomain of lower-case ASCII letters, ASCII digits, `-` and `.`.",
    );
    id.min_length(Some(1))
        .max_length(Some(253))
        .pattern(Some(NAME))
        .examples(["modenov-analytic-geometry"])
        .build()
}

/// A book's id, in the body of a request whose path has it.
#[must_use]
pub fn same_id() -> Object {
    let id = ObjectBuilder::from(id()).description(Some("If given, must equal the one in the path."));
    or_null(id)
}

/// A namespace.
#[must_use]
pub fn namespace_id() -> Object {
    let namespace =
        string("The namespace: a DNS-1123 label of lower-case ASCII letters, ASCII digits and `-`.");
    namespace
        .min_length(Some(1))
        .max_length(Some(63))
        .pattern(Some(NAMESPACE))
        .examples(["science-library"])
        .build()
}

/// A namespace, in the body of a request whose path has it.
#[must_use]
pub fn same_namespace_id() -> Object {
    let namespace = ObjectBuilder::from(namespace_id());
    or_null(namespace.description(Some("If given, must equal the one in the path.")))
}

/// An author.
#[must_use]
pub fn author() -> Object {
    let author = string(
        "The author of the book: one line, with at least one letter, number, punctuation mark or symbol.",
    );
    author
        .min_length(Some(1))
        .max_length(Some(AUTHOR_MAX as usize))
        .pattern(Some(LINE))
        .examples(["Modenov P.S."])
        .build()
}

/// A title.
#[must_use]
pub fn title() -> Object {
    let title =
        string("The book's title: one line, with at least one letter, number, punctuation mark or symbol.");
    title
        .min_length(Some(1))
        .max_length(Some(TITLE_MAX as usize))
        .pattern(Some(LINE))
        .examples(["Analytic Geometry"])
        .build()
}

// What is stored may be older than a rule, or than the definition of the resource: no pattern and no greatest length.

/// An author, as it is stored.
#[must_use]
pub fn stored_author() -> Object {
    let author = string("The author of the book.").min_length(Some(1));
    author.examples(["Modenov P.S."]).build()
}

/// A title, as it is stored.
#[must_use]
pub fn stored_title() -> Object {
    let title = string("The book's title.").min_length(Some(1));
    title.examples(["Analytic Geometry"]).build()
}

/// A description, as it is stored.
#[must_use]
pub fn stored_description() -> Object {
    string("The description of the book.").min_length(Some(1)).build()
}

/// The borrower of a book, as it is stored.
#[must_use]
pub fn borrower() -> Object {
    let description = "The tenant who has the book: 1 to 253 printable ASCII characters without blanks, if this service \
                       made the loan.";
    string(description).examples(["bob"]).build()
}

/// A description that a client gives; none, where it is empty or `null`.
#[must_use]
pub fn new_description() -> Object {
    or_null(
        string("The description of the book.")
            .max_length(Some(DESCRIPTION_MAX as usize))
            .pattern(Some(PARAGRAPHS))
            .examples(["Lectures on vectors, lines and planes."]),
    )
}

fn any_category_id() -> ObjectBuilder {
    let category =
        string("The book's category: a label's value, of ASCII letters, ASCII digits, `-`, `_` and `.`.");
    category
        .max_length(Some(63))
        .pattern(Some(LABEL_VALUE))
        .examples(["math"])
}

/// A category that there is.
#[must_use]
pub fn category_id() -> Object {
    any_category_id().min_length(Some(1)).build()
}

/// A category to put a book into; the empty one is none.
#[must_use]
pub fn any_or_no_category_id() -> Object {
    let description = "A category: a label's value, of ASCII letters, ASCII digits, `-`, `_` and `.`. The empty one removes it.";
    any_category_id().description(Some(description)).build()
}

/// A category to filter by; the empty one is all.
#[must_use]
pub fn category_filter() -> Object {
    let description = "Only the books of this category; all, if empty.";
    any_category_id().description(Some(description)).build()
}

/// A category that a client gives; none, where it is empty or `null`.
#[must_use]
pub fn new_category_id() -> Object {
    or_null(any_category_id())
}

/// The manager of a book.
#[must_use]
pub fn managed_by() -> Object {
    let description = "The manager of the book: the value of its label `app.kubernetes.io/managed-by`. If that is empty or \
                       `bookshelf` and the book has a mark of a GitOps tool, the tool: `argocd`, `flux` or `kapp`. This \
                       service changes only books without a manager, or with the manager `bookshelf`.";
    string(description)
        .min_length(Some(1))
        .max_length(Some(63))
        .examples(["bookshelf"])
        .build()
}

/// A tenant.
#[must_use]
pub fn tenant() -> Object {
    let tenant = string("A tenant: 1 to 253 printable ASCII characters without blanks.");
    tenant
        .min_length(Some(1))
        .max_length(Some(253))
        .pattern(Some(GRAPHIC))
        .examples(["bob"])
        .build()
}

/// A borrower whose loans are asked for; the empty string is everybody.
#[must_use]
pub fn borrower_filter() -> Object {
    let borrower = string("Only the loans of this borrower; all, if empty.");
    borrower.examples(["bob"]).build()
}

/// A point in time.
#[must_use]
pub fn time() -> Object {
    string("RFC 3339, in UTC.")
        .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(
            utoipa::openapi::KnownFormat::DateTime,
        )))
        .examples(["2026-11-22T11:11:09Z"])
        .build()
}

/// The id of a request.
#[must_use]
pub fn request_id() -> Object {
    let id = string("The request's id: 1 to 128 visible ASCII characters.");
    id.min_length(Some(1))
        .max_length(Some(128))
        .pattern(Some(GRAPHIC))
        .examples(["3952323968000047412"])
        .build()
}

/// The idempotency key of a request.
#[must_use]
pub fn idempotency_key() -> Object {
    let key = string("A key that the client chooses: 1 to 128 visible ASCII characters.");
    key.min_length(Some(1))
        .max_length(Some(128))
        .pattern(Some(GRAPHIC))
        .examples(["5c9b4f0e-borrow"])
        .build()
}

/// The versions that a write may happen to.
#[must_use]
pub fn condition() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(CONDITION))
        .examples([r#""37de470e-96ff-4a1d-9936-b658af32c629.229""#, "*"])
        .build()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderMap, HeaderValue, IF_MATCH};
    use bookshelf_store::repository::{
        BookContent, BookKey, Category, IdempotencyKey, Namespace, Tenant, Terms, Versions,
    };
    use regex::Regex;

    use super::*;
    use crate::entity_tag;

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
                let is_accepted =
                    entity_tag::condition(&headers, &IF_MATCH).is_some_and(|parsed| parsed.is_ok());
                assert_eq!(pattern.is_match(text), is_accepted, "{text:?}");
                accepted += usize::from(is_accepted);
            }
        }
        assert!(accepted > 1_000);
    }
}
