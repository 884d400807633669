//! A loan journal: a part of the history of a library, as lines of text.
//!
//! Lines are strings and not structs: an API server keeps the JSON of custom resources decoded in memory, where a
//! string takes little more than its length and a struct several times that.
//!
//! Many processes append to one journal: a JSON patch adds lines at the end (`/spec/lines/-`) without a precondition,
//! and the API server reapplies it on top of concurrent patches until it succeeds. The API server rejects a whole patch
//! (422) if it exceeds the limit of lines or if one line does not match the pattern. A patch that is repeated because
//! its answer was lost adds its lines twice: readers drop duplicates by [`Line::identity`].

// KubeSchema makes a public struct inside a private function.
#![allow(unreachable_pub)]
// kube's derive takes one `printcolumn` for each column.
#![allow(clippy::duplicated_attributes)]

mod line;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

pub use line::{BY_MAX, Identity, Line, LoanJournalEvent, ParseLineError};

/// The maximum number of lines of a journal.
pub const LINES_MAX: usize = 100;
/// The maximum length of a line, in characters: a book's id, two names with every character escaped, and the other
/// fields.
pub const LINE_MAX: u32 = 3_072;

/// The pattern of a line.
const PATTERN: &str = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z (borrowed|returned|taken_back|ended|book_gone|created|updated|deleted) [a-z0-9.-]{1,253} [0-9a-f]{16}( [!-~]+)*$";

/// The lines of a journal. When the last journal is full, a new one is created.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "bookshelf.lostinsoba.com",
    version = "v1alpha1",
    kind = "LoanJournal",
    plural = "loanjournals",
    singular = "loanjournal",
    shortname = "lj",
    category = "bookshelf",
    namespaced,
    derive = "PartialEq",
    doc = "A part of the history of a library: one line for each event of a book or loan. Its name is its number. bookshelf appends to the last journal, and creates the next one when that is full.",
    annotation("helm.sh/resource-policy", "keep"),
    printcolumn(name = "From", type_ = "string", json_path = ".spec.from"),
    printcolumn(name = "To", type_ = "string", json_path = ".spec.to")
)]
#[serde(rename_all = "camelCase")]
pub struct LoanJournalSpec {
    /// The time at which the journal was begun: about the time of its first line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub from: Option<String>,

    /// The time of the latest addition: about the time of the last line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub to: Option<String>,

    /// The lines. Each has the time, the event, the book's id, and 16 hexadecimal digits that identify the loan or the change of the book. Then follow, separated by blanks: for the end of a loan the time of its beginning, for an event of a loan the tenant, forced for a forced change, and by=USER if the user is known. Names are percent-encoded, and a blanked tenant is a dash.
    #[schemars(length(max = LINES_MAX), inner(length(max = LINE_MAX), regex(pattern = PATTERN)))]
    pub lines: Vec<String>,
}

#[cfg(test)]
mod tests {
    use kube::CustomResourceExt as _;

    use super::*;

    #[test]
    fn the_definition_limits_lines_in_number_length_and_form() {
        let definition = serde_json::to_value(LoanJournal::crd()).unwrap();
        let version = &definition["spec"]["versions"][0];
        let lines = &version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["lines"];
        assert_eq!(lines["maxItems"], LINES_MAX, "{lines}");
        assert_eq!(lines["items"]["maxLength"], LINE_MAX, "{lines}");
        assert_eq!(lines["items"]["pattern"], PATTERN, "{lines}");
        assert_eq!(definition["spec"]["names"]["shortNames"][0], "lj");
    }
}
