//! Request bodies that are refused before anything is sent to the API server.

mod encodings;

use anyhow::{Context as _, Result};
use e2e::{Answer, Api, Library, Request, raw};
use serde_json::{Value, json};

fn whole_books(library: &Library) -> [Request; 2] {
    [
        library.admin.post(library.list_path()),
        library.admin.put(library.path("book")),
    ]
}

/// Returns every request with a JSON body.
fn with_bodies(library: &Library) -> Vec<Request> {
    let category = library.path("book/category");
    let mut requests = Vec::from(whole_books(library));
    requests.extend([library.admin.patch(&category), library.admin.post(&category)]);
    requests
}

async fn json(request: Request, body: &Value) -> Result<Answer> {
    request.json(body).await
}

/// Returns a library with one book, and the list that must not change.
async fn library() -> Result<(Library, Value)> {
    let library = Library::open().await?;
    library.add("book").await?;
    let list = list(&library.admin, &library).await?;
    Ok((library, list))
}

async fn list(api: &Api, library: &Library) -> Result<Value> {
    Ok(api.get(library.list_path()).await?.json(200))
}

#[tokio::test]
async fn required_fields_are_required_by_name() -> Result<()> {
    let (library, before) = library().await?;
    for field in ["author", "title"] {
        for request in whole_books(&library) {
            let mut body = library.body("book");
            body.as_object_mut().map(|body| body.remove(field));
            let message = json(request, &body).await?.invalid(field);
            assert_eq!(message, format!("{field} is required"));
        }
        for request in whole_books(&library) {
            let mut body = library.body("book");
            body[field] = Value::Null;
            assert_eq!(
                json(request, &body).await?.invalid(field),
                format!("{field} is required")
            );
        }
    }
    let without_id = json!({"author": "A", "title": "T"});
    let answer = library.admin.post(library.list_path()).json(&without_id).await?;
    assert_eq!(answer.invalid("id"), "id is required");
    assert_eq!(list(&library.admin, &library).await?, before);
    Ok(())
}

#[tokio::test]
async fn every_broken_rule_is_named_with_its_field() -> Result<()> {
    let (library, before) = library().await?;
    let (author, title, description) = ("é".repeat(2_049), "é".repeat(1_025), "é".repeat(16_385));
    let category = "a".repeat(64);
    let broken = [
        ("author", "", "must not be blank"),
        ("author", " \u{3000}\n", "must not be blank"),
        ("author", &author, "must have at most 2048 characters"),
        ("title", "", "must not be blank"),
        ("title", "\u{a0}", "must not be blank"),
        ("title", &title, "must have at most 1024 characters"),
        ("description", &description, "must have at most 16384 characters"),
        ("author", "\u{200b}", "must not be blank"),
        (
            "author",
            "\u{98}Die\u{9c} Verwandlung",
            "must not contain the character U+0098",
        ),
        ("title", "a\nb", "must not contain the character U+000A"),
        ("title", "a\u{ffff}", "must not contain the character U+FFFF"),
        ("description", "a\n\u{0}", "must not contain the character U+0000"),
        (
            "category_id",
            "Математика",
            "must be a label value: at most 63 ASCII letters, ASCII digits",
        ),
        ("category_id", "-math", "must be a label value"),
        ("category_id", "ma/th", "must be a label value"),
        ("category_id", &category, "must be a label value"),
    ];
    for (field, value, rule) in broken {
        for request in whole_books(&library) {
            let mut body = library.body("book");
            body[field] = value.into();
            let message = json(request, &body).await?.invalid(field);
            assert!(message.starts_with(&format!("{field} {rule}")), "{message}");
        }
    }
    for category_id in ["-math", "ma th", &category] {
        let category = library.path("book/category");
        for request in [library.admin.patch(&category), library.admin.post(&category)] {
            let message = json(request, &json!({"category_id": category_id}))
                .await?
                .invalid("category_id");
            assert!(
                message.starts_with("category_id must be a label value"),
                "{message}"
            );
        }
    }
    for id in ["", "Upper", "a b", "a..b", "ä"] {
        let answer = library
            .admin
            .post(library.list_path())
            .json(&library.body(id))
            .await?;
        let message = answer.invalid("id");
        assert!(
            message.starts_with("id must be a DNS-1123 subdomain"),
            "{message}"
        );
    }
    let mut elsewhere = library.body("new");
    elsewhere["namespace_id"] = "elsewhere".into();
    let answer = library.admin.post(library.list_path()).json(&elsewhere).await?;
    assert!(answer.invalid("namespace_id").contains("must be the path's"));
    assert_eq!(list(&library.admin, &library).await?, before);
    Ok(())
}

