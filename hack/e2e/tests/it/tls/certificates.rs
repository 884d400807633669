//! Rotation of certificates, and certificates that cannot be served.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use e2e::{Certificates, Issued, Library, Program, eventually};

use super::{BOTH, Encrypted, HTTP_1, HTTP_2};

#[tokio::test]
async fn a_new_certificate_is_served_and_no_request_is_lost_meanwhile() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let mut encrypted = Encrypted::start(Program::Admin, &library, &[]).await?;
    let renewed = Issued::new()?;
    let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let mut callers = Vec::new();
    for protocols in [HTTP_1, HTTP_2] {
        // This connection is opened before the rotation, so it keeps the old certificate.
        let api = encrypted.api(protocols)?;
        let (over, answered, path) = (Arc::clone(&over), Arc::clone(&answered), library.path("book"));
        callers.push(tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                api.get(&path).await?.json(200);
                answered.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        }));
    }
    let mut listener = encrypted.api(HTTP_2)?.get(library.list_path()).listen().await?;
    listener.until("synced").await?;
    assert_eq!(
        encrypted
            .metric("tls_certificate_reloads_total")
            .await?
            .as_deref(),
        Some("0")
    );
    encrypted.certificates.write(&renewed.certificate, &renewed.key)?;
    let address = encrypted.service.address();
    eventually("the new certificate is served", async || {
        let answer = renewed.api(address, BOTH)?.get("/health").await;
        Ok(answer.ok().map(|answer| assert_eq!(answer.status, 200)))
    })
    .await?;
    assert!(
        encrypted.api(BOTH)?.get("/health").await.is_err(),
        "the old one is served no more"
    );
    let so_far = answered.load(Ordering::Relaxed);
    eventually("the callers go on", async || {
        Ok((answered.load(Ordering::Relaxed) > so_far + 20).then_some(()))
    })
    .await?;
    over.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await??;
    }
    library.add("later").await?;
    assert_eq!(
        listener.next().await?.context("the stream goes on")?.data["id"],
        "later"
    );
    assert_eq!(
        encrypted
            .metric("tls_certificate_reloads_total")
            .await?
            .as_deref(),
        Some("1")
    );
    assert_eq!(
        encrypted
            .metric("tls_certificate_not_after_timestamp_seconds")
            .await?
            .as_deref(),
        Some("1999987200")
    );
    Ok(())
}

#[tokio::test]
async fn an_unusable_certificate_is_not_served_and_said_once() -> Result<()> {
    let library = Library::open().await?;
    let mut encrypted = Encrypted::start(Program::User, &library, &[]).await?;
    let (renewed, other) = (Issued::new()?, Issued::new()?);
    let failures = "tls_certificate_reload_failures_total";
    assert_eq!(encrypted.metric(failures).await?.as_deref(), Some("0"));
    encrypted.certificates.write(&renewed.certificate, &other.key)?;
    eventually("the failure is counted", async || {
        Ok((encrypted.metric(failures).await?.as_deref() == Some("1")).then_some(()))
    })
    .await?;
    encrypted.api(BOTH)?.get("/health").await?.json(200);
    encrypted.certificates.write("", "")?;
    eventually("the next failure is counted", async || {
        Ok((encrypted.metric(failures).await?.as_deref() == Some("2")).then_some(()))
    })
    .await?;
    encrypted.api(BOTH)?.get("/health").await?.json(200);
    encrypted.certificates.write(&renewed.certificate, &renewed.key)?;
    let address = encrypted.service.address();
    eventually("the certificate that was put right is served", async || {
        Ok(renewed.api(address, BOTH)?.get("/health").await.ok().map(drop))
    })
    .await?;
    let log = encrypted.service.log().rest()?;
    let warnings = log
        .iter()
        .filter(|line| line["level"] == "WARN")
        .collect::<Vec<_>>();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(
        warnings[0]["error"]
            .to_string()
            .contains("is not that of the first certificate")
    );
    Ok(())
}

#[tokio::test]
async fn a_service_without_a_usable_certificate_says_why_and_does_not_start() -> Result<()> {
    let (issued, other) = (Issued::new()?, Issued::new()?);
    let mut certificates = Certificates::new(&issued)?;
    let missing = [
        "--tls-cert-file=/nowhere/tls.crt".to_owned(),
        certificates.flags()[1].clone(),
    ];
    let flags = certificates.flags();
    for (flags, certificate, key, words) in [
        (
            &missing,
            &issued.certificate,
            &issued.key,
            "cannot read --tls-cert-file /nowhere/tls.crt",
        ),
        (
            &flags,
            &issued.certificate,
            &other.key,
            "is not that of the first certificate",
        ),
        (&flags, &issued.key, &issued.key, "has no certificate"),
        (
            &flags,
            &issued.certificate,
            &issued.certificate,
            "has no private key",
        ),
    ] {
        certificates.write(certificate, key)?;
        for program in Program::ALL {
            let mut command = tokio::process::Command::from(program.command()?);
            command
                .args(flags)
                .args(["--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0"])
                .kill_on_drop(true);
            let output = tokio::time::timeout(Duration::from_secs(30), command.output()).await??;
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(
                !output.status.success() && said.contains(words),
                "{words}: {said}"
            );
        }
    }
    Ok(())
}
