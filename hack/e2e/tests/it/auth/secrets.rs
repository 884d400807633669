//! No log at trace level, metric, trace, error or Event contains a token, however it was used.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use e2e::{
    Answer, Api, Certificates, Cluster, Collector, Issued, Library, Person, Program, Secrets, Service,
    Signer, book, eventually, raw,
};
use kube::api::PostParams;
use reqwest::Method;

use super::{ADMIN, USER};

/// Both APIs at trace level with a collector: admin-api over HTTP/2 with TLS, user-api over HTTP/1.1.
struct Watched {
    admin: Service,
    user: Service,
    _certificates: Certificates,
    collector: Collector,
    library: Library,
    secrets: Secrets,
}

impl Watched {
    async fn start() -> Result<Self> {
        let cluster = Cluster::shared()?;
        let collector = Collector::start().await?;
        let (issued, traces) = (Issued::new()?, collector.flag());
        let certificates = Certificates::new(&issued)?;
        let plain = ["--auth-mode=token", "--log=trace", &traces];
        let [certificate, key] = certificates.flags();
        let encrypted = [&plain[..], &[&certificate, &key]].concat();
        let (admin, user) = tokio::try_join!(
            Service::start(Program::Admin, &cluster, &encrypted),
            Service::start(Program::User, &cluster, &plain),
        )?;
        let mut library = Library::open_in(&cluster, &admin, &user).await?;
        library.admin = issued.api(admin.address(), &["h2"])?;
        Ok(Self {
            admin,
            user,
            _certificates: certificates,
            collector,
            library,
            secrets: Secrets::default(),
        })
    }

    fn api(&self, audience: &str) -> &Api {
        if audience == ADMIN {
            &self.library.admin
        } else {
            &self.library.user
        }
    }

    fn check(&self, answer: &Answer) {
        self.secrets.assert_not_in_answer(answer);
    }

    /// Makes every kind of request with a valid token.
    async fn use_well(&mut self, token: &str, audience: &str) -> Result<()> {
        self.secrets.add(token);
        let api = self.api(audience).as_bearer(token);
        let library = &self.library;
        let path = library.path("book");
        eventually("the caller is let in", async || {
            Ok((api.get(&path).await?.status == 200).then_some(()))
        })
        .await?;
        for request in [
            api.get(&path),
            api.get(&path).header("Cache-Control", "no-cache"),
            api.get(&path).header("X-Resource-Version", "nonsense"),
            api.get(library.list_path()),
            api.get("/book?q=author"),
            api.get("/nowhere"),
            api.get("/book/NO-NAMESPACE"),
            api.get("/book/default"),
            api.request(Method::TRACE, &path),
            api.request(Method::OPTIONS, &path),
            api.put(&path).json(&library.body("book")),
            api.put(&path).json(&serde_json::json!({"author": "A"})),
            api.post(library.list_path())
                .json(&library.body("book"))
                .header("Idempotency-Key", "key"),
            api.post(format!("{path}/borrow"))
                .header("Idempotency-Key", "key"),
            api.post(format!("{path}/borrow")).tenant("somebody-else"),
            api.post(format!("{path}/return")),
            api.get(library.loans_path()),
        ] {
            self.check(&request.await?);
        }
        let mut stream = api.get(library.list_path()).listen().await?;
        for event in stream.until("synced").await? {
            self.secrets
                .assert_not_in("an event stream", &event.data.to_string());
        }
        Ok(())
    }

    /// Makes every kind of request with an invalid token.
    async fn use_badly(&mut self, token: &str, audience: &str) -> Result<()> {
        self.secrets.add(token);
        let (anonymous, library) = (self.api(audience), &self.library);
        let api = anonymous.as_bearer(token);
        let path = library.path("book");
        for request in [
            api.get(&path),
            api.get(&path).header("Accept", "text/event-stream"),
            api.put(&path).json(&library.body("book")),
            api.delete("/nowhere"),
        ] {
            let refused = request.await?;
            assert!([401, 429].contains(&refused.status), "{}", refused.status);
            self.check(&refused);
        }
        Ok(())
    }

