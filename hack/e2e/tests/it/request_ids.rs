//! Every request has an id: in the response, in the error, and in the log.

use std::collections::BTreeSet;

use anyhow::Result;
use e2e::{Api, Library};

/// Sends a success, an error of ours, a missing route and a wrong method, and returns the ids in the responses.
async fn ids(api: &Api, library: &Library, id: &[u8]) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for request in [
        api.get(library.list_path()),
        api.get(library.path("missing")),
        api.get("/nowhere"),
        api.delete("/health"),
        api.get("/health"),
    ] {
        let answer = request.header("X-Request-ID", id).await?;
        if answer.status >= 400 {
            let body: serde_json::Value = serde_json::from_slice(&answer.body)?;
            assert_eq!(body["request_id"], answer.header("x-request-id"));
        }
        ids.push(answer.header("x-request-id").to_owned());
    }
    Ok(ids)
}

#[tokio::test]
async fn an_id_of_visible_ascii_is_kept() -> Result<()> {
    let library = Library::open().await?;
    let longest = "z".repeat(128);
    for api in library.apis() {
        for id in [
            "a",
            "0af7651916cd43dd-8448eb211c80319c",
            "!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~",
            &longest,
        ] {
            assert!(
                ids(api, &library, id.as_bytes())
                    .await?
                    .iter()
                    .all(|seen| seen == id)
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn any_other_id_is_replaced() -> Result<()> {
    let library = Library::open().await?;
    let too_long = "z".repeat(129);
    let mut seen = BTreeSet::new();
    for api in library.apis() {
        for id in [
            "".as_bytes(),
            b"a b",
            b"a\tb",
            "ä".as_bytes(),
            b"\xff",
            too_long.as_bytes(),
        ] {
            for made in ids(api, &library, id).await? {
                assert_ne!(made.as_bytes(), id);
                assert!((1..=128).contains(&made.len()), "{made}");
                assert!(made.bytes().all(|byte| byte.is_ascii_graphic()), "{made}");
                assert!(seen.insert(made.clone()), "{made} twice");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_request_without_an_id_gets_one() -> Result<()> {
    let library = Library::open().await?;
    for api in library.apis() {
        let [first, second] = [api.get("/health").await?, api.get("/health").await?];
        assert!(!first.header("x-request-id").is_empty());
        assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    }
    Ok(())
}

#[tokio::test]
async fn a_write_and_a_failure_are_logged_with_their_id() -> Result<()> {
    let library = Library::open().await?;
    let mut log = library.log()?;
    let id = |what: &str| format!("{what}-{}", library.namespace);
    let create = library
        .admin
        .post(library.list_path())
        .json(&library.body("book"));
    create.header("X-Request-ID", id("create")).await?.json(201);
    let get = library.admin.get(library.path("missing"));
    get.header("X-Request-ID", id("get"))
        .await?
        .problem(404, "not_found");
    for (id, method, path, status) in [
        (id("create"), "POST", library.list_path(), 201),
        (id("get"), "GET", library.path("missing"), 404),
    ] {
        let line = log
            .line("the request was made", |line| {
                line["message"] == "request" && line["span"]["request_id"] == id.as_str()
            })
            .await?;
        assert_eq!(line["method"], method);
        assert_eq!(line["path"], path);
        assert_eq!(line["status"], status);
    }
    Ok(())
}
