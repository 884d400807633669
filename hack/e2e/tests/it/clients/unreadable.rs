//! Requests that the HTTP parser refuses: they get a bare response, a count, and a log line only at debug level.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use e2e::{Api, Cluster, Program, Service, eventually, raw};

/// Returns requests that cannot be parsed, with the status of the response.
fn unreadable() -> Vec<(u16, String)> {
    let fields = "X-Field: a\r\n".repeat(97);
    let get = |target: &str, more: &str| format!("GET {target} HTTP/1.1\r\n{more}\r\n");
    vec![
        (400, get("/book?category_id=Математика", "Host: a\r\n")),
        (400, get("/book", "")),
        (400, get("/book", "Host: a\r\nHost: a\r\n")),
        (400, get("/book", "Host: a\r\nno field\r\n")),
        (400, get(&format!("/{}", "a".repeat(70_000)), "Host: a\r\n")),
        (400, "nonsense\r\n\r\n".to_owned()),
        (400, "PRI * HTTP/2.0\r\n\r\n".to_owned()),
        (431, get("/book", &format!("Host: a\r\n{fields}"))),
        (431, get(&format!("/{}", "a".repeat(140_000)), "Host: a\r\n")),
    ]
}

async fn counted(ops: &Api, status: u16) -> Result<u64> {
    let metrics = ops.get("/metrics").await?.text();
    let series = format!(r#"http_server_unreadable_requests_total{{http_response_status_code="{status}"}} "#);
    let value = metrics.lines().find_map(|line| line.strip_prefix(&series));
    Ok(value.with_context(|| series.clone())?.parse()?)
}

async fn refused(address: SocketAddr, status: u16, request: &str) -> Result<()> {
    // If the service does not read the whole request, the response may be lost with the connection.
    if let Ok(answer) = raw(address, request).await {
        let expected = format!("HTTP/1.1 {status} ");
        let is_lost = answer.is_empty() && request.len() > 130_000;
        assert!(is_lost || answer.starts_with(&expected), "{answer}");
    }
    Ok(())
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_counted_and_no_error_in_the_log() -> Result<()> {
    let cluster = Cluster::shared()?;
    for program in Program::ALL {
        let service = Service::start(program, &cluster, &["--log=info,bookshelf_http=debug"]).await?;
        let ops = service.ops()?;
        assert_eq!(
            counted(&ops, 400).await? + counted(&ops, 408).await? + counted(&ops, 431).await?,
            0
        );
        let (mut bad, mut large) = (0, 0);
        for address in [service.address(), service.ops_address()] {
            for (status, request) in unreadable() {
                refused(address, status, &request).await?;
                *(if status == 400 { &mut bad } else { &mut large }) += 1;
            }
        }
        for (status, expected) in [(400, bad), (431, large)] {
            eventually(&format!("{expected} are counted with {status}"), async || {
                Ok((counted(&ops, status).await? == expected).then_some(()))
            })
            .await?;
        }
        let mut log = service.log();
        for number in 0..bad + large {
            log.line(&format!("request {number} was refused"), |line| {
                line["level"] == "DEBUG" && line["message"] == "the HTTP parser refused a request"
            })
            .await?;
        }
        let loud = service
            .log()
            .find(|line| line["level"] == "ERROR" || line["level"] == "WARN")?;
        assert_eq!(loud, None);
    }
    Ok(())
}

#[tokio::test]
async fn an_incomplete_request_head_is_counted() -> Result<()> {
    let service = Service::start(Program::User, &Cluster::shared()?, &[]).await?;
    let ops = service.ops()?;
    for (address, begun) in [(service.address(), "GET /book HT"), (service.ops_address(), "")] {
        let answer = raw(address, begun).await?;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }
    eventually("both are counted", async || {
        Ok((counted(&ops, 408).await? == 2).then_some(()))
    })
    .await?;
    assert_eq!(counted(&ops, 400).await?, 0);
    Ok(())
}
