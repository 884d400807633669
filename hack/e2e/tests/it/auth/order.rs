//! The order of refusals: only credentials and the route are checked before the tenant and the names in the path.

use anyhow::Result;
use e2e::{Library, Request};
use serde_json::json;

use super::House;

/// An invalid field, and a request with it.
type Named<'a> = (&'a str, Box<dyn Fn() -> Request + 'a>);

/// Asserts that each request is refused for its name or its tenant, even if it has other mistakes.
async fn assert_names_come_first(library: &Library) -> Result<()> {
    let (admin, user) = (&library.admin, &library.user);
    // A review checks the names anyway. These requests make decisions that are kept, so that the ones below need no
    // review.
    admin.get(library.list_path()).await?.json(200);
    user.get(library.loans_path()).tenant("bob").await?.json(200);
    let missing = library.path("missing");
    admin.get(&missing).await?.problem(404, "not_found");
    let put = admin.put(&missing).json(&json!({"author": "A", "title": "T"}));
    put.await?.problem(404, "not_found");
    let give_back = user.post(format!("{missing}/return")).tenant("bob");
    give_back.await?.empty(204);

    let named: [Named<'_>; 8] = [
        (
            "namespace_id",
            Box::new(|| admin.get("/book/BAD?limit=nonsense&q=a&q=a")),
        ),
        ("id", Box::new(|| admin.get(library.path("BAD")))),
        (
            "id",
            Box::new(|| {
                admin
                    .put(library.path("BAD?force=nonsense"))
                    .body("application/json", "{")
            }),
        ),
        (
            "id",
            Box::new(|| admin.delete(library.path("BAD?force=nonsense"))),
        ),
        (
            "id",
            Box::new(|| user.get(library.loan_path("BAD")).tenant("bob")),
        ),
        (
            "X-TENANT-ID",
            Box::new(|| {
                user.get(format!("{}?limit=nonsense", library.loans_path()))
                    .tenant("a b")
            }),
        ),
        (
            "X-TENANT-ID",
            Box::new(|| user.post(library.path("missing/borrow")).tenant("a b")),
        ),
        (
            "X-TENANT-ID",
            Box::new(|| user.post(library.path("missing/return")).tenant("a b")),
        ),
    ];
    for (field, request) in &named {
        for (name, value) in [
            ("X-Resource-Version", "nonsense"),
            ("Host", "a b"),
            ("Content-Encoding", "gzip"),
            ("Idempotency-Key", "a b"),
            ("If-Match", "nonsense"),
            ("Accept", "text/event-stream"),
            ("Last-Event-ID", "nonsense"),
        ] {
            request().header(name, value).await?.invalid(field);
        }
    }
    Ok(())
}

#[tokio::test]
async fn names_and_tenants_are_refused_before_all_else_in_token_mode() -> Result<()> {
    assert_names_come_first(&House::open().await?.library).await
}

#[tokio::test]
async fn names_and_tenants_are_refused_before_all_else_in_header_mode() -> Result<()> {
    assert_names_come_first(&Library::open().await?).await
}