    /// Sends a token in all places where none belongs.
    async fn misplace(&mut self, token: &str, audience: &str) -> Result<()> {
        self.secrets.add(token);
        let (api, path) = (self.api(audience), self.library.path("book"));
        let get = |name: &str, value: String| api.get(&path).header(name, value);
        let bearer = format!("Bearer {token}");
        for request in [
            get("Authorization", format!("Token {token}")),
            get("Authorization", format!("Basic {token}")),
            get("Authorization", token.to_owned()),
            get("Authorization", format!("{bearer}, {bearer}")),
            get("Authorization", bearer.clone()).header("Authorization", &bearer),
            get("Authorization", format!("Bearer {}", token.repeat(40))),
            get("Cookie", format!("token={token}")),
            get("Proxy-Authorization", bearer.clone()),
            get("X-Forwarded-Authorization", bearer.clone()),
            get("X-Tenant-Id", token.to_owned()),
            get("Last-Event-ID", token.to_owned()),
            get("Idempotency-Key", token.to_owned()),
            api.get(format!("{path}?access_token={token}")),
            api.get(format!("/book?limit=1&access_token={token}&q=a")),
            api.put(&path)
                .body("application/json", format!("{{\"access_token\": \"{token}\"}}")),
        ] {
            let refused = request.await?;
            assert!(
                [400, 401, 429, 431].contains(&refused.status),
                "{}",
                refused.status
            );
            self.check(&refused);
        }
        Ok(())
    }

    async fn search(&self) -> Result<()> {
        for service in [&self.admin, &self.user] {
            let lines = service.log().rest()?;
            // Both the libraries that handle requests and those that send reviews must log.
            let traced = lines.iter().filter(|line| line["level"] == "TRACE");
            let targets = traced.filter_map(|line| line["target"].as_str()?.split("::").next());
            let targets = targets.collect::<BTreeSet<_>>();
            assert!(targets.len() > 3, "{targets:?}");
            self.secrets.assert_not_in_service(service).await?;
        }
        let name = "PUT /book/{namespace}/{id}";
        self.collector
            .span("the last request", |span| span.name == name)
            .await?;
        let review = "create tokenreviews.authentication.k8s.io";
        self.collector
            .span("a review", |span| span.name == review)
            .await?;
        for span in self.collector.spans() {
            self.secrets.assert_not_in("a trace", &format!("{span:?}"));
        }
        eventually("the Events are there", async || {
            let events = self.secrets.assert_not_in_events(&self.library).await?;
            Ok((events > 0).then_some(()))
        })
        .await
    }
}

#[tokio::test]
async fn nothing_that_is_written_down_has_a_token_or_a_part_of_one() -> Result<()> {
    let mut watched = Watched::start().await?;
    let library = &watched.library;
    library
        .books()
        .create(&PostParams::default(), &book("book"))
        .await?;
    let person = Person::new(library.client.clone(), &library.namespace, "secretive").await?;
    let resources = ["books", "bookloans"];
    person.grant(&library.namespace, &["*"], &resources, &[]).await?;
    let unknown = Signer::unknown()?;
    for (audience, other) in [(ADMIN, USER), (USER, ADMIN)] {
        let token = person.token(audience).await?;
        let (signed, signature) = token.rsplit_once('.').context("a signature")?;
        let reversed = signature.chars().rev().collect::<String>();
        watched.use_well(&token, audience).await?;
        for bad in [
            format!("{signed}.{reversed}"),
            person.token(other).await?,
            unknown.sign(&person.claims(audience, -3600..-60)?)?,
            unknown.sign(&person.claims(audience, 0..3600)?)?,
            "c2VjcmV0LWdhcmJhZ2Utb2Ytbm9ib2R5".to_owned(),
            "Z2FyYmFnZSBvZiA".repeat(500),
        ] {
            watched.use_badly(&bad, audience).await?;
        }
        watched.misplace(&token, audience).await?;
    }
    // Requests that the parser refuses, which logs what it cannot read.
    let token = person.token(USER).await?;
    watched.secrets.add(&token);
    for head in [
        format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization Bearer {token}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\u{0}\r\n\r\n"),
        format!("CONNECT {token}:443 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        format!(
            "GET /book HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: {}\r\n\r\n",
            token.repeat(20)
        ),
    ] {
        let answer = raw(watched.user.address(), &head).await?;
        watched
            .secrets
            .assert_not_in("the answer to what is no request", &answer);
    }
    watched.search().await
}
