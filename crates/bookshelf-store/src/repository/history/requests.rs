//! The requests that store lines, and the lines that the API server refuses.

use bookshelf_crd as crd;
use bookshelf_crd::loan_journal::Line;
use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, PatchOperation};
use k8s_openapi::jiff::Timestamp;

use super::lines::now;
use crate::connector::Reason;
use crate::object::ObjectKey;

/// Returns the indexes of the lines that the schema refuses. The API server names them as fields: `spec.lines[4]`.
pub(super) fn refused(reason: &Reason) -> Vec<usize> {
    let Reason::Rejected(status) = reason else {
        return Vec::new();
    };
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let places = causes.filter_map(|cause| {
        let place = cause.field.strip_prefix("spec.lines[")?.strip_suffix(']')?;
        place.parse().ok()
    });
    places.collect()
}

fn time() -> String {
    Timestamp::from_second(now()).map_or_else(|_| String::new(), |now| now.to_string())
}

/// Returns the JSON patch that appends lines to a journal.
pub(super) fn additions(lines: &[Line]) -> Vec<PatchOperation> {
    let add = |path: &[&str], value: String| {
        PatchOperation::Add(AddOperation {
            path: PointerBuf::from_tokens(path.iter().copied()),
            value: value.into(),
        })
    };
    let additions = lines
        .iter()
        .map(|line| add(&["spec", "lines", "-"], line.to_string()));
    additions.chain([add(&["spec", "to"], time())]).collect()
}

pub(super) fn journal(key: &ObjectKey, lines: &[Line]) -> crd::LoanJournal {
    let spec = crd::LoanJournalSpec {
        from: Some(time()),
        to: Some(time()),
        lines: lines.iter().map(Line::to_string).collect(),
    };
    let mut journal = crd::LoanJournal::new(key.name(), spec);
    journal.metadata.namespace = Some(key.namespace().to_owned());
    // The derived constructor adds the annotations of the CRD, which tell Helm to keep it.
    journal.metadata.annotations = None;
    journal
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use kube::core::response::{StatusCause, StatusDetails};

    use super::*;

    #[test]
    fn the_lines_that_the_schema_refuses_are_those_that_the_api_server_names() {
        let refused = |fields: &[&str]| {
            let mut status = Status::failure("invalid", "Invalid").with_code(422);
            let causes = fields.iter().map(|field| StatusCause {
                reason: "FieldValueInvalid".to_owned(),
                message: "should match".to_owned(),
                field: (*field).to_owned(),
            });
            status.details = Some(StatusDetails {
                name: String::new(),
                group: String::new(),
                kind: String::new(),
                uid: String::new(),
                causes: causes.collect(),
                retry_after_seconds: 0,
            });
            refused(&Reason::Rejected(Box::new(status)))
        };
        assert_eq!(refused(&["spec.lines[4]", "spec.lines[17]"]), [4, 17]);
        // A quota names no field.
        assert_eq!(
            refused(&["", "spec.lines", "spec.to", "spec.lines[x]"]),
            [0_usize; 0]
        );
    }
}
