//! A flood of made-up tokens.

use std::{sync::Arc, time::Instant};

use anyhow::Result;
use e2e::{Answer, Api, Person, eventually};
use tokio::task::JoinHandle;

use super::{AUDIENCE, House, Turn, reviews};

/// The number of concurrent callers, and the number of requests of each, each with its own token.
const FLOOD: (usize, usize) = (8, 500);

/// Sends requests of a known caller until a flood is over, and asserts that they are served.
async fn assert_served<T>(api: &Api, path: &str, flood: &[JoinHandle<T>]) -> Result<()> {
    let (mut served, mut undecided) = (0, 0);
    while !flood.iter().all(JoinHandle::is_finished) {
        let answer = api.get(path).await?;
        // The API server took too long for a review, which may happen occasionally.
        if answer.status == 503 {
            undecided += 1;
        } else {
            answer.json(200);
            served += 1;
        }
    }
    assert!(served > 10 * undecided, "{served} served, {undecided} not");
    Ok(())
}

#[track_caller]
fn assert_overloaded(answer: &Answer) {
    let problem = answer.problem(429, "overloaded");
    assert!(
        problem.retry_after.is_some_and(|seconds| seconds > 0),
        "{problem:?}"
    );
}

#[tokio::test]
async fn a_flood_of_made_up_tokens_costs_ten_reviews_a_second_and_keeps_no_caller_out() -> Result<()> {
    let turn = Turn::take().await?;
    let house = House::open(&turn).await?;
    let (_, known) = house.known_caller().await?;
    let path: Arc<str> = house.library.path("book").into();
    let before = reviews(&house.library).await?.0;
    let start = Instant::now();
    let flood = (0..FLOOD.0).map(|caller| {
        let (api, path) = (house.library.admin.clone(), Arc::clone(&path));
        tokio::spawn(async move {
            let mut reviewed = 0_u32;
            for number in 0..FLOOD.1 {
                let answer = api
                    .as_bearer(&format!("made-up-{caller}-{number}"))
                    .get(&*path)
                    .await?;
                match answer.status {
                    401 => reviewed += 1,
                    // The API server took too long.
                    503 => {}
                    _ => assert_overloaded(&answer),
                }
            }
            anyhow::Ok(reviewed)
        })
    });
    let flood: Vec<_> = flood.collect();
    assert_served(&known, &path, &flood).await?;
    let mut refused = 0_u32;
    for caller in flood {
        refused += caller.await??;
    }
    let seconds = start.elapsed().as_secs();
    // The burst, the rate, and the renewals of the known caller.
    let most = 20 + 10 * (seconds + 1) + seconds / 5 + 1;
    let reviews = eventually("the reviews are counted", async || {
        let counted = reviews(&house.library).await?.0 - before;
        Ok((counted >= u64::from(refused)).then_some(counted))
    })
    .await?;
    assert!(reviews <= most, "{reviews} reviews in {seconds} s");
    assert!(refused >= 20, "{refused}");
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn a_caller_who_asks_about_many_rights_has_a_limit_of_its_own() -> Result<()> {
    let turn = Turn::take().await?;
    let house = House::open(&turn).await?;
    let (_, known) = house.known_caller().await?;
    let library = &house.library;
    let curious = Person::new(library.client.clone(), &library.namespace, "curious").await?;
    let curious = library.admin.as_bearer(&curious.token(AUDIENCE).await?);
    let before = reviews(library).await?.1;
    let start = Instant::now();
    let flood = (0..FLOOD.0).map(|caller| {
        let curious = curious.clone();
        tokio::spawn(async move {
            let mut refused = 0_u32;
            for number in 0..FLOOD.1 {
                let answer = curious.get(format!("/book/made-up-{caller}-{number}")).await?;
                if matches!(answer.status, 403 | 503) {
                    continue;
                }
                assert_overloaded(&answer);
                refused += 1;
            }
            anyhow::Ok(refused)
        })
    });
    let flood: Vec<_> = flood.collect();
    assert_served(&known, &library.path("book"), &flood).await?;
    let mut refused = 0;
    for caller in flood {
        refused += caller.await??;
    }
    let seconds = start.elapsed().as_secs();
    let counted = reviews(library).await?.1 - before;
    // The reviews allowed at once, the rate, and the renewals of the known caller.
    let most = 1000 + 100 * (seconds + 1) + seconds / 5 + 1;
    assert!(counted <= most, "{counted} reviews in {seconds} s");
    assert!(refused > 0, "{counted} reviews in {seconds} s");
    turn.leave();
    Ok(())
}
