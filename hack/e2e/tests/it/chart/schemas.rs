//! The rendered chart, checked by kubeconform against the schemas of an API server, as in a pipeline without a cluster.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result};
use control_plane::binaries::{Tool, find_or_build};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::api_server::Charts;
use super::{objects, rendered, values_files};

/// Turns a definition of the API server's OpenAPI document into a JSON schema that refuses unknown fields.
fn close(definition: &mut Value) {
    if let Value::Object(fields) = definition {
        if fields.get("format") == Some(&json!("int-or-string")) {
            fields.remove("format");
            fields.insert("type".to_owned(), json!(["integer", "string"]));
        }
        let is_open = fields.contains_key("additionalProperties")
            || fields.get("x-kubernetes-preserve-unknown-fields") == Some(&json!(true));
        if fields.get("properties").is_some_and(Value::is_object) && !is_open {
            fields.insert("additionalProperties".to_owned(), json!(false));
        }
        for value in fields.values_mut() {
            close(value);
        }
    }
    if let Value::Array(values) = definition {
        values.iter_mut().for_each(close);
    }
}

/// Writes a schema of each kind under the name that kubeconform expects.
async fn write_schemas(directory: &Path) -> Result<()> {
    let charts = Charts::get().await?;
    let kubectl = charts.cluster.kubectl().await?;
    let document: Value = serde_json::from_str(&kubectl.run(&["get", "--raw", "/openapi/v2"]).await?)?;
    let mut definitions: BTreeMap<String, Value> = serde_json::from_value(document["definitions"].clone())?;
    let quantity = "io.k8s.apimachinery.pkg.api.resource.Quantity";
    definitions.insert(quantity.to_owned(), json!({"type": ["number", "string"]}));
    definitions.values_mut().for_each(close);
    for (name, definition) in &definitions {
        let kinds = definition["x-kubernetes-group-version-kind"].as_array();
        for kind in kinds.into_iter().flatten() {
            let text = |field: &str| Some(kind[field].as_str()?.to_lowercase());
            let of_kind = [text("kind"), text("group"), text("version")];
            let [Some(kind), Some(group), Some(version)] = of_kind else {
                continue;
            };
            // kubeconform uses the version as the name of the core group.
            let group = if group.is_empty() { &version } else { &group };
            let schema = json!({"$ref": format!("definitions.json#/definitions/{name}")});
            std::fs::write(
                directory.join(format!("{kind}-{group}-{version}.json")),
                schema.to_string(),
            )?;
        }
    }
    let all = json!({"definitions": definitions});
    std::fs::write(directory.join("definitions.json"), all.to_string())?;
    Ok(())
}

/// Checks manifests with kubeconform, and returns its verdict on each object.
async fn verdicts(schemas: &TempDir, manifests: &str) -> Result<Vec<Value>> {
    let kubeconform = tokio::task::spawn_blocking(|| find_or_build(Tool::Kubeconform)).await??;
    let location = schemas
        .path()
        .join("{{.ResourceKind}}-{{.Group}}-{{.ResourceAPIVersion}}.json");
    let mut checking = Command::new(kubeconform)
        .args(["-strict", "-verbose", "-output", "json", "-schema-location"])
        .arg(location)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut input = checking.stdin.take().context("its input")?;
    input.write_all(manifests.as_bytes()).await?;
    drop(input);
    let output = checking.wait_with_output().await?;
    let printed: Value = serde_json::from_slice(&output.stdout)?;
    Ok(printed["resources"].as_array().context("verdicts")?.clone())
}

#[tokio::test]
async fn everything_that_is_rendered_fits_the_schemas() -> Result<()> {
    let schemas = tempfile::tempdir()?;
    write_schemas(schemas.path()).await?;
    let mut scenarios = vec![Vec::new()];
    for file in values_files()? {
        scenarios.push(vec!["-f".to_owned(), file.to_str().context("a path")?.to_owned()]);
    }
    for scenario in &scenarios {
        let arguments: Vec<&str> = scenario.iter().map(String::as_str).collect();
        let manifests = rendered("bookshelf", &arguments).await?;
        let verdicts = verdicts(&schemas, &manifests).await?;
        let refused: Vec<_> = verdicts
            .iter()
            .filter(|verdict| verdict["status"] != "statusValid")
            .collect();
        assert!(refused.is_empty(), "{scenario:?}: {refused:#?}");
        assert_eq!(verdicts.len(), objects(&manifests)?.len(), "{scenario:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_unknown_field_and_a_wrong_type_do_not_fit() -> Result<()> {
    let schemas = tempfile::tempdir()?;
    write_schemas(schemas.path()).await?;
    let manifests = rendered("bookshelf", &["--show-only=templates/deployments.yaml"]).await?;
    for (right, wrong) in [
        ("automountServiceAccountToken:", "automountServiceAccountTokens:"),
        ("containerPort: 8080", "containerPort: \"8080\""),
    ] {
        assert!(manifests.contains(right), "{right}: {manifests}");
        let verdicts = verdicts(&schemas, &manifests.replace(right, wrong)).await?;
        let statuses: Vec<_> = verdicts.iter().map(|verdict| &verdict["status"]).collect();
        assert!(
            statuses.iter().all(|status| *status == "statusInvalid"),
            "{wrong}: {statuses:?}"
        );
    }
    Ok(())
}
