//! Token mode: authentication and authorization of callers, against the real API server with real tokens.

mod ending;
mod hostile;
mod lists;
mod matrix;
mod order;
mod repeated;
mod roles;
mod secrets;
mod streams;
mod tenants;
mod tokens;

use std::sync::Arc;

use anyhow::Result;
use e2e::{Api, Cluster, Library, Person, Program, Service, Shared, eventually};

const ADMIN: &str = "bookshelf-admin";
const USER: &str = "bookshelf-user";

static SHARED: Shared<Pair> = Shared::new();

/// Both binaries in token mode.
struct Pair {
    admin: Service,
    user: Service,
}

/// A library whose callers have tokens.
struct House {
    /// A client of admin-api without a token.
    admin: Api,
    user: Api,
    /// The library, with clients of a librarian who may do everything in it.
    library: Library,
    pair: Arc<Pair>,
}

impl House {
    async fn open() -> Result<Self> {
        let cluster = Cluster::shared()?;
        let pair = SHARED.get(async || {
            let arguments = ["--auth-mode=token", "--log=trace"];
            let (admin, user) = tokio::try_join!(
                Service::start(Program::Admin, &cluster, &arguments),
                Service::start(Program::User, &cluster, &arguments),
            )?;
            Ok(Pair { admin, user })
        });
        let pair = pair.await?;
        let mut library = Library::open_in(&cluster, &pair.admin, &pair.user).await?;
        let (admin, user) = (library.admin.clone(), library.user.clone());
        let chief = Person::new(library.client.clone(), &library.namespace, "chief").await?;
        chief
            .grant(
                &library.namespace,
                &["*"],
                &["books", "bookloans", "tenants"],
                &[],
            )
            .await?;
        library.admin = reviewed(admin.as_bearer(&chief.token(ADMIN).await?)).await?;
        library.user = reviewed(user.as_bearer(&chief.token(USER).await?)).await?;
        Ok(Self {
            admin,
            user,
            library,
            pair,
        })
    }

    async fn person(&self, name: &str) -> Result<Person> {
        Person::new(self.library.client.clone(), &self.library.namespace, name).await
    }

    /// Returns a client of the API with this audience, with a token of a person.
    async fn api_for(&self, person: &Person, audience: &str) -> Result<Api> {
        let api = if audience == ADMIN {
            &self.admin
        } else {
            &self.user
        };
        reviewed(api.as_bearer(&person.token(audience).await?)).await
    }
}

/// Waits until the token is reviewed, and returns the client. A process reviews ten new tokens a second, and all these
/// tests share one.
async fn reviewed(api: Api) -> Result<Api> {
    eventually("the token is reviewed", async || {
        let answer = api.get("/nowhere").await?;
        Ok((answer.status != 429).then_some(()))
    })
    .await?;
    Ok(api)
}
