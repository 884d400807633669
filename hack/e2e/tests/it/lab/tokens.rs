//! Token mode when the API server cannot, may not or will not review: nobody is let in who was not just let in.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use control_plane::Component;
use e2e::{Api, Library, Person, Service, book, eventually};
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::{
    ResourceExt as _,
    api::{DeleteParams, ListParams, ObjectMeta, PostParams},
};

use super::Turn;

const ARGUMENTS: [&str; 2] = ["--auth-mode=token", "--kube-timeout=2"];
const AUDIENCE: &str = "bookshelf-admin";

/// The deadline of a review, and what a busy machine may add to it.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// A library with a book, and a caller with all rights on its books whose decisions are not kept yet.
struct House {
    admin: Service,
    _user: Service,
    library: Library,
    person: Person,
}

impl House {
    async fn open(turn: &Turn) -> Result<Self> {
        let (admin, user, library) = turn.services(&ARGUMENTS).await?;
        library.plant(&book("book")).await?;
        let person = Person::new(library.client.clone(), &library.namespace, "caller").await?;
        person.grant(&library.namespace, &["*"], &["books"], &[]).await?;
        Ok(Self {
            admin,
            _user: user,
            library,
            person,
        })
    }

    /// The librarians' API, asked with a token that has not been reviewed yet.
    async fn unknown_caller(&self) -> Result<Api> {
        let token = self.person.token(AUDIENCE).await?;
        Ok(self.library.admin.as_bearer(&token))
    }

    /// The same with decisions that are kept, on reads and updates.
    async fn known_caller(&self) -> Result<Api> {
        let api = self.unknown_caller().await?;
        eventually("the book is shown", async || {
            let read = api.get(self.library.path("book")).await?;
            Ok((read.status == 200).then_some(()))
        })
        .await?;
        self.put(&api).await?;
        Ok(api)
    }

    async fn put(&self, api: &Api) -> Result<u16> {
        let body = self.library.body("book");
        let put = api.put(self.library.path("book")).json(&body).await?;
        Ok(put.status)
    }
}

/// Asserts that nobody can decide on this caller now: an answer in time that lets nobody in, and says nothing of the cause.
async fn assert_undecided(api: &Api, library: &Library) -> Result<()> {
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
    let unknown = house.unknown_caller().await?;
    let known = house.known_caller().await?;
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
        kept_at.elapsed() < Duration::from_secs(12),
        "{:?}",
        kept_at.elapsed()
    );
    assert_undecided(&known, &house.library).await?;
    assert_eq!(house.admin.ops()?.get("/readyz").await?.status, 200);

    turn.control_plane().restart(Component::Apiserver).await?;
    for api in [&known, &unknown] {
        eventually("the caller is let in again", async || {
            Ok((api.get(&path).await?.status == 200).then_some(()))
        })
        .await?;
    }
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn a_hanging_api_server_lets_no_unknown_caller_in_and_makes_it_wait_for_the_timeout_alone() -> Result<()>
{
    let turn = Turn::take().await?;
    let house = House::open(&turn).await?;
    let unknown = house.unknown_caller().await?;
    let known = house.known_caller().await?;
    let path = house.library.path("book");
    turn.control_plane().pause(Component::Apiserver)?;

    known.get(&path).await?.json(200);
    assert_undecided(&unknown, &house.library).await?;

    turn.control_plane().resume(Component::Apiserver)?;
    eventually("the caller is let in", async || {
        Ok((unknown.get(&path).await?.status == 200).then_some(()))
    })
    .await?;
    turn.leave();
    Ok(())
}

/// A priority level without a seat for the reviews of one API.
const SHED: &str = r"
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: PriorityLevelConfiguration
metadata: {name: no-reviews}
spec:
  type: Limited
  limited:
    nominalConcurrencyShares: 0
    lendablePercent: 0
    borrowingLimitPercent: 0
    limitResponse: {type: Reject}
