//! Refusals cost the API server only reviews, and wait for nothing.

use std::{
    future::IntoFuture as _,
    time::{Duration, Instant},
};

use anyhow::Result;
use e2e::{Person, eventually};
use futures::future::try_join_all;

use super::super::requests::assert_costs;
use super::{AUDIENCE, House, Turn};

#[tokio::test]
async fn a_caller_without_the_right_is_refused_at_once_whatever_the_freshness_and_costs_no_read() -> Result<()>
{
    let turn = Turn::take().await?;
    let house = House::open(&turn).await?;
    let library = &house.library;
    let stranger = Person::new(library.client.clone(), &library.namespace, "stranger").await?;
    let api = library.admin.as_bearer(&stranger.token(AUDIENCE).await?);
    let etag = {
        let (_, known) = house.known_caller().await?;
        known.get(library.path("book")).await?.header("etag").to_owned()
    };
    let requests = || {
        let paths = [
            library.list_path(),
            library.path("book"),
            library.path("missing"),
            library.loans_path(),
        ];
        paths.map(|path| api.get(path))
    };
    for request in requests() {
        request.await?.problem(403, "forbidden");
    }
    let headers = [
        ("Cache-Control", "no-cache"),
        // A caller with the right would wait for this version.
        ("X-Resource-Version", "999999999999.1"),
        ("X-Resource-Version", "nonsense"),
        ("If-None-Match", &etag),
        ("If-None-Match", "*"),
        ("If-Match", "nonsense"),
        ("Last-Event-ID", "1"),
    ];
    assert_costs(library, "refusals", &[], async || {
        for (name, value) in headers {
            eventually(&format!("{name} is refused at once"), async || {
                let sent = Instant::now();
                for request in requests() {
                    let refused = request.header(name, value).await?;
                    refused.problem(403, "forbidden");
                    assert_eq!(refused.header("x-resource-version"), "", "{name}");
                    assert_eq!(refused.header("etag"), "", "{name}");
                }
                // A caller with the right would wait two seconds for the version. A review may take as long on a busy
                // machine, but not each time.
                Ok((sent.elapsed() < Duration::from_millis(1900)).then_some(()))
            })
            .await?;
        }
        for path in [library.list_path(), library.path("book/category")] {
            let refused = api.post(path).body("application/json", "{nonsense").await?;
            refused.problem(403, "forbidden");
        }
        let put = api.put(library.path("book")).json(&library.body("book"));
        put.header("If-Match", &etag).await?.problem(403, "forbidden");
        for query in ["", "?force=true", "?force=nonsense"] {
            let delete = api.delete(format!("{}{query}", library.path("book")));
            delete.await?.problem(403, "forbidden");
        }
        Ok(())
    })
    .await?;
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn callers_that_wait_for_the_same_decision_share_one_review_of_each_kind() -> Result<()> {
    let turn = Turn::take().await?;
    let house = House::open(&turn).await?;
    let library = &house.library;
    let mut strangers = 0;
    // The API server counts a review after its response. An earlier one may be counted in between, but not each time.
    eventually("one review of each kind", async || {
        strangers += 1;
        let name = format!("stranger-{strangers}");
        let stranger = Person::new(library.client.clone(), &library.namespace, &name).await?;
        let api = library.admin.as_bearer(&stranger.token(AUDIENCE).await?);
        let before = super::reviews(library).await?;
        let asked = (0..50).map(|_| api.get(library.list_path()).into_future());
        for answer in try_join_all(asked).await? {
            answer.problem(403, "forbidden");
        }
        let after = eventually("the reviews are counted", async || {
            let after = super::reviews(library).await?;
            Ok((after.0 > before.0 && after.1 > before.1).then_some(after))
        })
        .await?;
        Ok((after == (before.0 + 1, before.1 + 1)).then_some(()))
    })
    .await?;
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn who_goes_on_asking_costs_one_review_of_each_kind_in_five_seconds_at_most() -> Result<()> {
    let turn = Turn::take().await?;
    let house = House::open(&turn).await?;
    let path = house.library.path("book");
    let (_, known) = house.known_caller().await?;
    let read = async || -> Result<()> {
        known.get(&path).await?.json(200);
        Ok(())
    };
    read().await?;
    let before = super::reviews(&house.library).await?;
    let begun = Instant::now();
    // Longer than the lifetime of two decisions of each kind.
    eventually("the time is over", async || {
        read().await?;
        Ok((begun.elapsed() > Duration::from_secs(21)).then_some(()))
    })
    .await?;
    let most = begun.elapsed().as_secs() / 5 + 1;
    let after = super::reviews(&house.library).await?;
    for (kind, before, after) in [("token", before.0, after.0), ("right", before.1, after.1)] {
        let reviews = after - before;
        assert!((1..=most).contains(&reviews), "{reviews} reviews of the {kind}");
    }
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn no_credentials_and_malformed_ones_and_public_routes_cost_no_review() -> Result<()> {
    let turn = Turn::take().await?;
    let house = House::open(&turn).await?;
    let (token, _) = house.known_caller().await?;
    let (path, good) = (house.library.path("book"), format!("Bearer {token}"));
    let before = super::reviews(&house.library).await?;
    for api in [&house.library.admin, &house.library.user] {
        api.get(&path).await?.problem(401, "unauthenticated");
        for value in [
            "Basic YTpi".to_owned(),
            "Bearer".to_owned(),
            "Bearer =".to_owned(),
            "Bearer ä".to_owned(),
            format!("Bearer {}", "a".repeat(16 * 1024 + 1)),
            format!("{good} {token}"),
            format!("Token {token}"),
        ] {
            let refused = api.get(&path).header("Authorization", value).await?;
            refused.problem(401, "unauthenticated");
        }
        let twice = api.get(&path).header("Authorization", &good);
        let twice = twice.header("Authorization", "Bearer another").await?;
        twice.problem(401, "unauthenticated");
        for public in ["/", "/health", "/openapi.json", "/docs", "/ui/app.css"] {
            let answer = api.get(public).header("Authorization", "Bearer unknown").await?;
            assert_eq!(answer.status, 200, "{public}");
        }
    }
    assert_eq!(super::reviews(&house.library).await?, before);
    turn.leave();
    Ok(())
}
