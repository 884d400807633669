//! The API server executes a request, and the connection breaks before its response arrives.

use anyhow::Result;
use e2e::{Api, Cluster, Library, Program, Service, Wire};

use super::{assert_same, borrow, create, replica};

/// A service with an open connection to the API server that can be disturbed.
struct Disturbed {
    service: Service,
    wire: Wire,
}

impl Disturbed {
    async fn start(program: Program) -> Result<Self> {
        let kubeconfig = Cluster::shared()?.kubeconfig_of(program.name()).await?;
        let wire = Wire::to(kubeconfig).await?;
        // Without Events and history, which could be sent on the connection and lose their response instead.
        let arguments = ["--events=false", "--history=false"];
        let service = Service::launch_as(program, wire.kubeconfig(), &arguments).await?;
        service.ready().await?;
        Ok(Self { service, wire })
    }

    fn api(&self) -> Result<Api> {
        self.service.api()
    }
}

#[tokio::test]
async fn a_create_whose_answer_was_lost_is_answered_when_it_is_sent_again() -> Result<()> {
    let library = Library::open().await?;
    let (disturbed, other) = tokio::try_join!(Disturbed::start(Program::Admin), replica(Program::Admin))?;
    let apis = [disturbed.api()?, other.api()?];
    for (number, retried) in [&apis[1], &apis[0]].into_iter().enumerate() {
        // Leaves an open connection for the next request.
        create(
            &library,
            &apis[0],
            &format!("first-{number}"),
            &library.body(&format!("first-{number}")),
        )
        .await?
        .json(201);
        let (id, key) = (format!("book-{number}"), format!("key-{number}"));
        let body = library.body(&id);
        disturbed.wire.lose_next_answer();
        let lost = create(&library, &apis[0], &key, &body).await?;
        lost.problem(504, "outcome_unknown");
        assert_eq!(disturbed.wire.lost(), number + 1);
        let stored = library.books().get(&id).await?;

        let answer = create(&library, retried, &key, &body).await?;
        let uid = stored.metadata.uid.unwrap_or_default();
        assert!(answer.header("etag").contains(&uid), "{}", answer.header("etag"));
        for api in &apis {
            assert_same(&answer, &create(&library, api, &key, &body).await?);
        }
        // Without the key, the APIs cannot recognise the repeated request.
        let without = apis[1].post(library.list_path()).json(&body).await?;
        without.problem(409, "already_exists");
    }
    Ok(())
}

#[tokio::test]
async fn a_borrow_whose_answer_was_lost_is_answered_when_it_is_sent_again() -> Result<()> {
    let library = Library::open().await?;
    let (disturbed, other) = tokio::try_join!(Disturbed::start(Program::User), replica(Program::User))?;
    let apis = [disturbed.api()?, other.api()?];
    library.add("book").await?;
    for api in &apis {
        e2e::eventually("the book is known", async || {
            Ok((api.get(library.path("book")).await?.status == 200).then_some(()))
        })
        .await?;
    }
    for (number, retried) in [&apis[1], &apis[0]].into_iter().enumerate() {
        let give_back = || apis[0].post(library.path("book/return")).tenant("bob");
        give_back().await?.empty(204);
        let key = format!("key-{number}");
        disturbed.wire.lose_next_answer();
        let lost = borrow(&library, &apis[0], &key, "bob").await?;
        lost.problem(504, "outcome_unknown");
        assert_eq!(disturbed.wire.lost(), number + 1);
        library.loans().get("book").await?;

        let answer = borrow(&library, retried, &key, "bob").await?;
        for api in &apis {
            assert_same(&answer, &borrow(&library, api, &key, "bob").await?);
        }
        give_back().await?.empty(204);
    }
    Ok(())
}
