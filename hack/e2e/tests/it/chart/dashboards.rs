//! The dashboard and the alerts, compared with the metrics that both programs serve.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use e2e::{Api, Certificates, Cluster, Issued, Library, Program, Service, chart, eventually, skipped};
use serde_json::Value;
use tokio::process::Command;

/// Collects the queries in a document: every `expr`.
fn queries(document: &Value, found: &mut Vec<String>) {
    match document {
        Value::Object(fields) => {
            for (name, value) in fields {
                if let (true, Some(query)) = (name == "expr", value.as_str()) {
                    found.push(query.to_owned());
                }
                queries(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| queries(item, found)),
        _ => {}
    }
}

fn files() -> Result<Vec<(&'static str, Value)>> {
    let read = |name: &str| std::fs::read_to_string(chart().join("files").join(name));
    Ok(vec![
        ("dashboard.json", serde_json::from_str(&read("dashboard.json")?)?),
        ("alerts.yaml", serde_saphyr::from_str(&read("alerts.yaml")?)?),
    ])
}

/// Returns the selectors of a query: each metric before a brace, with the labels inside.
fn selectors(query: &str) -> Vec<(String, Vec<String>)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut selectors = Vec::new();
    for (at, _) in query.match_indices('{') {
        let before = &query[..at];
        let name = &before[before.trim_end_matches(is_name).len()..];
        let inside = query[at + 1..].split('}').next().unwrap_or_default();
        let labels = inside.split('"').step_by(2).filter_map(|part| {
            let label = part
                .trim_start_matches([',', ' '])
                .trim_end_matches(['=', '~', '!']);
            (!label.is_empty()).then(|| label.to_owned())
        });
        selectors.push((name.to_owned(), labels.collect()));
    }
    selectors
}

/// Returns the metrics of a program by the names of their series, each with the labels that its samples have.
async fn served(service: &Service) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let answer = service.ops()?.get("/metrics").await?;
    let text = answer.text();
    let mut metrics = BTreeMap::<_, BTreeSet<_>>::new();
    for line in text.lines() {
        if let Some(described) = line.strip_prefix("# TYPE ") {
            let (name, kind) = described.split_once(' ').context("a type")?;
            let suffixes: &[&str] = match kind {
                "counter" => &["_total"],
                "histogram" => &["_bucket", "_count", "_sum"],
                _ => &[""],
            };
            for suffix in suffixes {
                metrics.entry(format!("{name}{suffix}")).or_default();
            }
        } else if let Some((name, rest)) = line.split_once('{') {
            let labels = rest.split('"').step_by(2).filter_map(|part| {
                let label = part.trim_start_matches(',').strip_suffix('=');
                label.map(str::to_owned)
            });
            metrics.entry(name.to_owned()).or_default().extend(labels);
        }
    }
    Ok(metrics)
}

/// Makes a service count requests, writes, Events and finally a refusal. A series is not served before its first count.
async fn write_until_refused(
    library: &Library,
    service: &Service,
    api: &Api,
    program: Program,
) -> Result<()> {
    eventually("it has the book", async || {
        let answer = api.get(library.path("counted")).await?;
        Ok((answer.status == 200).then_some(()))
    })
    .await?;
    for number in 0.. {
        let answer = match program {
            Program::Admin => {
                let body = library.body(&format!("counted-{number}"));
                api.post(library.list_path()).json(&body).await?
            }
            Program::User => {
                let path = ["counted/borrow", "counted/return"][number % 2];
                api.post(library.path(path)).tenant("bob").await?
            }
        };
        if answer.status == 429 {
            break;
        }
        ensure!(number < 10, "{}", answer.text());
    }
    let operations = service.ops()?;
    eventually("its Events are sent", async || {
        let text = operations.get("/metrics").await?.text();
        Ok(text.contains("kubernetes_events_total{").then_some(()))
    })
    .await
}

/// Counted only when an API server is overloaded or stops, which does not happen here.
const UNCOUNTED: &str = "rest_client_request_retries_total";

/// The labels that Prometheus adds.
const TARGET: [&str; 4] = ["job", "namespace", "container", "instance"];

#[tokio::test]
async fn every_query_is_about_metrics_that_both_programs_serve() -> Result<()> {
    let library = Library::open().await?;
    library.add("counted").await?;
    let issued = Issued::new()?;
    let certificates = Certificates::new(&issued)?;
    let [certificate, key] = certificates.flags();
    let mut programs = Vec::new();
    for program in Program::ALL {
        let arguments = ["--kube-qps=0.01", "--kube-burst=4"];
        let arguments = [&arguments[..], &[&certificate, &key]].concat();
        let service = Service::start(program, &Cluster::shared()?, &arguments).await?;
        let api = issued.api(service.address(), &["http/1.1"])?;
        write_until_refused(&library, &service, &api, program).await?;
        programs.push((program, served(&service).await?));
    }
    for (file, document) in files()? {
        let mut found = Vec::new();
        queries(&document, &mut found);
        assert!(found.len() >= 10, "{file}: {found:?}");
        for query in found {
            let selectors = selectors(&query);
            assert!(!selectors.is_empty(), "{file}: {query}");
            for (metric, labels) in selectors {
                // Many programs have metrics with names such as rest_client_requests_total, so queries must select the
                // job.
                assert!(labels.contains(&"job".to_owned()), "{file}: {query}");
                if metric == "up" || metric == UNCOUNTED {
                    continue;
                }
                for (program, served) in &programs {
                    let known = served.get(&metric);
                    let known = known
                        .with_context(|| format!("{file}: {program:?} serves no {metric}, of {query}"))?;
                    for label in labels.iter().filter(|label| !TARGET.contains(&label.as_str())) {
                        assert!(
                            known.is_empty() || known.contains(label),
                            "{file}: {metric} has no {label}"
                        );
                    }
                }
            }
        }
    }
    Ok(())
}

#[test]
fn every_alert_has_a_paragraph_in_the_operations_page() -> Result<()> {
    let page = chart().join("../../docs/operations.md");
    let page = std::fs::read_to_string(page)?;
    let (_, alerts) = files()?.pop().context("the alerts")?;
    let rules = alerts["groups"][0]["rules"].as_array().context("rules")?;
    for rule in rules {
        let alert = rule["alert"].as_str().context("a name")?;
        assert!(page.contains(&format!("\n### {alert}\n")), "{alert}");
        let anchor = format!("docs/operations.md#{}", alert.to_lowercase());
        assert_eq!(rule["annotations"]["runbook"], anchor);
    }
    let headings = page.matches("\n### Bookshelf").count();
    assert_eq!(headings, rules.len());
    Ok(())
}

#[tokio::test]
async fn the_alerts_fire_when_they_should() -> Result<()> {
    let tests = format!("{}/prometheus/alerts.test.yaml", env!("CARGO_MANIFEST_DIR"));
    let run = Command::new("promtool")
        .args(["test", "rules", &tests])
        .output()
        .await;
    let Ok(output) = run else {
        skipped("the alerts need promtool on PATH (Debian: apt install prometheus)");
        return Ok(());
    };
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    Ok(())
}
