//! Links: the operations that can follow an answer, with their parameters from it
//! ([OpenAPI 3.1, Link Object](https://spec.openapis.org/oas/v3.1.0.html#link-object)).

use serde_json::{Map, Value, json};

/// Schemas of answers that name a book, with JSON pointers to the namespace, the id and the tenant.
const SOURCES: [(&str, &str, &str, &str); 4] = [
    ("Book", "/namespace_id", "/id", ""),
    ("BookList", "/list/0/namespace_id", "/list/0/id", ""),
    ("Loan", "/namespace_id", "/book_id", "/borrowed_by"),
    (
        "LoanList",
        "/list/0/namespace_id",
        "/list/0/book_id",
        "/list/0/borrowed_by",
    ),
];

/// Links created and listed objects to the operations on them.
pub(super) fn link(document: &mut Value) {
    let targets = targets(document);
    let operations = document["paths"].as_object_mut().into_iter().flatten();
    let operations = operations.flat_map(|(_, methods)| methods.as_object_mut().into_iter().flatten());
    for (_, operation) in operations {
        for status in ["200", "201"] {
            let Some(response) = operation["responses"].get_mut(status) else {
                continue;
            };
            let schema = response["content"]["application/json"]["schema"]["$ref"].as_str();
            let schema = schema
                .and_then(|path| path.rsplit('/').next())
                .unwrap_or_default();
            let source = SOURCES.iter().find(|(name, ..)| *name == schema);
            // The client already knows the names of an existing book or loan.
            if let Some(source) = source.filter(|_| status == "201" || schema.ends_with("List")) {
                let links = targets.iter().filter_map(|target| target.from(source));
                response["links"] = Value::Object(links.collect::<Map<_, _>>());
            }
        }
    }
}

/// An operation on one book or loan.
struct Target {
    id: String,
    is_of_loan: bool,
    has_tenant: bool,
}

impl Target {
    /// Returns the link from an answer to this operation, with its name.
    fn from(&self, &(schema, namespace, id, tenant): &(&str, &str, &str, &str)) -> Option<(String, Value)> {
        // A book need not have a loan.
        if self.is_of_loan && schema.starts_with("Book") {
            return None;
        }
        let mut parameters = json!({
            "path.namespace": format!("$response.body#{namespace}"),
            "path.id": format!("$response.body#{id}"),
        });
        if self.has_tenant && !tenant.is_empty() {
            parameters["header.X-TENANT-ID"] = json!(format!("$response.body#{tenant}"));
        }
        Some((
            self.id.clone(),
            json!({"operationId": self.id, "parameters": parameters}),
        ))
    }
}

fn targets(document: &Value) -> Vec<Target> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let of_one = paths.filter(|(path, _)| path.contains("/{namespace}/{id}"));
    let targets = of_one.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(|(_, operation)| Target {
            id: operation["operationId"].as_str().unwrap_or_default().to_owned(),
            is_of_loan: path.starts_with("/loan"),
            has_tenant: operation["parameters"].to_string().contains("X-TENANT-ID"),
        })
    });
    targets.collect()
}
