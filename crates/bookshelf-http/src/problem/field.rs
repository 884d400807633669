//! The names of fields on the wire.

use bookshelf_store::error::Field;

/// Returns the name of a field on the wire: a member of the body, a parameter or a header.
pub(super) fn wire_name(field: Field) -> &'static str {
    match field {
        Field::Namespace => "namespace_id",
        Field::Id => "id",
        Field::Content(name) => name,
        Field::Category => "category_id",
        Field::Tenant => "X-TENANT-ID",
        Field::IdempotencyKey => "Idempotency-Key",
        Field::Query => "q",
    }
}
