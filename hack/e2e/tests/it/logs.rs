//! The logs of the services.

use anyhow::Result;
use e2e::{Cluster, Program, Service};
use serde_json::Value;

#[tokio::test]
async fn every_line_is_json_with_time_level_and_message_and_no_secret() -> Result<()> {
    let cluster = Cluster::shared()?;
    for program in Program::ALL {
        let kubeconfig = cluster.kubeconfig_of(program.name()).await?;
        let service = Service::launch_as(program, &kubeconfig, &["--log=debug"]).await?;
        service.ready().await?;
        let api = service.api()?;
        api.get("/book/library/missing").await?.problem(404, "not_found");
        let lines = service.log().rest()?;
        assert!(lines.len() > 3, "{lines:?}");
        let token = serde_json::to_value(&kubeconfig)?["users"][0]["user"]["token"].clone();
        let token = token.as_str().unwrap_or_default();
        for line in lines {
            for field in ["timestamp", "level", "message"] {
                assert!(line[field].is_string(), "{line}");
            }
            assert!(token.is_empty() || !line.to_string().contains(token), "{line}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_successful_read_leaves_no_line_and_a_failure_does() -> Result<()> {
    let cluster = Cluster::shared()?;
    for program in Program::ALL {
        let service = Service::start(program, &cluster, &[]).await?;
        let api = service.api()?;
        let before = service.log().end()?;
        api.get("/book/library")
            .header("X-Request-ID", "a-read")
            .await?
            .json(200);
        let failed = api
            .get("/book/library/missing")
            .header("X-Request-ID", "a-failure");
        failed.await?.problem(404, "not_found");
        let mut log = before.clone();
        let of = |id: &'static str| move |line: &Value| line["span"]["request_id"] == id;
        log.line("the failure happened", of("a-failure")).await?;
        assert_eq!(before.clone().find(of("a-read"))?, None);
    }
    Ok(())
}

#[tokio::test]
async fn a_successful_read_is_logged_at_debug_level() -> Result<()> {
    let service = Service::start(Program::User, &Cluster::shared()?, &["--log=debug"]).await?;
    let mut log = service.log().end()?;
    let read = service
        .api()?
        .get("/book/library")
        .header("X-Request-ID", "a-read");
    read.await?.json(200);
    let is_of = |line: &Value| line["span"]["request_id"] == "a-read" && line["status"].is_number();
    let line = log.line("a read was answered", is_of).await?;
    for (field, expected) in [
        ("level", "DEBUG"),
        ("message", "request"),
        ("method", "GET"),
        ("path", "/book/library"),
    ] {
        assert_eq!(line[field], expected, "{line}");
    }
    assert_eq!(line["status"], 200, "{line}");
    assert!(line["microseconds"].is_number(), "{line}");
    Ok(())
}
