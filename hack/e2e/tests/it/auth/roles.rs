//! Roles with wildcards.

use anyhow::Result;
use e2e::book;
use serde_json::json;

use super::{ADMIN, House, USER};

#[tokio::test]
async fn a_role_with_stars_is_every_tenant_of_its_namespace_and_nobody_elsewhere() -> Result<()> {
    let (house, other) = (House::open().await?, House::open().await?);
    let library = &house.library;
    for library in [library, &other.library] {
        library.plant(&book("book")).await?;
    }
    let person = house.person("star").await?;
    person.grant(&library.namespace, &["*"], &["*"], &[]).await?;
    let (admin, user) = (
        house.api_for(&person, ADMIN).await?,
        house.api_for(&person, USER).await?,
    );
    for tenant in ["alice", "bob"] {
        user.post(library.path("book/borrow"))
            .tenant(tenant)
            .await?
            .json(201);
        let loans = user.get(library.loans_path()).tenant(tenant).await?.json(200);
        assert_eq!(loans["list"][0]["borrowed_by"], tenant);
        user.post(library.path("book/return"))
            .tenant(tenant)
            .await?
            .empty(204);
    }
    admin
        .put(library.path("book"))
        .json(&library.body("book"))
        .await?
        .json(200);
    user.post(library.path("book/borrow")).await?.json(201);
    library.loans_at("1").await?;
    admin
        .delete(format!("{}?force=true", library.path("book")))
        .await?
        .empty(204);

    let other = &other.library;
    for request in [
        admin.get(other.list_path()),
        admin.get(other.path("book")),
        admin.post(other.list_path()).json(&other.body("new")),
        admin.delete(other.path("book")),
        admin.get(other.loans_path()),
        user.post(other.path("book/borrow")),
        user.post(other.path("book/borrow")).tenant("bob"),
        user.get(other.loans_path()),
    ] {
        request.await?.problem(403, "forbidden");
    }
    for api in [&admin, &user] {
        let namespaces = api.get("/namespace").await?.json(200);
        let names = namespaces["list"].as_array().into_iter().flatten();
        let is_own = |of: &serde_json::Value| of["id"] == json!(library.namespace);
        assert!(names.clone().all(is_own), "{namespaces}");
        let stream = api.get("/book").header("Accept", "text/event-stream");
        stream.await?.problem(403, "forbidden");
    }
    Ok(())
}
