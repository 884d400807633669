//! The routes of both APIs, and the rules for all of them: methods, paths, and nothing else.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use e2e::{Answer, Api, Library, raw};
use reqwest::Method;
use serde_json::json;

const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

/// Paths with the placeholders `NS` and `ID`, and their methods.
const ADMIN: [(&str, &[Method]); 11] = [
    ("/health", &[Method::GET, Method::HEAD]),
    ("/openapi.json", &[Method::GET, Method::HEAD]),
    ("/docs", &[Method::GET, Method::HEAD]),
    ("/docs/start.js", &[Method::GET, Method::HEAD]),
    ("/book", &[Method::GET, Method::HEAD]),
    ("/namespace", &[Method::GET, Method::HEAD]),
    ("/loan/NS", &[Method::GET, Method::HEAD]),
    ("/loan/NS/ID", &[Method::GET, Method::HEAD, Method::DELETE]),
    ("/book/NS", &[Method::GET, Method::HEAD, Method::POST]),
    (
        "/book/NS/ID",
        &[Method::GET, Method::HEAD, Method::PUT, Method::DELETE],
    ),
    ("/book/NS/ID/category", &[Method::PATCH, Method::POST]),
];
const USER: [(&str, &[Method]); 12] = [
    ("/health", &[Method::GET, Method::HEAD]),
    ("/openapi.json", &[Method::GET, Method::HEAD]),
    ("/docs", &[Method::GET, Method::HEAD]),
    ("/docs/start.js", &[Method::GET, Method::HEAD]),
    ("/book", &[Method::GET, Method::HEAD]),
    ("/namespace", &[Method::GET, Method::HEAD]),
    ("/loan/NS", &[Method::GET, Method::HEAD]),
    ("/loan/NS/ID", &[Method::GET, Method::HEAD]),
    ("/book/NS", &[Method::GET, Method::HEAD]),
    ("/book/NS/ID", &[Method::GET, Method::HEAD]),
    ("/book/NS/ID/borrow", &[Method::POST]),
    ("/book/NS/ID/return", &[Method::POST]),
];

fn routes(library: &Library) -> impl Iterator<Item = (&Api, &'static str, &'static [Method])> {
    let admin = ADMIN
        .iter()
        .map(|(path, methods)| (&library.admin, *path, *methods));
    let user = USER
        .iter()
        .map(|(path, methods)| (&library.user, *path, *methods));
    admin.chain(user)
}

/// Sends a request that is valid except possibly for its path.
async fn send(api: &Api, method: &Method, path: &str) -> Result<Answer> {
    let request = api.request(method.clone(), path).tenant("bob");
    let body = if path.ends_with("/category") {
        json!({"category_id": "math"})
    } else {
        json!({"id": "book", "author": "A", "title": "T"})
    };
    match *method {
        Method::POST | Method::PUT | Method::PATCH => request.json(&body).await,
        _ => request.await,
    }
}

#[tokio::test]
async fn an_unsupported_method_is_refused_with_the_supported_ones() -> Result<()> {
    let library = Library::open().await?;
    for (api, path, allowed) in routes(&library) {
        let path = path.replace("NS", &library.namespace).replace("ID", "missing");
        for method in METHODS {
            let answer = send(api, &method, &path).await?;
            if allowed.contains(&method) {
                assert_ne!(answer.status, 405, "{}", answer.what);
                continue;
            }
            if method == Method::HEAD {
                assert_eq!(
                    (answer.status, answer.text().as_str()),
                    (405, ""),
                    "{}",
                    answer.what
                );
            } else {
                answer.problem(405, "method_not_allowed");
            }
            let listed: BTreeSet<&str> = answer.header("allow").split(", ").collect();
            let expected = allowed.iter().map(Method::as_str).collect();
            assert_eq!(listed, expected, "{}", answer.what);
        }
    }
    Ok(())
}

