//! The command of `helm test`, run with the real curl against real APIs.

use std::process::Output;

use anyhow::{Context as _, Result};
use e2e::{Certificates, Cluster, Issued, Program, Service};
use tokio::process::Command;

use super::{of_kind, rendered};

/// Runs the command that the chart renders with these values, with the addresses of `services` instead of the Services'
/// names.
async fn test(set: &str, services: &[String]) -> Result<Option<Output>> {
    let pods = of_kind(&rendered("bookshelf", &["--set", set]).await?, "Pod")?;
    let command = &pods[0]["spec"]["containers"][0]["command"];
    let mut command: Vec<String> = serde_json::from_value(command.clone())?;
    let names = ["bookshelf-admin-api:8080", "bookshelf-user-api:8080"];
    for (name, address) in names.into_iter().zip(services) {
        let url = command.iter_mut().find(|argument| argument.contains(name));
        let url = url.context("the URL of the Service")?;
        *url = url.replace(name, address);
    }
    let (program, arguments) = command.split_first().context("a command")?;
    let run = Command::new(program).args(arguments).output().await;
    if run.is_err() {
        eprintln!("the command of `helm test` is not tried: {program} is not on PATH");
    }
    Ok(run.ok())
}

#[tokio::test]
async fn helm_test_passes_where_both_apis_answer_and_fails_where_one_does_not() -> Result<()> {
    let cluster = Cluster::shared()?;
    let certificates = Certificates::new(&Issued::new()?)?;
    let [certificate, key] = certificates.flags();
    let tokens = ["--auth-mode=token"];
    // Only callers from the gateway's addresses are admitted, and this one is not.
    let header = ["--auth-mode=header", "--trusted-proxy=192.0.2.0/24"];
    let tls = ["--auth-mode=token", &certificate, &key];
    for (set, flags) in [
        ("nameOverride=", &tokens[..]),
        ("auth.mode=header,auth.trustedProxies={192.0.2.0/24}", &header[..]),
        ("tls.secretName=tls", &tls[..]),
    ] {
        let admin = Service::start(Program::Admin, &cluster, flags).await?;
        let user = Service::start(Program::User, &cluster, flags).await?;
        let mut addresses = [&admin, &user].map(|service| service.address().to_string());
        let Some(output) = test(set, &addresses).await? else {
            return Ok(());
        };
        let said = String::from_utf8(output.stdout)?;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{set}: {said}{errors}");
        assert_eq!(said.matches("HTTP/").count(), 2, "{set}: {said}");
        // Nothing listens on this port.
        "127.0.0.1:1".clone_into(&mut addresses[0]);
        let output = test(set, &addresses).await?.context("curl")?;
        assert!(!output.status.success(), "{set}: {output:?}");
    }
    Ok(())
}
