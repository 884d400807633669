//! Erasing the name of a tenant.

use anyhow::Result;
use e2e::{Library, eventually};

#[tokio::test]
async fn a_name_is_blanked_in_what_is_past_and_nowhere_else() -> Result<()> {
    let library = Library::open().await?;
    for (id, tenant) in [("a", "bob"), ("b", "ann"), ("c", "bob")] {
        library.add(id).await?;
        library.lend(id, tenant).await?;
    }
    library.give_back("a", "bob").await?.empty(204);
    library.give_back("b", "ann").await?.empty(204);
    let path = format!("/history/{}", library.namespace);
    let count = async |query: &str| {
        let list = library.admin.get(format!("{path}?{query}")).await?.json(200);
        anyhow::Ok(list["list"].as_array().map_or(0, Vec::len))
    };
    eventually("all loans are in the history", async || {
        let are_there = count("borrowed_by=bob").await? == 3 && count("borrowed_by=ann").await? == 2;
        Ok(are_there.then_some(()))
    })
    .await?;
    let all = count("").await?;

    library
        .admin
        .delete(format!("{path}?borrowed_by=bob"))
        .await?
        .empty(204);
    // Only the current loan keeps the name.
    assert_eq!(count("borrowed_by=bob").await?, 1);
    assert_eq!(count("borrowed_by=ann").await?, 2);
    assert_eq!(count("").await?, all, "what happened stays");
    let past = library.admin.get(format!("{path}?book_id=a")).await?;
    assert!(!past.text().contains("bob"), "{}", past.text());
    // A repeated request and an unknown name succeed.
    for tenant in ["bob", "nobody"] {
        library
            .admin
            .delete(format!("{path}?borrowed_by={tenant}"))
            .await?
            .empty(204);
    }
    eventually("the tenants' API has it, too", async || {
        let own = library.user.get(&path).tenant("bob").await?.json(200);
        Ok((own["list"].as_array().map(Vec::len) == Some(1)).then_some(()))
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn what_is_erased_is_a_tenant_and_nothing_less() -> Result<()> {
    let library = Library::open().await?;
    let path = format!("/history/{}", library.namespace);
    for (query, field) in [
        ("", "borrowed_by"),
        ("?borrowed_by=", "borrowed_by"),
        ("?borrowed_by=bob&since=2026-11-22T11:11:09Z", "since"),
        ("?borrowed_by=bob&until=2026-11-22T11:11:09Z", "until"),
        ("?borrowed_by=bob&book_id=a", "book_id"),
        ("?borrowed_by=bob&limit=1", "limit"),
    ] {
        library
            .admin
            .delete(format!("{path}{query}"))
            .await?
            .invalid(field);
    }
    library
        .user
        .delete(format!("{path}?borrowed_by=bob"))
        .await?
        .problem(405, "method_not_allowed");
    Ok(())
}
