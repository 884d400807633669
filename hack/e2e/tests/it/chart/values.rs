//! The values of the chart, and their schema.

use anyhow::{Context as _, Result};
use e2e::{Program, chart};
use serde_json::Value;

use super::{helm, of_kind, rendered, values_file, values_files};

#[tokio::test]
async fn helm_lint_has_no_objection() -> Result<()> {
    let chart = chart();
    let chart = chart.to_str().context("a path")?;
    helm(&["lint", "--strict", chart]).await?;
    let files = values_files()?;
    assert!(files.len() > 5, "{files:?}");
    for file in files {
        let file = file.to_str().context("a path")?;
        helm(&["lint", "--strict", chart, "-f", file]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_values_of_the_page_on_production_render() -> Result<()> {
    let page = std::fs::read_to_string(chart().join("../../docs/production.md"))?;
    let blocks = page.split("```yaml\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split("```").next());
    let values: Vec<_> = blocks.filter(|block| !block.starts_with("apiVersion")).collect();
    assert_eq!(values.len(), 2, "{values:?}");
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("values.yaml");
    for values in values {
        let digest = format!("sha256:{}", "0".repeat(64));
        std::fs::write(&file, values.replace("sha256:…", &digest))?;
        let manifests = rendered("bookshelf", &["-f", file.to_str().context("a path")?]).await?;
        assert_eq!(of_kind(&manifests, "Deployment")?.len(), 2, "{values}");
    }
    Ok(())
}

/// Returns the keys of a values file, each with true if a comment precedes it. Ignores keys inside lists.
fn commented_keys(values: &str) -> Vec<(String, bool)> {
    let (mut keys, mut path) = (Vec::new(), Vec::<(usize, String)>::new());
    let (mut has_comment, mut list) = (false, usize::MAX);
    for line in values.lines() {
        let text = line.trim_start();
        let depth = line.len() - text.len();
        if text.starts_with('#') {
            has_comment = true;
        } else if text.starts_with('-') {
            list = depth;
        } else if let Some((key, _)) = text.split_once(':')
            && depth <= list
        {
            list = usize::MAX;
            path.retain(|(of, _)| *of < depth);
            path.push((depth, key.to_owned()));
            let names: Vec<_> = path.iter().map(|(_, name)| name.as_str()).collect();
            keys.push((names.join("."), has_comment));
            has_comment = false;
        }
    }
    keys
}

#[tokio::test]
async fn every_value_has_a_comment_and_a_schema() -> Result<()> {
    let values = std::fs::read_to_string(chart().join("values.yaml"))?;
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(chart().join("values.schema.json"))?)?;
    let keys = commented_keys(&values);
    assert!(keys.len() > 150, "{}", keys.len());
    let of = |api: &str| -> Vec<String> {
        let keys = keys.iter().filter_map(|(key, _)| key.strip_prefix(api));
        keys.map(str::to_owned).collect()
    };
    // Only the first of the two APIs has comments.
    assert_eq!(of("adminApi."), of("userApi."));
    let mut commented: Vec<&str> = Vec::new();
    for (key, has_comment) in &keys {
        let parent = key.rsplit_once('.').map_or("", |(parent, _)| parent);
        // A comment on a value describes its whole content, unless the content has its own schema.
        let is_described = *has_comment || key.starts_with("userApi.") || commented.contains(&parent);
        let (properties, is_free) = schema_of(&schema, key)?;
        if is_free {
            continue;
        }
        assert!(is_described || properties, "{key} has no comment");
        if *has_comment {
            commented.push(key);
        }
    }
    Ok(())
}

/// Finds the schema of a key. Returns two flags: the key has its own properties, and the key is inside a map or a list.
fn schema_of(schema: &Value, key: &str) -> Result<(bool, bool)> {
    let mut at = schema;
    for name in key.split('.') {
        if at["type"] == "object" && at.get("properties").is_none() {
            return Ok((false, true));
        }
        let property = at["properties"].get(name);
        at = property.with_context(|| format!("{key} is not in the schema"))?;
        if let Some(reference) = at["$ref"].as_str() {
            let pointer = reference.trim_start_matches('#');
            at = schema.pointer(pointer).context("a definition")?;
        }
        if let Value::Array(_) = at["type"] {
            return Ok((false, true));
        }
    }
    Ok((at.get("properties").is_some(), at["type"] == "array"))
}

#[tokio::test]
async fn values_that_cannot_be_meant_are_refused_by_name() -> Result<()> {
    for (set, named) in [
        ("adminAPI.replicas=2", "adminAPI"),
        ("adminApi.replica=2", "replica"),
        ("adminApi.replicas=-1", "replicas"),
        ("adminApi.image.digest=sha256:1", "digest"),
        ("adminApi.image.pullPolicy=Sometimes", "pullPolicy"),
        ("adminApi.config.listen=0.0.0.0:1", "config"),
        ("adminApi.config.maxBody=1", "config"),
        ("adminApi.config.log[0]=a", "config"),
        ("adminApi.ingress.enabled=true", "hosts"),
        ("adminApi.httpRoute.enabled=true", "parentRefs"),
        ("adminApi.serviceAccount.create=false", "name"),
        ("adminApi.service.port=0", "port"),
        ("auth.mode=none", "mode"),
        ("auth.mode=header", "trustedProxies"),
        ("auth.trustedProxies={10.0.0.0/8}", "trustedProxies"),
        ("auth.mode=header,auth.trustedProxies={gateway}", "trustedProxies"),
        (
            "auth.mode=header,auth.trustedProxies={10.0.0.0/8},auth.audiences.userApi={a}",
            "userApi",
        ),
        ("adminApi.config.auth-mode=header", "config"),
        ("adminApi.config.history-days=7", "config"),
        ("history.days=0", "days"),
        ("history.days=null", "days"),
        ("history.entries=99", "entries"),
        ("history.namesDays=1.5", "namesDays"),
        ("flowControl.matchingPrecedence=9000", "matchingPrecedence"),
        ("monitoring.podMonitor.interval=fast", "interval"),
        ("fullnameOverride=Big", "fullnameOverride"),
        ("watchNamespaces={East}", "watchNamespaces"),
        ("watchNamespaces={a,a}", "watchNamespaces"),
        ("watchNamespaces={a.b}", "watchNamespaces"),
        ("watchNamespaces=a", "watchNamespaces"),
        (
            "monitoring.podMonitor.enabled=true,monitoring.serviceMonitor.enabled=true",
            "twice",
        ),
    ] {
        let refused = rendered("bookshelf", &["--set", set]).await;
        let said = refused.err().with_context(|| format!("{set} is refused"))?;
        assert!(said.to_string().contains(named), "{set}: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn the_settings_of_the_tests_are_flags_of_both_programs() -> Result<()> {
    let everything = values_file("everything.yaml");
    let maps = of_kind(&rendered("bookshelf", &["-f", &everything]).await?, "ConfigMap")?;
    for program in Program::ALL {
        let help = program.command()?.arg("--help").output()?.stdout;
        let help = String::from_utf8(help)?;
        let map = maps
            .iter()
            .find(|map| map["metadata"]["name"] == format!("other-{}", program.name()));
        let data = map.context("its ConfigMap")?["data"]
            .as_object()
            .context("data")?;
        assert_eq!(data.len(), 4);
        for variable in data.keys() {
            assert!(help.contains(&format!("[env: {variable}=")), "{variable}");
        }
    }
    Ok(())
}
