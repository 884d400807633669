//! Token mode when the API server cannot, may not or will not review: only callers with a kept decision are admitted.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use control_plane::Component;
use e2e::{Api, Library, eventually};
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::{
    ResourceExt as _,
    api::{DeleteParams, ListParams, ObjectMeta, PostParams},
};

use super::{House, Turn};

/// The deadline of a review, plus time for a busy machine.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// Asserts that no decision about this caller is possible: the response is in time, admits nobody, and hides the cause.
pub(super) async fn assert_undecided(api: &Api, library: &Library) -> Result<()> {
    for request in [
        api.get(library.path("book")),
        api.post(library.list_path()).json(&library.body("new")),
        api.get("/nowhere"),
    ] {
        let sent = Instant::now();
        let answer = request.await?;
        assert!(sent.elapsed() < ANSWERED_WITHIN, "{:?}", sent.elapsed());
        let problem = answer.problem(503, "unavailable");
        assert!(
            problem.retry_after.is_some_and(|seconds| seconds > 0),
            "{problem:?}"
        );
        assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
    }
    Ok(())
}

#[tokio::test]
async fn without_the_api_server_only_kept_decisions_let_callers_in_and_for_ten_seconds() -> Result<()> {
    let turn = Turn::take().await?;
    let house = House::open(&turn).await?;
    let (unknown_token, unknown) = house.unknown_caller().await?;
    let (known_token, known) = house.known_caller().await?;
    let path = house.library.path("book");
    let kept_at = Instant::now();
    turn.control_plane().kill(Component::Apiserver)?;

    known.get(&path).await?.json(200);
    assert_undecided(&unknown, &house.library).await?;
    let garbage = house.library.admin.as_bearer("garbage");
    garbage.get(&path).await?.problem(503, "unavailable");
    let without = house.library.admin.get(&path).await?;
    without.problem(401, "unauthenticated");
    house.library.admin.get("/health").await?;
    eventually("the kept decision ends", async || {
        let read = known.get(&path).await?;
        if read.status == 200 {
            return Ok(None);
        }
        read.problem(503, "unavailable");
        Ok(Some(()))
    })
    .await?;
    assert!(
        kept_at.elapsed() < Duration::from_secs(15),
        "{:?}",
        kept_at.elapsed()
    );
    assert_undecided(&known, &house.library).await?;
    assert_eq!(house.admin.ops()?.get("/readyz").await?.status, 200);

    turn.control_plane().restart(Component::Apiserver).await?;
    for api in [&known, &unknown] {
        house.lets_in(api).await?;
    }
    house.keeps_secret(&[&known_token, &unknown_token]).await?;
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn a_hanging_api_server_lets_no_unknown_caller_in_and_makes_it_wait_for_the_timeout_alone() -> Result<()>
{
    let turn = Turn::take().await?;
    let house = House::open(&turn).await?;
    let (unknown_token, unknown) = house.unknown_caller().await?;
    let (known_token, known) = house.known_caller().await?;
    let path = house.library.path("book");
    turn.control_plane().pause(Component::Apiserver)?;

    known.get(&path).await?.json(200);
    assert_undecided(&unknown, &house.library).await?;

    turn.control_plane().resume(Component::Apiserver)?;
    house.lets_in(&unknown).await?;
    house.keeps_secret(&[&known_token, &unknown_token]).await?;
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn an_account_that_may_not_create_reviews_is_an_internal_error_that_the_log_names() -> Result<()> {
    let turn = Turn::take().await?;
    let house = House::open(&turn).await?;
    let path = house.library.path("book");
    let bindings: kube::Api<ClusterRoleBinding> = kube::Api::all(house.library.client.clone());
    let all = bindings.list(&ListParams::default()).await?.items;
    let of_reviews = all
        .into_iter()
        .find(|binding| binding.name_any().ends_with("admin-api-reviews"));
    let mut binding = of_reviews.context("the binding of the reviews")?;
    bindings
        .delete(&binding.name_any(), &DeleteParams::default())
        .await?;
    let mut number = 0;
    let refused = eventually("reviews are refused", async || {
        number += 1;
        let garbage = house.library.admin.as_bearer(&format!("garbage-{number}"));
        let answer = garbage.get(&path).await?;
        Ok((![401, 429].contains(&answer.status)).then_some(answer))
    })
    .await?;
    binding.metadata = ObjectMeta {
        name: binding.metadata.name,
        labels: binding.metadata.labels,
        ..ObjectMeta::default()
    };
    bindings.create(&PostParams::default(), &binding).await?;

    refused.problem(500, "internal");
    assert!(!refused.text().contains("tokenreviews"), "{}", refused.text());
    let mut log = house.admin.log();
    log.line("the log has the cause", |line| {
        line.to_string().contains("tokenreviews")
    })
    .await?;
    let (unknown_token, unknown) = house.unknown_caller().await?;
    house.lets_in(&unknown).await?;
    house.keeps_secret(&[&unknown_token]).await?;
    turn.leave();
    Ok(())
}
