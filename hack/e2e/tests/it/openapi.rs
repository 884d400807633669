//! The OpenAPI documents, the page that shows them, and the APIs' conformance to them.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result};
use control_plane::binaries::PythonTool;
use e2e::{Api, Library, Program, Service, book, schemathesis};
use serde_json::Value;
use tokio::{process::Command, time::timeout};

/// The program that compares an API with its OpenAPI document.
const SCHEMATHESIS: PythonTool = PythonTool {
    package: "schemathesis",
    program: "st",
    requirements: include_str!("../../schemathesis/requirements.txt"),
};
/// A timeout far above the duration of a run.
const PATIENCE: Duration = Duration::from_mins(10);
const PHASES: [&str; 4] = ["examples", "coverage", "fuzzing", "stateful"];

/// The id of the book in the document's examples.
const EXAMPLE: &str = "modenov-analytic-geometry";

#[tokio::test]
async fn schemathesis_finds_the_librarians_api_to_be_as_documented() -> Result<()> {
    as_documented(Program::Admin).await
}

#[tokio::test]
async fn schemathesis_finds_the_tenants_api_to_be_as_documented() -> Result<()> {
    as_documented(Program::User).await
}

async fn as_documented(program: Program) -> Result<()> {
    let schemathesis_program = SCHEMATHESIS.find_or_install().await?;
    let library = Library::open().await?;
    library.add(EXAMPLE).await?;
    library.add("lent").await?;
    library.lend("lent", "bob").await?;
    let mut elsewhere = book("elsewhere");
    let label = ("app.kubernetes.io/managed-by".to_owned(), "Helm".to_owned());
    elsewhere.metadata.labels = Some([label].into());
    library.plant(&elsewhere).await?;

    // Schemathesis follows the members of lists, which must not include other tests' books.
    let watch = format!("--watch-namespaces={}", library.namespace);
    let service = Service::start(program, &library.cluster, &[&watch]).await?;
    let api = format!("http://{}", service.address());
    let directory = tempfile::tempdir()?;
    let configuration = schemathesis();
    let mut command = Command::new(schemathesis_program);
    command
        .arg("--config-file")
        .arg(configuration.join("schemathesis.toml"))
        .arg("run")
        .args(["--report", "json", "--report-json-path", "report.json"])
        .arg(format!("{api}/openapi.json"))
        .current_dir(directory.path())
        // Requests to loopback must not use a proxy.
        .env("no_proxy", "*")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONPATH", configuration)
        .env("BOOKSHELF_SCHEMATHESIS_NAMESPACE", &library.namespace)
        .env("BOOKSHELF_SCHEMATHESIS_API", &api)
        .kill_on_drop(true);
    let output = timeout(PATIENCE, command.output())
        .await
        .context("it goes on and on")??;
    assert!(
        output.status.success(),
        "{}\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
        service.log_tail()
    );
    let report = serde_json::from_slice(&fs::read(directory.path().join("report.json"))?)?;
    assert_tested_everything(&report);
    Ok(())
}

#[test]
fn every_requirement_of_schemathesis_has_hashes() {
    let pinned = SCHEMATHESIS
        .requirements
        .lines()
        .filter(|line| line.contains("==") && !line.starts_with('#'));
    assert!(pinned.clone().count() > 20);
    assert!(pinned.clone().all(|line| line.ends_with('\\')), "a hash follows");
}

/// Asserts that every operation was tested: the absence of failures alone proves nothing.
fn assert_tested_everything(report: &Value) {
    assert_eq!(report["stop_reason"], "completed", "{report:#}");
    let operations = &report["operations"];
    assert!(operations["total"].as_u64() > Some(10), "{report:#}");
    for count in ["selected", "tested"] {
        assert_eq!(operations[count], operations["total"], "{report:#}");
    }
    for phase in PHASES {
        assert_eq!(
            report["phases"][phase]["status"], "success",
            "{phase}: {report:#}"
        );
    }
}

#[tokio::test]
async fn each_api_serves_its_own_document() -> Result<()> {
    let library = Library::open().await?;
    for (api, path) in [
        (&library.admin, "/book/{namespace}/{id}/category"),
        (&library.user, "/book/{namespace}/{id}/borrow"),
    ] {
        let answer = api.get("/openapi.json").await?;
        let document = answer.json(200);
        assert_eq!(document["openapi"], "3.1.0");
        assert!(document["paths"][path].is_object(), "{path}");

        let again = api
            .get("/openapi.json")
            .header("If-None-Match", answer.header("etag"));
        assert_eq!(again.await?.status, 304);
    }
    Ok(())
}

#[tokio::test]
async fn every_reference_in_a_document_leads_somewhere() -> Result<()> {
    let library = Library::open().await?;
    for api in library.apis() {
        let document = api.get("/openapi.json").await?.json(200);
        let references = references(&document);
        assert!(references.len() > 100);
        for reference in references {
            let pointer = reference.strip_prefix('#').context("one within the document")?;
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }
    Ok(())
}

fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, member)| match member {
                Value::String(reference) if name == "$ref" => vec![reference.as_str()],
                member => references(member),
            })
            .collect(),
        Value::Array(members) => members.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn the_documentation_page_loads_nothing_from_other_hosts() -> Result<()> {
    let library = Library::open().await?;
    for api in library.apis() {
        let page = api.get("/docs").await?;
        assert_eq!(
            (page.status, page.header("content-type")),
            (200, "text/html; charset=utf-8")
        );
        // So browsers load nothing from elsewhere, even if a script tries to.
        assert!(
            page.header("content-security-policy")
                .starts_with("default-src 'self';")
        );

        let page = page.text();
        assert!(!page.contains("//"), "{page}");
        let files = attributes(&page, "src").chain(attributes(&page, "href"));
        let files = files
            .filter(|file| !file.starts_with("data:"))
            .collect::<Vec<_>>();
        assert_eq!(files.len(), 3, "{page}");
        for file in files {
            check_file(api, file).await?;
        }
    }
    Ok(())
}

async fn check_file(api: &Api, file: &str) -> Result<()> {
    let answer = api.get(format!("/{file}")).await?;
    let text = answer.text();
    assert_eq!(answer.status, 200, "{file}");
    let kind = if file.contains("css") {
        "text/css"
    } else {
        "text/javascript"
    };
    assert_eq!(answer.header("content-type"), kind, "{file}");
    assert!(!text.is_empty(), "{file}");
    if kind == "text/css" {
        let mut addresses = text.split("url(").skip(1);
        assert!(
            addresses.all(|address| address.trim_start_matches(['"', '\'']).starts_with("data:")),
            "{file}"
        );
    }
    if file.contains("start") {
        assert!(text.contains(r#"url: "openapi.json""#), "{text}");
    }
    Ok(())
}

fn attributes<'a>(page: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let parts = page.split(&format!(" {name}=\"")).skip(1).collect::<Vec<_>>();
    parts.into_iter().filter_map(|part| part.split('"').next())
}
