//! Hostile requests, made to be authorized as one request and served as another.

use anyhow::{Context as _, Result};
use e2e::{book, raw};
use http::{HeaderName, Method};

use super::{ADMIN, House};

/// Sends a request line, with a token if there is one, and returns the status.
async fn status(house: &House, request_line: &str, token: Option<&str>) -> Result<u16> {
    let authorization = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
    let request = format!(
        "{request_line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n{authorization}\r\n"
    );
    let answer = raw(house.pair.admin.address(), &request).await?;
    let status = answer.split(' ').nth(1);
    let status = status.with_context(|| format!("{request_line}: a status in {answer:?}"))?;
    Ok(status.parse()?)
}

fn encoded(text: &str) -> String {
    let bytes = text.bytes().map(|byte| format!("%{byte:02x}"));
    bytes.collect::<Vec<_>>().concat()
}

#[tokio::test]
async fn a_name_is_authorized_as_it_is_served() -> Result<()> {
    let (house, other) = (House::open().await?, House::open().await?);
    for library in [&house.library, &other.library] {
        library.plant(&book("book")).await?;
        library.appeared("book").await?;
    }
    let person = house.person("reader").await?;
    let (own, foreign) = (&house.library.namespace, &other.library.namespace);
    person.grant(own, &["get", "list"], &["books"], &[]).await?;
    let token = person.token(ADMIN).await?;
    super::reviewed(house.admin.as_bearer(&token)).await?;
    let upper = own.to_uppercase();
    let (own_encoded, foreign_encoded) = (encoded(own), encoded(foreign));
    let twice = foreign_encoded.replace('%', "%25");
    for (path, expected) in [
        (format!("{own}/book"), 200),
        (format!("{own_encoded}/%62ook"), 200),
        (format!("{own_encoded}/%62%6F%6f%6b"), 200),
        (format!("{foreign}/book"), 403),
        (format!("{foreign_encoded}/book"), 403),
        (format!("{twice}/book"), 400),
        (format!("{upper}/book"), 400),
        (format!("{own}/BOOK"), 400),
        (format!("{own}/..%2f{foreign}%2fbook"), 400),
        (format!("{own}/..%2F..%2Fbook%2F{foreign}%2Fbook"), 400),
        (format!("{own}%2fbook/book"), 400),
        (format!("{own}/%2e%2e"), 400),
        (format!("%2e%2e/{own}"), 400),
        (format!("{own}/book%00"), 400),
        (format!("{own}/book%20"), 400),
        (format!("{own}/%ff"), 400),
        (format!("{own}/%"), 400),
        (format!("{own}/../{foreign}/book"), 404),
        (format!("{own}/./book"), 404),
        (format!("{own}//book"), 404),
    ] {
        let line = format!("GET /book/{path}");
        assert_eq!(status(&house, &line, Some(&token)).await?, expected, "{line}");
        assert_eq!(status(&house, &line, None).await?, 401, "{line}");
    }
    Ok(())
}

#[tokio::test]
async fn no_method_and_no_spelling_of_a_public_path_needs_less() -> Result<()> {
    let house = House::open().await?;
    house.library.plant(&book("book")).await?;
    house.library.appeared("book").await?;
    let path = house.library.path("book");
    let stranger = house.person("stranger").await?.token(ADMIN).await?;
    super::reviewed(house.admin.as_bearer(&stranger)).await?;
    for (method, expected) in [
        ("GET", 403),
        ("HEAD", 403),
        ("PUT", 403),
        ("DELETE", 403),
        ("POST", 405),
        ("OPTIONS", 405),
        ("TRACE", 405),
        ("CONNECT", 405),
        ("PROPFIND", 405),
        ("get", 405),
        ("MADE-UP", 405),
    ] {
        let line = format!("{method} {path}");
        assert_eq!(status(&house, &line, None).await?, 401, "{line}");
        assert_eq!(status(&house, &line, Some(&stranger)).await?, expected, "{line}");
    }
    for line in [
        "POST /health",
        "OPTIONS /health",
        "TRACE /",
        "GET /health/",
        "GET //health",
        "GET /HEALTH",
        "GET /health;a",
        "GET /docs/../book",
        "GET /docs/..%2fbook",
        "GET /ui/../book",
        "GET /health/../book",
        "GET /openapi.json/",
        "OPTIONS *",
        "CONNECT localhost:443",
    ] {
        let status = status(&house, line, None).await?;
        assert!([401, 404].contains(&status), "{line}: {status}");
    }
    assert_eq!(status(&house, "GET /health", None).await?, 200);
    assert_eq!(status(&house, "HEAD /health", None).await?, 200);
    house.library.appeared("book").await
}

#[tokio::test]
async fn garbage_of_every_size_is_refused() -> Result<()> {
    let house = House::open().await?;
    let line = format!("GET {}", house.library.list_path());
    for power in 0..18 {
        for letter in ["=", "g"] {
            let garbage = letter.repeat(1 << power);
            let status = status(&house, &line, Some(&garbage)).await;
            let is_refused = match &status {
                Ok(401 | 429) => true,
                // A request whose head is above the limit cannot be parsed. Its rest is not read, which may break the
                // connection.
                Ok(400 | 431) | Err(_) => power >= 15,
                Ok(_) => false,
            };
            assert!(is_refused, "{} bytes: {status:?}", garbage.len());
        }
    }
    Ok(())
}

#[tokio::test]
async fn no_answer_sets_a_cookie_or_lets_another_origin_in() -> Result<()> {
    let house = House::open().await?;
    house.library.plant(&book("book")).await?;
    let path = house.library.path("book");
    for api in [&house.admin, &house.library.admin] {
        for request in [
            api.get("/"),
            api.get("/health"),
            api.get("/openapi.json"),
            api.get(&path),
            api.get("/nowhere"),
            api.request(Method::OPTIONS, &path),
            api.request(Method::OPTIONS, "/health"),
        ] {
            let asked = request
                .header("Origin", "https://evil.example")
                .header("Access-Control-Request-Method", "GET")
                .header("Access-Control-Request-Headers", "authorization")
                .header("Cookie", "token=a");
            let answer = asked.await?;
            let names = answer.headers.keys().map(HeaderName::as_str);
            for name in names {
                let is_for_browsers = name.starts_with("access-control-") || name == "set-cookie";
                assert!(!is_for_browsers, "{}: {name}", answer.what);
            }
        }
    }
    Ok(())
}
