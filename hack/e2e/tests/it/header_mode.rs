//! Header mode trusts its callers, so it serves only its own machine or a gateway.

use anyhow::Result;
use e2e::{Cluster, Library, Program, Service, raw};

#[tokio::test]
async fn without_a_trusted_proxy_the_host_must_be_this_machine() -> Result<()> {
    let library = Library::open().await?;
    let shared = library
        .shared
        .as_ref()
        .map(|shared| [shared.admin(), shared.user()]);
    for service in shared.into_iter().flatten() {
        let answer = async |target: &str, host: &str| {
            let request = format!("GET {target} HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
            raw(service.address(), &request).await
        };
        for (target, host, status) in [
            ("/book", "Host: localhost\r\n", 200),
            ("/book", "Host: LOCALHOST:8080\r\n", 200),
            ("/book", "Host: 127.0.0.1\r\n", 200),
            ("/book", "Host: [::1]:80\r\n", 200),
            ("/book", "Host: evil.example\r\n", 403),
            ("/book", "Host: localhost.evil.example\r\n", 403),
            ("/book", "Host: 10.1.2.3\r\n", 403),
            ("/book", "Host: \r\n", 403),
            ("http://evil.example/book", "Host: localhost\r\n", 403),
            // Errors of the request are found first, and public routes are open to every host.
            ("/nowhere", "Host: evil.example\r\n", 404),
            ("/book/NO-NAMESPACE", "Host: evil.example\r\n", 400),
            ("/health", "Host: evil.example\r\n", 200),
            ("/openapi.json", "Host: evil.example\r\n", 200),
        ] {
            let answer = answer(target, host).await?;
            let start = format!("HTTP/1.1 {status} ");
            assert!(answer.starts_with(&start), "{target}, {host:?}: {answer}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn with_trusted_proxies_only_these_may_connect() -> Result<()> {
    let cluster = Cluster::shared()?;
    for program in Program::ALL {
        let trusting = Service::start(program, &cluster, &["--trusted-proxy=10.0.0.0/8,127.0.0.1"]).await?;
        let request = "GET /book HTTP/1.1\r\nHost: library.example\r\nConnection: close\r\n\r\n";
        let answer = raw(trusting.address(), request).await?;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");

        let other = Service::start(program, &cluster, &["--trusted-proxy=10.0.0.0/8"]).await?;
        let api = other.api()?;
        for path in ["/book", "/book/NO-NAMESPACE", "/nowhere"] {
            let refused = api.get(path).header("X-Forwarded-For", "10.0.0.1").await?;
            refused.problem(401, "unauthenticated");
            assert_eq!(refused.header("www-authenticate"), r#"Bearer realm="bookshelf""#);
            assert_eq!(refused.header("x-resource-version"), "");
        }
        assert_eq!(api.get("/health").await?.status, 200);
    }
    Ok(())
}

#[tokio::test]
async fn credentials_say_nothing_in_header_mode() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for value in ["Bearer garbage", "Basic YTpi", "", "ä"] {
        for api in library.apis() {
            let read = api.get(library.path("book")).header("Authorization", value);
            read.header("Authorization", "Bearer another").await?.json(200);
        }
    }
    let borrow = library.user.post(library.path("book/borrow")).tenant("bob");
    let loan = borrow.header("Authorization", "Bearer garbage").await?.json(201);
    assert_eq!(loan["borrowed_by"], "bob");
    Ok(())
}
