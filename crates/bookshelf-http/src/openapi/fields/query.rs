//! The schema of a search.

use bookshelf_store::repository::{QUERY_MAX, TERMS_MAX};
use utoipa::openapi::schema::Object;

use super::string;

/// Nothing, or more than punctuation. The rule itself is stricter: it refuses an accent alone, and limits the number of
/// terms.
const TERMS: &str = r"^$|[\p{L}\p{M}\p{N}]";

/// The terms of a search; empty for no search.
#[must_use]
pub fn query() -> Object {
    let terms = format!(
        "Terms, separated by white space: at most {TERMS_MAX}, and at least one with a letter or number. Each begins a word \
         of author or title, in any order. Case, accents, width and punctuation do not matter."
    );
    string(&terms)
        .max_length(Some(QUERY_MAX as usize))
        .pattern(Some(TERMS))
        .examples(["modenov geom"])
        .build()
}