#[tokio::test]
async fn a_category_filter_has_to_be_valid() -> Result<()> {
    let library = Library::open().await?;
    for api in library.apis() {
        for category in ["-math", "ma%20th", "ma%2Fth", &"a".repeat(64), "%C3%A4"] {
            let answer = api
                .get(format!("{}?category_id={category}", library.list_path()))
                .await?;
            let message = answer.invalid("category_id");
            assert!(
                message.starts_with("category_id must be a label value"),
                "{message}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_unknown_field_is_refused_by_name() -> Result<()> {
    let (library, before) = library().await?;
    for request in with_bodies(&library) {
        let mut body = library.body("book");
        body["category_id"] = "math".into();
        if let Some(body) = body.as_object_mut() {
            body.retain(|key, _| key == "category_id");
        }
        body["categroy_id"] = "math".into();
        let problem = json(request, &body).await?.problem(400, "invalid_request");
        assert!(
            problem.message.contains("unknown field `categroy_id`"),
            "{problem:?}"
        );
        assert_eq!(problem.field.as_deref(), Some("categroy_id"));
    }
    assert_eq!(list(&library.admin, &library).await?, before);
    Ok(())
}

#[tokio::test]
async fn a_value_of_the_wrong_type_is_refused_by_the_name_of_its_field() -> Result<()> {
    let (library, before) = library().await?;
    for field in [
        "id",
        "namespace_id",
        "author",
        "title",
        "category_id",
        "description",
    ] {
        for wrong in [json!(5), json!(true), json!(["a"]), json!({"a": "b"})] {
            for request in whole_books(&library) {
                let mut body = library.body("book");
                body[field] = wrong.clone();
                let message = json(request, &body).await?.invalid(field);
                assert!(message.contains("invalid type"), "{message}");
            }
        }
    }
    let category = library.path("book/category");
    for request in [library.admin.patch(&category), library.admin.post(&category)] {
        json(request, &json!({"category_id": 5}))
            .await?
            .invalid("category_id");
    }
    assert_eq!(list(&library.admin, &library).await?, before);
    Ok(())
}

#[tokio::test]
async fn a_body_that_is_not_one_json_object_is_refused() -> Result<()> {
    let (library, before) = library().await?;
    let whole = library.body("book").to_string();
    let repeated = r#"{"category_id": "a", "category_id": "b"}"#;
    for body in [
        "",
        "{",
        "[]",
        "null",
        "\"book\"",
        "5",
        "{'category_id': 'a'}",
        "{\"category_id\": \"\u{1}\"}",
        repeated,
        &format!("{whole} {whole}"),
        &whole[..whole.len() - 1],
    ] {
        for request in with_bodies(&library) {
            let answer = request.body("application/json", body).await?;
            let problem = answer.problem(400, "invalid_request");
            if body == repeated {
                assert_eq!(problem.field.as_deref(), Some("category_id"));
                continue;
            }
            assert!(problem.message.contains("valid"), "{body}: {problem:?}");
            for words in ["struct", "EOF", "expected value"] {
                assert!(!problem.message.contains(words), "{body}: {problem:?}");
            }
        }
    }
    for request in with_bodies(&library) {
        let answer = request
            .body("application/json", *b"{\"category_id\": \"\xff\"}")
            .await?;
        answer.problem(400, "invalid_request");
    }
    assert_eq!(list(&library.admin, &library).await?, before);
    Ok(())
}

#[tokio::test]
async fn names_in_the_path_are_checked_before_the_body() -> Result<()> {
    let (library, before) = library().await?;
    let large = "x".repeat(300_000);
    for (request, field) in [
        (library.admin.post("/book/C11"), "namespace_id"),
        (library.admin.put(library.path("Book")), "id"),
        (library.admin.patch(library.path("Book/category")), "id"),
    ] {
        request.body("text/plain", large.clone()).await?.invalid(field);
    }
    assert_eq!(list(&library.admin, &library).await?, before);
    Ok(())
}

#[tokio::test]
async fn a_body_that_declares_too_great_a_length_is_not_waited_for() -> Result<()> {
    let (library, before) = library().await?;
    let address = library
        .shared
        .as_ref()
        .context("the shared APIs")?
        .admin()
        .address();
    let path = library.list_path();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n"
    );
    let answer = raw(address, &request).await?;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(
        answer.to_lowercase().contains("\r\nconnection: close\r\n"),
        "{answer}"
    );
    assert_eq!(list(&library.admin, &library).await?, before);
    Ok(())
}

#[tokio::test]
async fn a_body_has_to_be_declared_as_json() -> Result<()> {
    let (library, before) = library().await?;
    let body = library.body("other").to_string();
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/problem+json",
        "",
    ] {
        for request in with_bodies(&library) {
            request
                .body(kind, body.clone())
                .await?
                .problem(415, "unsupported_media_type");
        }
    }
    for request in with_bodies(&library) {
        request.await?.problem(415, "unsupported_media_type");
    }
    assert_eq!(list(&library.admin, &library).await?, before);
    for kind in ["application/json; charset=utf-8", "Application/JSON"] {
        let put = library.admin.put(library.path("book"));
        put.body(kind, library.body("book").to_string()).await?.json(200);
    }
    Ok(())
}

#[tokio::test]
async fn a_body_has_at_most_256_kib() -> Result<()> {
    const LIMIT: usize = 256 * 1024;
    let (library, _) = library().await?;
    let padded = |length: usize| {
        let mut body = json!({"category_id": "math"}).to_string();
        body.push_str(&" ".repeat(length - body.len()));
        body
    };
    let category = library.path("book/category");
    let largest = library
        .admin
        .patch(&category)
        .body("application/json", padded(LIMIT));
    largest.await?.json(200);
    for length in [LIMIT + 1, 40 * LIMIT] {
        for request in with_bodies(&library) {
            let answer = request.body("application/json", padded(length)).await?;
            let problem = answer.problem(413, "too_large");
            assert!(problem.message.contains("262144"), "{problem:?}");
        }
    }
    Ok(())
}
