//! `?force=true`: overrides versions, but not another manager.

use anyhow::{Context as _, Result};
use bookshelf_crd::labels;
use e2e::{Library, book, eventually, loan};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, PostParams},
};
use serde_json::json;

#[tokio::test]
async fn a_forced_update_replaces_every_field_with_any_labels() -> Result<()> {
    let library = Library::open().await?;
    let full = json!({"author": "Another", "title": "Other", "category_id": "math", "description": "New"});
    let bare = json!({"author": "Another", "title": "Other"});
    // The managed-by label: no labels at all, only others, empty, ours.
    for (number, managed_by) in [None, Some(None), Some(Some("")), Some(Some("bookshelf"))]
        .into_iter()
        .enumerate()
    {
        for body in [&full, &bare] {
            let id = format!("book-{number}-{}", body["category_id"].as_str().unwrap_or("none"));
            let mut object = book(&id);
            object.spec.description = Some("Old".to_owned());
            object
                .annotations_mut()
                .insert("note".to_owned(), "keep me".to_owned());
            if let Some(managed_by) = managed_by {
                let labels = object.labels_mut();
                labels.insert("example.com/team".to_owned(), "theirs".to_owned());
                labels.insert(labels::CATEGORY.to_owned(), "physics".to_owned());
                if let Some(managed_by) = managed_by {
                    labels.insert(labels::MANAGED_BY.to_owned(), managed_by.to_owned());
                }
            }
            let before = library.plant(&object).await?;
            let path = format!("{}?force=true", library.path(&id));
            let answer = library.admin.put(path).json(body).await?;
            let mut expected = body.clone();
            expected["id"] = id.as_str().into();
            expected["namespace_id"] = library.namespace.as_str().into();
            expected["managed_by"] = "bookshelf".into();
            assert_eq!(answer.json(200), expected);
            let read = library.admin.get(library.path(&id)).await?;
            assert_eq!(read.text(), answer.text());
            assert_eq!(read.header("etag"), answer.header("etag"));

            let now = library.books().get(&id).await?;
            assert_eq!(now.annotations(), before.annotations());
            assert_eq!(now.uid(), before.uid());
            assert_eq!(now.spec.description.as_deref(), body["description"].as_str());
            let mut labels = before.labels().clone();
            labels.insert(labels::MANAGED_BY.to_owned(), "bookshelf".to_owned());
            match body["category_id"].as_str() {
                Some(category) => drop(labels.insert(labels::CATEGORY.to_owned(), category.to_owned())),
                None => drop(labels.remove(labels::CATEGORY)),
            }
            assert_eq!(now.labels(), &labels);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_forced_update_needs_no_version() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for round in 0..30 {
        // The cache may have this label, the previous one, or none.
        let managed_by = [json!("bookshelf"), json!(""), json!(null)][round % 3].clone();
        let patch = json!({"metadata": {"labels": {(labels::MANAGED_BY): managed_by}}});
        library.kubectl_patch("book", &patch).await?;
        let body = json!({"author": "A", "title": format!("Round {round}")});
        let put = library.admin.put(format!("{}?force=true", library.path("book")));
        let answer = put.json(&body).header("If-Match", "\"stale\"").await?;
        assert_eq!(answer.json(200)["title"], body["title"]);
    }
    Ok(())
}

#[tokio::test]
async fn a_forced_write_is_checked_as_any_other() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let (path, missing) = (library.path("book"), library.path("missing"));
    let body = library.body("book");
    let admin = &library.admin;
    admin
        .put(format!("{path}?force=true"))
        .json(&json!({"author": "A", "title": " "}))
        .await?
        .invalid("title");
    let malformed = admin.put(format!("{path}?force=true")).json(&body);
    malformed.header("If-Match", "x").await?.invalid("If-Match");
    for query in ["?force=maybe", "?force="] {
        let put = admin.put(format!("{path}{query}")).json(&body).await?;
        put.problem(400, "invalid_request");
        let delete = admin.delete(format!("{path}{query}")).await?;
        delete.problem(400, "invalid_request");
    }
    let put = admin.put(format!("{missing}?force=true"));
    put.json(&library.body("missing"))
        .await?
        .problem(404, "not_found");
    let delete = admin.delete(format!("{missing}?force=true"));
    delete.await?.problem(404, "not_found");
    // `force=false` does not force.
    library.lend("book", "bob").await?;
    let delete = admin.delete(format!("{path}?force=false"));
    delete.await?.problem(409, "on_loan");
    Ok(())
}

#[tokio::test]
async fn a_book_that_another_tool_manages_is_not_forced_even_if_the_cache_lags() -> Result<()> {
    let library = Library::open().await?;
    for round in 0..10 {
        let id = format!("book-{round}");
        library.add(&id).await?;
        let path = format!("{}?force=true", library.path(&id));
        let relabel = json!({"metadata": {"labels": {(labels::MANAGED_BY): "Helm"}}});
        let helms = library.kubectl_patch(&id, &relabel).await?;
        library
            .admin
            .put(&path)
            .json(&library.body(&id))
            .await?
            .problem(403, "not_manageable");
        library.admin.delete(&path).await?.problem(403, "not_manageable");
        assert_eq!(library.books().get(&id).await?, helms);
    }
    Ok(())
}

#[tokio::test]
async fn a_book_that_is_being_deleted_is_not_forced_even_if_the_cache_lags() -> Result<()> {
    let library = Library::open().await?;
    for round in 0..20 {
        let id = format!("held-{round}");
        let mut held = book(&id);
        held.finalizers_mut().push("e2e.example/hold".to_owned());
        library.plant(&held).await?;
        let path = format!("{}?force=true", library.path(&id));
        let put = library.admin.put(path).json(&library.body(&id));
        library.books().delete(&id, &DeleteParams::default()).await?;
        put.await?.problem(409, "being_deleted");
        let object = library.books().get(&id).await?;
        assert_eq!(object.spec, held.spec, "round {round}");
    }
    Ok(())
}

/// Makes the API server refuse books by this author in the library.
async fn ban_author(library: &Library, author: &str) -> Result<()> {
    let name = format!("ban-{}", library.namespace);
    let here = json!({"matchLabels": {"kubernetes.io/metadata.name": library.namespace}});
    let rule = json!({"apiGroups": ["bookshelf.lostinsoba.com"], "apiVersions": ["*"], "resources": ["books"],
                      "operations": ["CREATE", "UPDATE"]});
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": format!("object.spec.author != '{author}'"), "message": "banned here"}],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {
            "policyName": name, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": here},
        },
    });
    let kubectl = library.cluster.kubectl().await?;
    let both = json!({"apiVersion": "v1", "kind": "List", "items": [policy, binding]});
    kubectl.apply(&both.to_string()).await?;
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let mut banned = book("banned");
    author.clone_into(&mut banned.spec.author);
    eventually("the policy is in force", async || {
        Ok(library
            .books()
            .create(&dry_run, &banned)
            .await
            .is_err()
            .then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_refusal_by_an_admission_policy_is_passed_on() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    ban_author(&library, "Banned").await?;
    let before = library.books().get("book").await?;
    for query in ["", "?force=true"] {
        let put = library.admin.put(format!("{}{query}", library.path("book")));
        let answer = put.json(&json!({"author": "Banned", "title": "T"})).await?;
        // The message of the policy, without its name.
        assert_eq!(answer.problem(422, "rejected").message, "banned here");
    }
    let post = library.admin.post(library.list_path());
    let post = post.json(&json!({"id": "new", "author": "Banned", "title": "T"}));
    assert_eq!(post.await?.problem(422, "rejected").message, "banned here");
    assert!(library.books().get_opt("new").await?.is_none());
    assert_eq!(library.books().get("book").await?, before);
    Ok(())
}

#[tokio::test]
async fn a_forced_delete_takes_book_and_loan_at_any_version() -> Result<()> {
    let library = Library::open().await?;
    for round in 0..5 {
        library.add("book").await?;
        library.lend("book", "bob").await?;
        let path = library.path("book");
        library.admin.delete(&path).await?.problem(409, "on_loan");
        let delete = library.admin.delete(format!("{path}?force=true"));
        delete.header("If-Match", "\"stale\"").await?.empty(204);
        assert_eq!(library.books().get_opt("book").await?, None, "round {round}");
        assert_eq!(library.loans().get_opt("book").await?, None, "round {round}");
        library.admin.get(&path).await?.problem(404, "not_found");
        let loan = library.admin.get(library.loan_path("book")).await?;
        loan.problem(404, "not_found");
        library.vanished("book").await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_forced_delete_takes_a_loan_that_somebody_made_by_hand() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let by_hand = loan("book", "carol");
    library.loans().create(&PostParams::default(), &by_hand).await?;
    eventually("the librarians' API knows the loan", async || {
        let answer = library.admin.get(library.loan_path("book")).await?;
        Ok((answer.status == 200).then_some(()))
    })
    .await?;
    let delete = library
        .admin
        .delete(format!("{}?force=true", library.path("book")));
    delete.await?.empty(204);
    assert_eq!(library.loans().get_opt("book").await?, None);
    Ok(())
}

#[tokio::test]
async fn a_forced_delete_that_is_refused_leaves_the_loan() -> Result<()> {
    let library = Library::open().await?;
    let mut helms = book("book");
    helms
        .labels_mut()
        .insert(labels::MANAGED_BY.to_owned(), "Helm".to_owned());
    library.plant(&helms).await?;
    library.lend("book", "bob").await?;
    let delete = library
        .admin
        .delete(format!("{}?force=true", library.path("book")));
    delete.await?.problem(403, "not_manageable");
    let loan = library.loans().get_opt("book").await?;
    assert_eq!(&*loan.context("a loan")?.spec.borrowed_by, "bob");
    Ok(())
}
