//! Query strings: each parameter occurs once and is valid, or the refusal names it.

use anyhow::Result;
use e2e::{Api, Library, Request};
use serde_json::json;

fn lists(library: &Library) -> Vec<(&Api, String, &'static [&'static str])> {
    let mut lists: Vec<(&Api, String, &'static [&'static str])> = Vec::new();
    for api in library.apis() {
        lists.push((
            api,
            library.list_path(),
            &["category_id", "q", "limit", "continue"],
        ));
        lists.push((
            api,
            "/book".to_owned(),
            &["category_id", "q", "limit", "continue"],
        ));
        lists.push((api, "/namespace".to_owned(), &["limit", "continue"]));
        lists.push((api, library.loans_path(), &["limit", "continue"]));
    }
    lists.push((&library.admin, library.loans_path(), &["borrowed_by"]));
    lists
}

/// Returns every write that can be forced, with this query.
fn forced(library: &Library, query: &str) -> [Request; 2] {
    let path = format!("{}?{query}", library.path("book"));
    let body = json!({"author": "A", "title": "T"});
    [library.admin.put(&path).json(&body), library.admin.delete(&path)]
}

#[tokio::test]
async fn a_repeated_list_parameter_is_refused() -> Result<()> {
    let library = Library::open().await?;
    for (api, path, parameters) in lists(&library) {
        for parameter in parameters {
            for accept in ["application/json", "text/event-stream"] {
                let request = api
                    .get(format!("{path}?{parameter}=a&x=y&{parameter}=a"))
                    .tenant("bob");
                let message = request.header("Accept", accept).await?.invalid(parameter);
                assert_eq!(message, format!("{parameter} must be given once"));
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn force_is_true_or_false_and_not_repeated() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for query in [
        "force",
        "force=",
        "force=1",
        "force=True",
        "force=TRUE",
        "force=yes",
        "force=%20true",
    ] {
        for request in forced(&library, query) {
            let message = request.await?.invalid("force");
            assert_eq!(message, "force must be true or false", "{query}");
        }
    }
    for request in forced(&library, "force=true&force=true") {
        assert_eq!(request.await?.invalid("force"), "force must be given once");
    }
    library.admin.get(library.path("book")).await?.json(200);
    let [put, delete] = forced(&library, "force=false&unknown=1&unknown=2");
    put.await?.json(200);
    delete.await?.empty(204);
    Ok(())
}

#[tokio::test]
async fn a_parameter_that_is_not_percent_encoded_utf_8_is_refused_by_name() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for bad in ["%FF", "%C3", "%", "%4", "%zz"] {
        for (api, path, parameters) in lists(&library) {
            for parameter in parameters {
                let request = api.get(format!("{path}?{parameter}={bad}")).tenant("bob");
                let message = request.await?.invalid(parameter);
                assert_eq!(message, format!("{parameter} must be percent-encoded UTF-8"));
            }
            let request = api.get(format!("{path}?{bad}=a")).tenant("bob");
            let problem = request.await?.problem(400, "invalid_request");
            assert!(problem.message.contains("percent-encoded UTF-8"), "{problem:?}");
        }
        for request in forced(&library, &format!("force={bad}")) {
            request.await?.invalid("force");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_parameter_that_an_operation_does_not_have_is_ignored() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for (api, path, _) in lists(&library) {
        api.get(format!("{path}?unknown=1&unknown=2&force=maybe"))
            .tenant("bob")
            .await?
            .json(200);
    }
    Ok(())
}
