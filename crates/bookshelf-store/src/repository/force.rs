//! Forced writes, which ignore the version but not the owner.

use bookshelf_crd::labels;
use bookshelf_crd::management::{MARKS, MarkKind};
use futures::future::join;
use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, PatchOperation, RemoveOperation, TestOperation};
use kube::api::Patch;
use serde_json::{Value, json};

use super::error::Error;
use super::history::Happening;
use super::model::{Book, BookContent, BookKey, ManagedBy, Management, Metadata};
use super::version::Expected;
use super::{CONFLICT_RETRIES, Repository, internal};
use crate::connector::Reason;

impl<V: Send + Sync + 'static> Repository<V> {
    /// Updates a book like [`update_book`](Self::update_book), but at any version: concurrent changes cause no
    /// conflict.
    ///
    /// The patch names no version. It tests the metadata that allows changes, and the API server evaluates the tests on
    /// the state that it writes to.
    pub async fn force_update_book(&self, key: BookKey<'_>, content: BookContent) -> Result<Book, Error> {
        let object_key = key.to_object_key();
        let mut found = self.find(key, &Expected::Any).await?;
        for _ in 0..=CONFLICT_RETRIES {
            let version = self.note_refusal(key, &found, found.version_to_change(&Expected::Any))?;
            let Management::Here(metadata) = found.management else {
                return Err(Error::NotManageable);
            };
            let patch = Patch::<()>::Json(json_patch::Patch(operations(&content, metadata)));
            match self.books.workload.patch(&object_key, &patch).await {
                Ok(object) => {
                    self.emit_event(key, &version.uid, &Happening::ForciblyUpdated);
                    let book = Book::try_from(&object).map_err(internal)?;
                    self.record_update(key, &version, &book, true);
                    return Ok(book);
                }
                // A failed test is a 422 without details, like other refusals. If the book still has the version that
                // was checked, no test has failed.
                Err(error) if matches!(error.reason, Reason::Rejected(_) | Reason::Conflict(_)) => {
                    found = self.live(key).await?;
                    if found.version == version {
                        return Err(error.into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::UpdateConflict)
    }

    /// Deletes a book of any version, and its loan, if there is one.
    pub async fn force_delete_book(&self, key: BookKey<'_>) -> Result<(), Error> {
        self.confirm_loan(key).await?;
        let mut found = self.find(key, &Expected::Any).await?;
        for _ in 0..=CONFLICT_RETRIES {
            self.note_refusal(key, &found, found.check_manageable())?;
            let uid = found.version.uid.clone();
            match self.delete_at(key, found.version).await {
                Err(error) if matches!(error.reason, Reason::Conflict(_)) => found = self.live(key).await?,
                Err(error) => return Err(error.into()),
                // The book goes first: if its deletion is refused, the loan stays.
                Ok(confirmed) => {
                    self.emit_event(key, &uid, &Happening::ForciblyDeleted);
                    self.record_deletion(key, &uid, true);
                    let ((), loan) = join(Box::pin(confirmed), self.delete_loan_of(key, &uid)).await;
                    return loan;
                }
            }
        }
        Err(Error::UpdateConflict)
    }
}

/// Returns the JSON patch ([RFC 6902](https://www.rfc-editor.org/rfc/rfc6902)) that replaces the content of a book. It
/// tests that the managed-by label is unchanged and that the book has no mark of a GitOps tool and is not being
/// deleted.
fn operations(content: &BookContent, metadata: Metadata) -> Vec<PatchOperation> {
    let managed_by = || label_at(labels::MANAGED_BY);
    let all_labels = || pointer(["metadata", "labels"]);
    let ours = || Value::from(labels::MANAGED_BY_BOOKSHELF);
    // In the API server, a test for null is a test for absence, if the parent exists.
    let (test_label, set_label) = match metadata.label {
        ManagedBy::NoLabels => (
            test(all_labels(), Value::Null),
            add(all_labels(), json!({(labels::MANAGED_BY): ours()})),
        ),
        ManagedBy::NoLabel => (test(managed_by(), Value::Null), add(managed_by(), ours())),
        ManagedBy::EmptyLabel => (test(managed_by(), "".into()), add(managed_by(), ours())),
        ManagedBy::Bookshelf => (test(managed_by(), ours()), add(managed_by(), ours())),
    };
    let mut operations = vec![test_label];
    operations.extend(tests_of_marks(metadata));
    operations.extend([
        test(pointer(["metadata", "deletionTimestamp"]), Value::Null),
        set_label,
    ]);
    let spec = content.spec_fields().into_iter();
    let spec = spec.map(|(field, value)| (pointer(["spec", field]), value));
    let category = (label_at(labels::CATEGORY), content.category.as_deref());
    for (path, value) in spec.chain([category]) {
        // Removing an absent member is an error, so it is added first.
        operations.push(add(path.clone(), value.unwrap_or_default().into()));
        if value.is_none() {
            operations.push(PatchOperation::Remove(RemoveOperation { path }));
        }
    }
    operations
}

/// Returns the tests that a book has no mark of a GitOps tool. Without annotations or labels there is no mark: the
/// absence of annotations is tested here, that of labels with the managed-by label.
fn tests_of_marks(metadata: Metadata) -> impl Iterator<Item = PatchOperation> {
    let no_annotations = pointer(["metadata", "annotations"]);
    let no_annotations = (!metadata.has_annotations).then(|| test(no_annotations, Value::Null));
    let marks = MARKS.iter().filter_map(move |mark| {
        let is_there = match mark.kind {
            MarkKind::Annotation => metadata.has_annotations,
            MarkKind::Label => metadata.label != ManagedBy::NoLabels,
        };
        is_there.then(|| test(pointer(["metadata", mark.kind.field(), mark.key]), Value::Null))
    });
    no_annotations.into_iter().chain(marks)
}

fn test(path: PointerBuf, value: Value) -> PatchOperation {
    PatchOperation::Test(TestOperation { path, value })
}

fn add(path: PointerBuf, value: Value) -> PatchOperation {
    PatchOperation::Add(AddOperation { path, value })
}

/// Returns a JSON pointer. Special characters, such as the slash in a label key, are escaped.
fn pointer<const N: usize>(tokens: [&str; N]) -> PointerBuf {
    PointerBuf::from_tokens(tokens)
}

fn label_at(key: &str) -> PointerBuf {
    pointer(["metadata", "labels", key])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(category: &str, description: &str) -> BookContent {
        let text = |text: &str| text.to_owned();
        BookContent::new(text("A"), text("T"), text(description), text(category)).unwrap()
    }

    fn found(label: ManagedBy, has_annotations: bool) -> Metadata {
        Metadata {
            label,
            has_annotations,
        }
    }

    /// Returns the test operations of a patch, as JSON.
    fn tests(metadata: Metadata) -> Vec<Value> {
        let operations = serde_json::to_value(operations(&content("", ""), metadata)).unwrap();
        let operations = operations.as_array().unwrap().iter();
        operations
            .filter(|operation| operation["op"] == "test")
            .cloned()
            .collect()
    }

    #[test]
    fn the_label_is_tested_as_it_was_found() {
        let path = "/metadata/labels/app.kubernetes.io~1managed-by";
        for (label, path, value) in [
            (ManagedBy::NoLabels, "/metadata/labels", Value::Null),
            (ManagedBy::NoLabel, path, Value::Null),
            (ManagedBy::EmptyLabel, path, "".into()),
            (ManagedBy::Bookshelf, path, "bookshelf".into()),
        ] {
            let expected = json!({"op": "test", "path": path, "value": value});
            assert_eq!(tests(found(label, false))[0], expected);
        }
    }

    #[test]
    fn the_absence_of_each_mark_is_tested_in_the_existing_metadata() {
        let paths = |label, has_annotations| {
            let tests = tests(found(label, has_annotations));
            let absent = tests.into_iter().skip(1).filter(|test| test["value"].is_null());
            absent
                .map(|test| test["path"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let annotations = [
            "/metadata/annotations/argocd.argoproj.io~1tracking-id",
            "/metadata/annotations/argocd.argoproj.io~1installation-id",
        ];
        let labels = [
            "/metadata/labels/argocd.argoproj.io~1instance",
            "/metadata/labels/kustomize.toolkit.fluxcd.io~1name",
            "/metadata/labels/helm.toolkit.fluxcd.io~1name",
            "/metadata/labels/kapp.k14s.io~1app",
        ];
        let (none, deleted) = (["/metadata/annotations"], ["/metadata/deletionTimestamp"]);
        for (label, has_annotations, expected) in [
            (ManagedBy::NoLabels, false, [&none[..], &deleted].concat()),
            (ManagedBy::NoLabels, true, [&annotations[..], &deleted].concat()),
            (ManagedBy::NoLabel, false, [&none[..], &labels, &deleted].concat()),
            (
                ManagedBy::Bookshelf,
                true,
                [&annotations[..], &labels, &deleted].concat(),
            ),
        ] {
            assert_eq!(
                paths(label, has_annotations),
                expected,
                "{label:?} {has_annotations}"
            );
        }
    }

    #[test]
    fn the_rest_of_the_object_stays() {
        for (category, description) in [("", ""), ("math", "D")] {
            for label in ["Helm", "bookshelf"] {
                // The API server treats an absent member as null, but the library reports an error.
                let mut object = json!({
                    "metadata": {
                        "labels": {(labels::MANAGED_BY): label, "team": "a"},
                        "annotations": {"note": "a"},
                        "deletionTimestamp": null,
                    },
                    "spec": {"author": "B", "title": "U", "later": 1},
                });
                for mark in MARKS {
                    let map = mark.kind.field();
                    object["metadata"][map][mark.key] = Value::Null;
                }
                let before = object.clone();
                let patch = operations(&content(category, description), found(ManagedBy::Bookshelf, true));
                let is_applied = json_patch::patch(&mut object, &patch).is_ok();
                assert_eq!(is_applied, label == "bookshelf");
                if !is_applied {
                    assert_eq!(object, before);
                    continue;
                }
                assert_eq!(object["metadata"]["labels"]["team"], "a");
                assert_eq!(object["spec"]["later"], 1);
                assert_eq!(object["spec"]["author"], "A");
                assert_eq!(
                    object["spec"].get("description").is_some(),
                    !description.is_empty()
                );
                let labels = &object["metadata"]["labels"];
                assert_eq!(labels.get(labels::CATEGORY).is_some(), !category.is_empty());
            }
        }
    }
}
