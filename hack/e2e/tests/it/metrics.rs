//! The metrics.

use anyhow::{Context as _, Result};
use e2e::{Api, Cluster, Library, Program, Service, eventually};
use serde_json::json;

/// Returns the value of the series that is written in this way, or 0 if it is missing.
async fn metric(operations: &Api, series: &str) -> Result<f64> {
    let answer = operations.get("/metrics").await?;
    assert_eq!(
        answer.header("content-type"),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let text = answer.text();
    assert!(text.ends_with("# EOF\n"), "{text}");
    let value = text.lines().find_map(|line| line.strip_prefix(series));
    value.map_or(Ok(0.0), |value| {
        value.trim().parse().with_context(|| format!("{series}{value}"))
    })
}

#[tokio::test]
async fn requests_to_the_api_server_are_counted_by_verb_resource_and_code() -> Result<()> {
    let library = Library::open().await?;
    let service = Service::start(Program::Admin, &library.cluster, &[]).await?;
    let (api, operations) = (service.api()?, service.ops()?);
    for status in [201, 409] {
        let body = json!({"id": "book", "author": "A", "title": "T"});
        let answer = api.post(library.list_path()).json(&body).await?;
        assert_eq!(answer.status, status);
    }
    let created =
        r#"rest_client_requests_total{verb="create",resource="books.bookshelf.lostinsoba.com",code="201"}"#;
    assert!((metric(&operations, created).await? - 1.0).abs() < f64::EPSILON);
    let waited = r#"rest_client_rate_limiter_duration_seconds_count{verb="create",resource="books.bookshelf.lostinsoba.com"}"#;
    // The cache refused the second create, so it did not wait for a turn.
    assert!((metric(&operations, waited).await? - 1.0).abs() < f64::EPSILON);
    Ok(())
}

#[tokio::test]
async fn the_caches_report_their_size_age_and_no_repairs() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let cluster = Cluster::shared()?;
    let service = Service::start(Program::User, &cluster, &["--check-period=0.2"]).await?;
    let operations = service.ops()?;
    for resource in ["books", "bookloans"] {
        let of = |name: &str| format!(r#"{name}{{resource="{resource}.bookshelf.lostinsoba.com"}}"#);
        eventually("it checks its cache", async || {
            Ok((metric(&operations, &of("cache_checks_total")).await? > 1.0).then_some(()))
        })
        .await?;
        assert!(metric(&operations, &of("cache_repaired_objects_total")).await? < 1.0);
        assert!(metric(&operations, &of("reflector_watches_total")).await? >= 1.0);
        assert!(metric(&operations, &of("store_resource_version")).await? > 1.0);
        let heard = metric(&operations, &of("cache_last_heard_timestamp_seconds")).await?;
        let now = std::time::UNIX_EPOCH.elapsed()?.as_secs_f64();
        assert!((0.0..60.0).contains(&(now - heard)), "{heard}, and it is {now}");
    }
    let objects = r#"cache_objects{resource="books.bookshelf.lostinsoba.com"}"#;
    assert!(metric(&operations, objects).await? >= 1.0);
    Ok(())
}

#[tokio::test]
async fn requests_are_counted_by_the_template_of_their_route() -> Result<()> {
    let service = Service::start(Program::User, &Cluster::shared()?, &[]).await?;
    let (api, operations) = (service.api()?, service.ops()?);
    for book in ["a", "b"] {
        let answer = api.get(format!("/book/library/{book}")).await?;
        answer.problem(404, "not_found");
    }
    api.get("/book/library").await?.json(200);
    api.get("/no/such/route").await?.problem(404, "not_found");
    api.request("BREW".parse()?, "/book/library")
        .await?
        .problem(405, "method_not_allowed");
    let count = async |method: &str, route: &str, status: u16| {
        let of = format!(
            r#"http_server_request_duration_seconds_count{{http_request_method="{method}",http_route="{route}",http_response_status_code="{status}"}}"#
        );
        metric(&operations, &of).await
    };
    for (method, route, status, expected) in [
        ("GET", "/book/{namespace}/{id}", 404, 2.0),
        ("GET", "/book/{namespace}", 200, 1.0),
        ("GET", "", 404, 1.0),
        ("_OTHER", "", 405, 1.0),
    ] {
        let counted = count(method, route, status).await?;
        assert!(
            (counted - expected).abs() < f64::EPSILON,
            "{method} {route} {status}: {counted}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_events_of_the_caches_are_counted_by_type() -> Result<()> {
    let library = Library::open().await?;
    library.add("listed").await?;
    let service = Service::start(Program::Admin, &library.cluster, &[]).await?;
    let (api, operations) = (service.api()?, service.ops()?);
    let lists = r#"reflector_list_duration_seconds_count{resource="books.bookshelf.lostinsoba.com"}"#;
    assert!((metric(&operations, lists).await? - 1.0).abs() < f64::EPSILON);
    let failures = r#"reflector_failures_total{resource="books.bookshelf.lostinsoba.com"}"#;
    assert!(metric(&operations, failures).await? < 1.0);
    library.add("changed").await?;
    library.admin.delete(library.path("changed")).await?.empty(204);
    eventually("both are counted", async || {
        let there = api.get(library.path("listed")).await?.status == 200;
        let events = async |kind: &str| {
            let of =
                format!(r#"cache_events_total{{resource="books.bookshelf.lostinsoba.com",type="{kind}"}}"#);
            metric(&operations, &of).await
        };
        let are_counted = events("listed").await? >= 1.0
            && events("applied").await? >= 1.0
            && events("deleted").await? >= 1.0;
        Ok((there && are_counted).then_some(()))
    })
    .await
}
