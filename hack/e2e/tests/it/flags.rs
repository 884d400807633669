//! Flags work as described in their help.

use anyhow::{Context as _, Result};
use e2e::{Cluster, Library, Program, Service, eventually};
use serde_json::{Value, json};
use tokio::io::AsyncBufReadExt as _;

#[tokio::test]
async fn max_body_says_how_large_a_body_may_be() -> Result<()> {
    let service = Service::start(Program::Admin, &Cluster::shared()?, &["--max-body=20"]).await?;
    let request = || service.api().map(|api| api.post("/book/library"));
    let fits = request()?
        .body("application/json", "{}                  ")
        .await?;
    fits.invalid("id");
    let too_large = request()?
        .body("application/json", "{}                   ")
        .await?;
    assert!(too_large.problem(413, "too_large").message.contains("20 bytes"));
    Ok(())
}

#[tokio::test]
async fn kube_qps_and_kube_burst_limit_the_requests_to_the_api_server() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let arguments = ["--kube-qps=0.001", "--kube-burst=12"];
    let service = Service::start(Program::Admin, &library.cluster, &arguments).await?;
    let api = service.api()?;
    eventually("it knows the book", async || {
        Ok((api.get(library.path("book")).await?.status == 200).then_some(()))
    })
    .await?;
    let (mut done, mut refused) = (0, 0);
    for number in 0..14 {
        let body = json!({"author": format!("Author {number}"), "title": "T"});
        let answer = api.put(library.path("book")).json(&body).await?;
        if answer.status == 200 {
            assert_eq!(refused, 0, "no turn comes back within a thousand seconds");
            done += 1;
        } else {
            let problem = answer.problem(429, "overloaded");
            // The rate is one request in a thousand seconds.
            assert!(
                problem.retry_after.is_some_and(|seconds| seconds > 500),
                "{problem:?}"
            );
            refused += 1;
        }
    }
    // Three quarters of twelve: lists and watches do not count, and the rest is reserved for reads that the cache
    // cannot serve.
    assert_eq!((done, refused), (9, 5));
    let last = format!("Author {}", done - 1);
    assert_eq!(library.books().get("book").await?.spec.author, last);
    Ok(())
}

#[tokio::test]
async fn resync_period_replays_every_object() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let arguments = ["--resync-period=0.2", "--log=bookshelf_store=debug,info"];
    let service = Service::start(Program::User, &library.cluster, &arguments).await?;
    let key = format!("{}/book", library.namespace);
    let mut log = service.log();
    for _ in 0..2 {
        log.line("the handler gets the book again", |line| {
            line["change"] == "resync" && line["key"] == key
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn every_flag_can_be_given_as_an_environment_variable() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let cluster = Cluster::shared()?;
    let kubeconfig = directory.path().join("kubeconfig");
    let account = cluster.kubeconfig_of(Program::Admin.name()).await?;
    control_plane::save_kubeconfig(&account, &kubeconfig)?;
    let mut command = tokio::process::Command::from(Program::Admin.command()?);
    command
        .env("BOOKSHELF_LISTEN", "127.0.0.1:0")
        .env("BOOKSHELF_OPS_LISTEN", "127.0.0.1:0")
        .env("BOOKSHELF_KUBECONFIG", &kubeconfig)
        .env("BOOKSHELF_AUTH_MODE", "header")
        .env("BOOKSHELF_MAX_BODY", "20")
        .env("BOOKSHELF_LOG_FORMAT", "json")
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn()?;
    let mut lines = tokio::io::BufReader::new(child.stderr.take().context("its log")?).lines();
    let address = loop {
        let line = lines.next_line().await?.context("it says where it listens")?;
        let line: Value = serde_json::from_str(&line)?;
        if line["message"] == "serving" {
            break line["listen"].as_str().context("an address")?.parse()?;
        }
    };
    let api = e2e::Api::new(address)?;
    eventually("it is ready", async || {
        Ok((api.get("/book/library").await?.status == 200).then_some(()))
    })
    .await?;
    let too_large = api.post("/book/library").body("application/json", [b' '; 21]);
    too_large.await?.problem(413, "too_large");
    Ok(())
}

fn variables(program: Program) -> Result<Vec<String>> {
    let help = program.command()?.arg("--help").output()?.stdout;
    let help = String::from_utf8(help)?;
    let variables = help
        .split("[env: ")
        .skip(1)
        .filter_map(|text| text.split_once('='));
    Ok(variables.map(|(name, _)| name.to_owned()).collect())
}

#[tokio::test]
async fn an_empty_environment_variable_counts_as_unset() -> Result<()> {
    let kubeconfig = Cluster::shared()?.kubeconfig().to_owned();
    for program in Program::ALL {
        let variables = variables(program)?;
        assert!(variables.len() > 20, "{variables:?}");
        for empty in ["", " "] {
            let mut command = tokio::process::Command::from(program.command()?);
            command
                .envs(variables.iter().map(|name| (name, empty)))
                .env(
                    "BOOKSHELF_WATCH_NAMESPACES",
                    if empty.is_empty() { "" } else { "a, b, " },
                )
                .args(["--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0"])
                .arg("--kubeconfig")
                .arg(&kubeconfig)
                .stderr(std::process::Stdio::piped())
                .kill_on_drop(true);
            let mut child = command.spawn()?;
            let mut lines = tokio::io::BufReader::new(child.stderr.take().context("its log")?).lines();
            let mut said = Vec::new();
            while !said.last().is_some_and(|line: &String| line.contains("serving")) {
                let line = lines.next_line().await?;
                said.push(line.with_context(|| format!("it has ended: {said:?}"))?);
            }
            child.kill().await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn log_format_text_is_for_people() -> Result<()> {
    let mut command = tokio::process::Command::from(Program::User.command()?);
    let mut child = command
        .args([
            "--log-format=text",
            "--listen=127.0.0.1:0",
            "--ops-listen=127.0.0.1:0",
        ])
        .arg("--kubeconfig")
        .arg(Cluster::shared()?.kubeconfig())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = tokio::io::BufReader::new(child.stderr.take().context("its log")?).lines();
    let line = lines.next_line().await?.context("a line")?;
    assert!(serde_json::from_str::<Value>(&line).is_err(), "{line}");
    assert!(line.contains("INFO"), "{line}");
    Ok(())
}
