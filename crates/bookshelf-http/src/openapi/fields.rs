//! Schemas of validated values, for utoipa's `schema_with`. The tests below compare them with the rules, which are in
//! `bookshelf_crd::rules`.

mod query;

use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

pub use query::query;

/// A DNS-1123 subdomain.
const NAME: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// A DNS-1123 label.
const NAMESPACE: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// A label's value, or the empty string.
const LABEL_VALUE: &str = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$";
/// Printable ASCII without blanks.
const GRAPHIC: &str = "^[!-~]+$";
/// One line with at least one letter, number, punctuation mark or symbol.
pub(crate) const LINE: &str = concat!(
    r"^[^\u0000-\u001f\u007f-\u009f\ufffe\uffff]*[\p{L}\p{N}\p{P}\p{S}]",
    r"[^\u0000-\u001f\u007f-\u009f\ufffe\uffff]*$"
);
/// Any number of lines.
pub(crate) const PARAGRAPHS: &str = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]*$";
/// Entity tags as `If-Match` lists them, including empty elements of the list, or `*`
/// ([RFC 9110, sections 5.6.1.2 and 8.8.3](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.1.2)). White space around
/// a field's value is not part of it.
const CONDITION: &str = concat!(
    r#"^(\*|(,[ \t,]*)?(W/)?"[!#-~\u0080-\u00ff]*""#,
    r#"([ \t]*,[ \t,]*(W/)?"[!#-~\u0080-\u00ff]*")*([ \t,]*,)?)$"#
);
/// `<books>.<loans>`, or one number for both. The number of digits that always fits into 128 bits.
pub(super) const VERSION: &str = r"^[1-9][0-9]{0,37}(\.[1-9][0-9]{0,37})?$";

/// A string.
pub(crate) fn string(description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
}

/// Makes `null` the same as leaving the field out.
pub(crate) fn or_null(object: ObjectBuilder) -> Object {
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

/// The borrower of a book, as it is stored.
#[must_use]
pub fn borrower() -> Object {
    let description = "The tenant who has the book: 1 to 253 printable ASCII characters without blanks, if this service \
                       made the loan.";
    string(description).examples(["bob"]).build()
}

fn any_category_id() -> ObjectBuilder {
    let category =
        string("The book's category: a label's value, of ASCII letters, ASCII digits, `-`, `_` and `.`.");
    category
        .max_length(Some(63))
        .pattern(Some(LABEL_VALUE))
        .examples(["math"])
}

/// The category of a book that has one.
#[must_use]
pub fn category_id() -> Object {
    any_category_id().min_length(Some(1)).build()
}

/// A category to put a book into; empty for none.
#[must_use]
pub fn any_or_no_category_id() -> Object {
    let description = "A category: a label's value, of ASCII letters, ASCII digits, `-`, `_` and `.`. The empty one removes it.";
    any_category_id().description(Some(description)).build()
}

/// A category to filter by; empty for all.
#[must_use]
pub fn category_filter() -> Object {
    let description = "Only the books of this category; all, if empty.";
    any_category_id().description(Some(description)).build()
}

/// A category in a request; none if it is empty or `null`.
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

/// The borrower of the requested loans; empty for all.
#[must_use]
pub fn borrower_filter() -> Object {
    let borrower = string("Only the loans of this borrower; all, if empty.");
    borrower.examples(["bob"]).build()
}

/// The time of a borrow.
#[must_use]
pub fn borrowed_at() -> Object {
    time("The time of the borrow: RFC 3339, in UTC.")
}

/// The time of an event of the history.
#[must_use]
pub fn event_time() -> Object {
    time(
        "The time of the event: RFC 3339, in UTC. For `borrowed`, the creation of the loan; for an end by means other than \
         this service, the time at which it was seen.",
    )
}

/// The first time of the requested events.
#[must_use]
pub fn since() -> Object {
    time("Only events at this time or later (RFC 3339).")
}

/// The time after the requested events.
#[must_use]
pub fn until() -> Object {
    time("Only events before this time (RFC 3339).")
}

fn time(description: &str) -> Object {
    string(description)
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

/// The value of `If-Match` or `If-None-Match`.
#[must_use]
pub fn condition() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(CONDITION))
        .examples([r#""37de470e-96ff-4a1d-9936-b658af32c629.229""#, "*"])
        .build()
}

#[cfg(test)]
mod tests;
