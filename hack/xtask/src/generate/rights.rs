//! The table of rights in docs/security.md, from the OpenAPI documents, which are generated from the route tables.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

const BEGIN: &str = "<!-- rights -->\n";
const END: &str = "<!-- /rights -->";

/// The start of a right in a description.
const RIGHT: &str = "In token mode: the right to ";

/// Returns `page` with the table of these APIs' rights between its markers.
pub(super) fn fill(page: &str, apis: &[(&str, &[u8])]) -> Result<String> {
    let (before, rest) = page.split_once(BEGIN).context("no place for the rights")?;
    let (_, after) = rest.split_once(END).context("no end of the rights")?;
    let mut table = "| API | request | right |\n|---|---|---|\n".to_owned();
    for (api, openapi) in apis {
        let openapi: Value = serde_json::from_slice(openapi)?;
        let paths = openapi["paths"]
            .as_object()
            .context("an OpenAPI document has paths")?;
        for (path, operations) in paths {
            let operations = operations.as_object().context("a path has operations")?;
            for (method, operation) in operations {
                let request = format!("{} {path}", method.to_uppercase());
                let right = right(operation).with_context(|| format!("{api}: {request}"))?;
                table.push_str(&["| `", api, "` | `", &request, "` | ", right, " |\n"].concat());
            }
        }
    }
    Ok([before, BEGIN, &table, END, after].concat())
}

/// Returns the right that an operation requires.
fn right(operation: &Value) -> Result<&str> {
    let description = operation["description"].as_str().unwrap_or_default();
    let right = description
        .split_once(RIGHT)
        .map(|(_, right)| right.trim_end_matches('.'));
    let is_public = operation.get("security").is_none();
    ensure!(
        is_public == right.is_none(),
        "security and the description disagree"
    );
    Ok(right.unwrap_or("none, and no token"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_row_and_the_rest_of_the_page_stays() -> Result<()> {
        let openapi = br#"{"paths": {"/health": {"get": {}}, "/book": {"get": {
            "description": "Sorted.\n\nIn token mode: the right to `list` `books`.", "security": [{"bearer": []}]}}}}"#;
        let page = "a\n<!-- rights -->\nold\n<!-- /rights -->\nb\n";
        let filled = fill(page, &[("admin-api", openapi.as_slice())])?;
        for row in [
            "| `admin-api` | `GET /health` | none, and no token |\n",
            "| `admin-api` | `GET /book` | `list` `books` |\n",
        ] {
            assert!(filled.contains(row), "{filled}");
        }
        assert!(filled.starts_with("a\n") && filled.ends_with("\nb\n") && !filled.contains("old"));
        assert_eq!(fill(&filled, &[("admin-api", openapi.as_slice())])?, filled);
        assert!(fill("no place", &[]).is_err());
        let silent = br#"{"paths": {"/book": {"get": {"security": [{"bearer": []}]}}}}"#;
        assert!(fill(page, &[("admin-api", silent.as_slice())]).is_err());
        Ok(())
    }
}