#[tokio::test]
async fn unknown_routes_are_not_found() -> Result<()> {
    let library = Library::open().await?;
    let namespace = &library.namespace;
    library.add("book").await?;
    let nowhere = [
        "/ui".to_owned(),
        "/ui/".to_owned(),
        "/book/".to_owned(),
        "/loan".to_owned(),
        "/loan/".to_owned(),
        "/namespace/".to_owned(),
        format!("/namespace/{namespace}"),
        format!("/book/{namespace}/"),
        format!("/book/{namespace}/book/"),
        format!("/book/{namespace}//category"),
        format!("/book/{namespace}/book/nothing"),
        format!("/book/{namespace}/book/category/math"),
        format!("/BOOK/{namespace}"),
        "/health/".to_owned(),
        "/openapi.json/".to_owned(),
        "/docs/".to_owned(),
        "/docs/start.js/".to_owned(),
        "/livez".to_owned(),
        "/readyz".to_owned(),
        "/metrics".to_owned(),
    ];
    for api in library.apis() {
        for (path, method) in nowhere
            .iter()
            .flat_map(|path| METHODS.map(|method| (path, method)))
        {
            let answer = send(api, &method, path).await?;
            if method == Method::HEAD {
                assert_eq!(
                    (answer.status, answer.text().as_str()),
                    (404, ""),
                    "{}",
                    answer.what
                );
            } else {
                let message = answer.problem(404, "not_found").message;
                assert_eq!(message, "not found: the route does not exist", "{}", answer.what);
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn neither_api_has_the_others_routes() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for action in ["borrow", "return"] {
        let path = library.path(&format!("book/{action}"));
        send(&library.admin, &Method::POST, &path)
            .await?
            .problem(404, "not_found");
    }
    let category = library.path("book/category");
    for method in [Method::PATCH, Method::POST] {
        send(&library.user, &method, &category)
            .await?
            .problem(404, "not_found");
    }
    for method in [Method::PUT, Method::DELETE] {
        let answer = send(&library.user, &method, &library.path("book")).await?;
        answer.problem(405, "method_not_allowed");
    }
    let loan = format!("/loan/{}/book", library.namespace);
    let answer = send(&library.user, &Method::DELETE, &loan).await?;
    answer.problem(405, "method_not_allowed");
    library.admin.get(library.path("book")).await?.json(200);
    Ok(())
}

#[tokio::test]
async fn a_namespace_that_cannot_exist_is_refused_on_every_route() -> Result<()> {
    let library = Library::open().await?;
    let long = "a".repeat(64);
    let impossible = [
        "Upper",
        "a.b",
        "-a",
        "a-",
        "a_b",
        "a%20b",
        "a%2Fb",
        "a%2F..%2Fb",
        "%C3%A4",
        "a%00",
        "%",
        "*",
        &long,
    ];
    for (api, path, methods) in routes(&library).filter(|(_, path, _)| path.contains("NS")) {
        for (method, namespace) in methods
            .iter()
            .flat_map(|method| impossible.map(|bad| (method, bad)))
        {
            let path = path.replace("NS", namespace).replace("ID", "book");
            let answer = send(api, method, &path).await?;
            if *method == Method::HEAD {
                assert_eq!(answer.status, 400, "{}", answer.what);
            } else {
                let message = answer.invalid("namespace_id");
                assert!(
                    message.starts_with("namespace_id must be a DNS-1123 label"),
                    "{message}"
                );
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_id_that_cannot_exist_is_refused_on_every_route() -> Result<()> {
    let library = Library::open().await?;
    let long = "a".repeat(254);
    let impossible = [
        "Upper",
        "a..b",
        ".a",
        "a.",
        "-a",
        "a-",
        "a.-b",
        "a_b",
        "a%20b",
        "a%2Fb",
        "a%2F..%2Fb",
        "%C3%A4",
        "a%00",
        "%",
        "*",
        &long,
    ];
    for (api, path, methods) in routes(&library).filter(|(_, path, _)| path.contains("ID")) {
        for (method, id) in methods
            .iter()
            .flat_map(|method| impossible.map(|bad| (method, bad)))
        {
            let path = path.replace("NS", &library.namespace).replace("ID", id);
            let answer = send(api, method, &path).await?;
            if *method == Method::HEAD {
                assert_eq!(answer.status, 400, "{}", answer.what);
            } else {
                let message = answer.invalid("id");
                assert!(
                    message.starts_with("id must be a DNS-1123 subdomain"),
                    "{message}"
                );
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_path_that_is_not_utf_8_is_refused() -> Result<()> {
    let library = Library::open().await?;
    for (api, path, methods) in routes(&library).filter(|(_, path, _)| path.contains("NS")) {
        for method in methods.iter().filter(|method| **method != Method::HEAD) {
            let path = path.replace("NS", "a%FFb").replace("ID", "book");
            send(api, method, &path).await?.problem(400, "invalid_request");
        }
    }
    Ok(())
}

#[tokio::test]
async fn dots_in_a_path_lead_nowhere() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let shared = library.shared.as_ref().context("the shared APIs")?;
    let namespace = &library.namespace;
    for (path, code) in [
        (format!("/book/{namespace}/.."), "invalid_request"),
        (format!("/book/{namespace}/."), "invalid_request"),
        (format!("/book/{namespace}/%2e%2e"), "invalid_request"),
        (format!("/book/../{namespace}"), "invalid_request"),
        (format!("/book/{namespace}/book/../../{namespace}"), "not_found"),
    ] {
        for service in [shared.admin(), shared.user()] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            let answer = raw(service.address(), &request).await?;
            assert!(
                answer.contains(&format!("urn:bookshelf:problem:{code}")),
                "{path}: {answer}"
            );
        }
    }
    Ok(())
}
