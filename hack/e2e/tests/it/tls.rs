//! TLS on the API port: HTTP/1.1, HTTP/2, and the rotation of certificates.

mod certificates;
mod http2;

use anyhow::Result;
use e2e::{Api, Certificates, Issued, Library, Person, Program, Service, raw};
use reqwest::Version;
use serde_json::json;

const HTTP_1: &[&str] = &["http/1.1"];
const HTTP_2: &[&str] = &["h2"];
const BOTH: &[&str] = &["h2", "http/1.1"];

struct Encrypted {
    service: Service,
    issued: Issued,
    certificates: Certificates,
}

impl Encrypted {
    async fn start(program: Program, library: &Library, arguments: &[&str]) -> Result<Self> {
        let issued = Issued::new()?;
        let certificates = Certificates::new(&issued)?;
        let flags = certificates.flags();
        let flags = flags.iter().map(String::as_str);
        let arguments = flags.chain(arguments.iter().copied()).collect::<Vec<_>>();
        let service = Service::start(program, &library.cluster, &arguments).await?;
        Ok(Self {
            service,
            issued,
            certificates,
        })
    }

    fn api(&self, protocols: &[&str]) -> Result<Api> {
        self.issued.api(self.service.address(), protocols)
    }

    async fn metric(&self, name: &str) -> Result<Option<String>> {
        let metrics = self.service.ops()?.get("/metrics").await?.text();
        let mut lines = metrics.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
        Ok(value)
    }
}

#[tokio::test]
async fn both_apis_speak_http_1_and_http_2_and_the_client_chooses() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for program in Program::ALL {
        let encrypted = Encrypted::start(program, &library, &[]).await?;
        for (protocols, version) in [
            (HTTP_1, Version::HTTP_11),
            (HTTP_2, Version::HTTP_2),
            (BOTH, Version::HTTP_2),
            (&[], Version::HTTP_11),
        ] {
            let answer = encrypted.api(protocols)?.get(library.path("book")).await?;
            assert_eq!(answer.version, version, "{program:?} {protocols:?}");
            assert_eq!(answer.json(200)["id"], "book");
        }
    }
    Ok(())
}

#[tokio::test]
async fn writes_and_errors_are_the_same_over_http_2() -> Result<()> {
    let library = Library::open().await?;
    let encrypted = Encrypted::start(Program::Admin, &library, &["--max-body=1000"]).await?;
    let api = encrypted.api(HTTP_2)?;
    let created = api.post(library.list_path()).json(&library.body("book")).await?;
    assert_eq!(created.version, Version::HTTP_2);
    created.json(201);
    let head = api.head(library.path("book")).await?;
    assert_eq!((head.status, head.body.len()), (200, 0));
    let again = api
        .get(library.path("book"))
        .header("If-None-Match", head.header("ETag"))
        .await?;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let large = json!({"id": "large", "author": "A".repeat(1000), "title": "T"});
    api.post(library.list_path())
        .json(&large)
        .await?
        .problem(413, "too_large");
    api.post(library.list_path())
        .json(&library.body("book"))
        .await?
        .problem(409, "already_exists");
    api.get("/nowhere").await?.problem(404, "not_found");
    let deleted = api.delete(library.path("book")).await?;
    assert!((200..300).contains(&deleted.status), "{deleted:?}");
    Ok(())
}

#[tokio::test]
async fn plain_http_is_refused_and_the_operations_port_has_no_tls() -> Result<()> {
    let library = Library::open().await?;
    let encrypted = Encrypted::start(Program::Admin, &library, &[]).await?;
    let request = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    // The response is a TLS alert, or nothing.
    let refused = raw(encrypted.service.address(), request).await;
    assert!(
        refused.as_ref().is_err() || refused.as_ref().is_ok_and(|answer| !answer.contains("HTTP")),
        "{refused:?}"
    );
    encrypted
        .service
        .ops()?
        .get("/livez")
        .await
        .map(|answer| assert_eq!(answer.status, 200))?;
    assert!(
        encrypted.api(&["h3"])?.get("/health").await.is_err(),
        "no protocol in common"
    );
    encrypted.api(BOTH)?.get("/health").await?.json(200);
    Ok(())
}

#[tokio::test]
async fn tokens_are_reviewed_over_tls_with_both_protocols() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let reader = Person::new(library.client.clone(), &library.namespace, "reader").await?;
    reader
        .grant(&library.namespace, &["list", "get", "watch"], &["books"], &[])
        .await?;
    let token = reader.token("bookshelf-admin").await?;
    let encrypted = Encrypted::start(Program::Admin, &library, &["--auth-mode=token"]).await?;
    for protocols in [HTTP_1, HTTP_2] {
        let api = encrypted.api(protocols)?;
        assert_eq!(api.get(library.path("book")).await?.status, 401);
        let api = api.as_bearer(&token);
        api.get(library.path("book")).await?.json(200);
        api.get(library.list_path())
            .listen()
            .await?
            .until("synced")
            .await?;
        api.delete(library.path("book")).await?.problem(403, "forbidden");
    }
    Ok(())
}

#[tokio::test]
async fn tokens_in_the_clear_are_warned_of_once_where_others_can_connect() -> Result<()> {
    let library = Library::open().await?;
    let certificates = Certificates::new(&Issued::new()?)?;
    let [certificate, key] = certificates.flags();
    for program in Program::ALL {
        for (arguments, warnings) in [
            (&["--auth-mode=token", "--listen=0.0.0.0:0"][..], 1),
            (&["--auth-mode=token", "--listen=127.0.0.1:0"], 0),
            (
                &["--auth-mode=token", "--listen=0.0.0.0:0", &certificate, &key],
                0,
            ),
        ] {
            let service = Service::start(program, &library.cluster, arguments).await?;
            let log = service.log().rest()?;
            let is_warning = |line: &&serde_json::Value| {
                let message = line["message"].as_str().unwrap_or_default();
                line["level"] == "WARN" && message.contains("tokens travel in the clear")
            };
            let found = log.iter().filter(is_warning).count();
            assert_eq!(found, warnings, "{program:?} {arguments:?}");
        }
    }
    Ok(())
}
