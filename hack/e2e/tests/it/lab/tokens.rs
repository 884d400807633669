//! Token mode, with a disturbed API server or with counted requests.

mod away;
mod costs;
mod flood;
mod keys;
mod shedding;

use anyhow::{Context as _, Result};
use e2e::{Api, Library, Person, Secrets, Service, book, eventually};
use kube::api::PostParams;

use super::Turn;

const ARGUMENTS: [&str; 2] = ["--auth-mode=token", "--kube-timeout=2"];
const AUDIENCE: &str = "bookshelf-admin";

/// A library with a book, and a caller with all rights on the library's books.
struct House {
    admin: Service,
    user: Service,
    library: Library,
    person: Person,
}

impl House {
    async fn open(turn: &Turn) -> Result<Self> {
        let (admin, user, library) = turn.services(&ARGUMENTS).await?;
        library
            .books()
            .create(&PostParams::default(), &book("book"))
            .await?;
        let person = Person::new(library.client.clone(), &library.namespace, "caller").await?;
        person.grant(&library.namespace, &["*"], &["books"], &[]).await?;
        let house = Self {
            admin,
            user,
            library,
            person,
        };
        // Wait until the rights are in effect and the book is served.
        house.known_caller().await?;
        Ok(house)
    }

    /// Returns a new token, and a client of admin-api with it.
    async fn unknown_caller(&self) -> Result<(String, Api)> {
        let token = self.person.token(AUDIENCE).await?;
        let api = self.library.admin.as_bearer(&token);
        Ok((token, api))
    }

    /// Returns the same once decisions on reads and updates are kept.
    async fn known_caller(&self) -> Result<(String, Api)> {
        let (token, api) = self.unknown_caller().await?;
        eventually("the book appears", async || {
            let read = api.get(self.library.path("book")).await?;
            Ok((read.status == 200).then_some(()))
        })
        .await?;
        self.put(&api).await?;
        Ok((token, api))
    }

    async fn keeps_secret(&self, tokens: &[&str]) -> Result<()> {
        let mut secrets = Secrets::default();
        for token in tokens {
            secrets.add(token);
        }
        secrets.assert_not_in_service(&self.admin).await?;
        secrets.assert_not_in_service(&self.user).await
    }

    async fn lets_in(&self, caller: &Api) -> Result<()> {
        let path = self.library.path("book");
        eventually("the caller is let in", async || {
            Ok((caller.get(&path).await?.status == 200).then_some(()))
        })
        .await
    }

    async fn put(&self, api: &Api) -> Result<u16> {
        let body = self.library.body("book");
        let put = api.put(self.library.path("book")).json(&body).await?;
        Ok(put.status)
    }
}

/// Returns the numbers of `TokenReview`s and `SubjectAccessReview`s that the API server has answered.
async fn reviews(library: &Library) -> Result<(u64, u64)> {
    let request = http::Request::get("/metrics").body(Vec::new())?;
    let metrics = library.client.request_text(request).await?;
    let count = |resource: &str| {
        let resource = format!(r#"resource="{resource}""#);
        let of_requests = metrics
            .lines()
            .filter(|line| line.starts_with("apiserver_request_total{"));
        let of_resource = of_requests.filter(|line| line.contains(&resource));
        let counts =
            of_resource.map(|line| Ok(line.rsplit_once(' ').context("a value")?.1.parse::<u64>()?));
        counts.sum::<Result<u64>>()
    };
    Ok((count("tokenreviews")?, count("subjectaccessreviews")?))
}