---
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: FlowSchema
metadata: {name: no-reviews}
spec:
  matchingPrecedence: 2
  priorityLevelConfiguration: {name: no-reviews}
  rules:
  - subjects:
    - kind: ServiceAccount
      serviceAccount: {name: bookshelf-admin-api, namespace: bookshelf}
    resourceRules:
    - verbs: [create]
      apiGroups: [authentication.k8s.io]
      resources: [tokenreviews]
      clusterScope: true
";

#[tokio::test]
async fn an_api_server_that_sheds_load_lets_no_unknown_caller_in() -> Result<()> {
    let turn = Turn::take().await?;
    let house = House::open(&turn).await?;
    let path = house.library.path("book");
    let kubectl = turn.cluster().kubectl().await?;
    kubectl.apply(SHED).await?;
    let mut number = 0;
    eventually("reviews are shed", async || {
        number += 1;
        let garbage = house.library.admin.as_bearer(&format!("garbage-{number}"));
        Ok((garbage.get(&path).await?.status == 503).then_some(()))
    })
    .await?;
    let unknown = house.unknown_caller().await?;
    let refused = eventually("a review has its turn", async || {
        let answer = unknown.get(&path).await?;
        Ok((answer.status != 429).then_some(answer))
    });
    let problem = refused.await?.problem(503, "unavailable");
    assert!(
        problem.retry_after.is_some_and(|seconds| seconds > 0),
        "{problem:?}"
    );

    kubectl
        .run(&["delete", "flowschema,prioritylevelconfiguration", "no-reviews"])
        .await?;
    eventually("the caller is let in", async || {
        Ok((unknown.get(&path).await?.status == 200).then_some(()))
    })
    .await?;
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
    let unknown = house.unknown_caller().await?;
    eventually("the caller is let in", async || {
        Ok((unknown.get(&path).await?.status == 200).then_some(()))
    })
    .await?;
    turn.leave();
    Ok(())
}

/// Callers at once, and requests of each, with a token of its own each.
const FLOOD: (usize, usize) = (8, 500);

/// The number of `TokenReview`s that the API server has answered.
async fn token_reviews(library: &Library) -> Result<f64> {
    let request = http::Request::get("/metrics").body(Vec::new())?;
    let metrics = library.client.request_text(request).await?;
    let series = metrics.lines().filter(|line| {
        line.starts_with("apiserver_request_total{") && line.contains(r#"resource="tokenreviews""#)
    });
    let counts = series.map(|line| Ok(line.rsplit_once(' ').context("a value")?.1.parse::<f64>()?));
    counts.sum()
}

#[tokio::test]
async fn a_flood_of_made_up_tokens_costs_ten_reviews_a_second_and_keeps_no_caller_out() -> Result<()> {
    let turn = Turn::take().await?;
    let house = House::open(&turn).await?;
    let known = house.known_caller().await?;
    let path: Arc<str> = house.library.path("book").into();
    let before = token_reviews(&house.library).await?;
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
                if answer.status == 401 {
                    reviewed += 1;
                } else {
                    let problem = answer.problem(429, "overloaded");
                    assert!(
                        problem.retry_after.is_some_and(|seconds| seconds > 0),
                        "{problem:?}"
                    );
                }
            }
            anyhow::Ok(reviewed)
        })
    });
    let flood: Vec<_> = flood.collect();
    while !flood.iter().all(tokio::task::JoinHandle::is_finished) {
        known.get(&*path).await?.json(200);
    }
    let mut refused = 0;
    for caller in flood {
        refused += caller.await??;
    }
    let seconds = start.elapsed().as_secs_f64();
    // A burst, what the rate allows, and the renewals of the known caller.
    let most = 20.0 + 10.0 * seconds + seconds / 5.0 + 1.0;
    let reviews = eventually("the reviews are counted", async || {
        let reviews = token_reviews(&house.library).await? - before;
        Ok((reviews >= f64::from(refused)).then_some(reviews))
    })
    .await?;
    assert!(reviews <= most, "{reviews} reviews in {seconds} s");
    assert!(refused >= 20, "{refused}");
    turn.leave();
    Ok(())
}
