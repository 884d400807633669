//! The form of a loan: it belongs to the book with its name, and does not change.

use anyhow::{Context as _, Result};
use bookshelf_crd::BookLoan;
use e2e::{Library, book};
use http::Method;
use kube::{
    ResourceExt as _,
    api::{DeleteParams, PostParams},
};
use serde_json::{Value, json};

use super::{GROUP_VERSION, JSON, JSON_PATCH, MERGE_PATCH, Write, actors};

/// The message for a loan that does not belong to its book.
const OWNER: &str = "a loan has one ownerReference";
/// The message for a change.
const CHANGE: &str = "a loan does not change";

/// Returns the ownerReference that user-api sets on a loan of the book `lent`.
fn owner(uid: &str) -> Value {
    json!({"apiVersion": GROUP_VERSION, "kind": "Book", "name": "lent", "uid": uid, "blockOwnerDeletion": false})
}

/// Returns a loan of the book `lent` with these ownerReferences, or without any for null.
fn loan(owners: &Value) -> Value {
    let mut metadata = json!({"name": "lent"});
    if !owners.is_null() {
        metadata["ownerReferences"] = owners.clone();
    }
    json!({
        "apiVersion": GROUP_VERSION, "kind": "BookLoan", "metadata": metadata, "spec": {"borrowedBy": "bob"},
    })
}

/// Returns the ownerReference with one field changed.
fn with(uid: &str, field: &str, value: impl Into<Value>) -> Value {
    let mut owner = owner(uid);
    owner[field] = value.into();
    owner
}

/// Returns loans, each with true if the accounts may create it.
fn forms(uid: &str) -> Vec<(Value, bool)> {
    let mut brief = owner(uid);
    brief
        .as_object_mut()
        .map(|owner| owner.remove("blockOwnerDeletion"));
    let twin = with(uid, "uid", "00000000-0000-4000-8000-000000000000");
    let another = with("00000000-0000-4000-8000-000000000000", "name", "another");
    let mut same_kind = with(uid, "uid", "00000000-0000-4000-8000-000000000000");
    same_kind["apiVersion"] = "v1".into();
    same_kind["kind"] = "ConfigMap".into();
    vec![
        (json!([owner(uid)]), true),
        (
            json!([with(uid, "apiVersion", "bookshelf.lostinsoba.com/v2")]),
            true,
        ),
        (json!([with(uid, "controller", false)]), true),
        (json!([brief]), true),
        (Value::Null, false),
        (json!([]), false),
        (json!([owner(uid), twin]), false),
        (json!([owner(uid), another]), false),
        (json!([owner(uid), same_kind]), false),
        (json!([with(uid, "name", "another")]), false),
        (json!([with(uid, "kind", "BookLoan")]), false),
        (json!([with(uid, "apiVersion", "example.com/v1")]), false),
        (json!([with(uid, "apiVersion", "v1")]), false),
        (json!([with(uid, "controller", true)]), false),
        (json!([with(uid, "blockOwnerDeletion", true)]), false),
    ]
}

/// Returns every way to change the loan `lent`.
fn changes(stored: &Value) -> Vec<Write> {
    let path = "bookloans/lent";
    let labels = json!({"metadata": {"labels": {"a": "b"}}});
    let mut update = stored.clone();
    update["metadata"]["labels"] = json!({"a": "b"});
    let no_owner = json!([{"op": "remove", "path": "/metadata/ownerReferences"}]);
    let apply = json!({
        "apiVersion": GROUP_VERSION, "kind": "BookLoan", "metadata": {"name": "lent", "labels": {"a": "b"}},
        "spec": {"borrowedBy": "bob"},
    });
    vec![
        Write::new(Method::PUT, JSON, path, update),
        Write::new(Method::PATCH, MERGE_PATCH, path, labels),
        Write::new(Method::PATCH, JSON_PATCH, path, no_owner),
        Write::apply(path, apply),
    ]
}

#[tokio::test]
async fn a_loan_belongs_to_the_book_of_its_name_and_does_not_change() -> Result<()> {
    let library = Library::open().await?;
    let actors = actors(&library).await?;
    let lent = library
        .books()
        .create(&PostParams::default(), &book("lent"))
        .await?;
    let uid = lent.uid().context("a uid")?;
    for actor in &actors {
        for (owners, is_a_loan) in forms(&uid) {
            let object = loan(&owners);
            for create in [
                Write::create("bookloans", object.clone()),
                Write::apply("bookloans/lent", object.clone()),
            ] {
                if is_a_loan || !actor.is_held {
                    create.assert_allowed(&library, actor, "a loan").await?;
                } else {
                    create.assert_refused(&library, actor, "no loan", OWNER).await?;
                }
            }
        }
        // A generated name is never the name of the book.
        let mut nameless = loan(&json!([owner(&uid)]));
        nameless["metadata"]["name"] = Value::Null;
        nameless["metadata"]["generateName"] = "len".into();
        if actor.is_held {
            let create = Write::create("bookloans", nameless);
            create.assert_refused(&library, actor, "no loan", OWNER).await?;
        }
    }
    let object: BookLoan = serde_json::from_value(loan(&json!([owner(&uid)])))?;
    let before = library.loans().create(&PostParams::default(), &object).await?;
    for actor in &actors {
        for change in changes(&serde_json::to_value(&before)?) {
            if actor.is_held {
                change.assert_refused(&library, actor, "a change", CHANGE).await?;
            } else {
                change.assert_allowed(&library, actor, "a change").await?;
            }
        }
        let delete = Write::new(Method::DELETE, JSON, "bookloans/lent", Value::Null);
        delete.assert_allowed(&library, actor, "a return").await?;
    }
    assert_eq!(library.loans().get("lent").await?, before);
    library.loans().delete("lent", &DeleteParams::default()).await?;
    Ok(())
}
