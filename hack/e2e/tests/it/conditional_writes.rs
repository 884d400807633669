//! `If-None-Match` on writes: no write to a version that the client has, or only to a missing book (RFC 9110, section
//! 13.1.2).

use anyhow::Result;
use e2e::{Library, Request};
use serde_json::json;

fn writes(library: &Library, query: &str) -> [Request; 4] {
    let path = library.path("book");
    let category = json!({"category_id": "math"});
    [
        library
            .admin
            .put(format!("{path}{query}"))
            .json(&library.body("book")),
        library.admin.patch(format!("{path}/category")).json(&category),
        library.admin.post(format!("{path}/category")).json(&category),
        library.admin.delete(format!("{path}{query}")),
    ]
}

#[tokio::test]
async fn if_none_match_star_or_the_current_tag_refuses_a_write_to_an_existing_book() -> Result<()> {
    let library = Library::open().await?;
    let etag = library.add("book").await?.header("etag").to_owned();
    let before = library.books().get("book").await?;
    for unwanted in [
        "*".to_owned(),
        etag.clone(),
        format!("W/{etag}"),
        format!("\"a.1\", {etag}"),
    ] {
        for write in writes(&library, "") {
            let refused = write.header("If-None-Match", &unwanted).await?;
            let problem = refused.problem(412, "update_conflict");
            assert_eq!(problem.etag.as_ref(), Some(&etag), "{unwanted}: {}", refused.what);
        }
    }
    // A matching If-Match does not help.
    let put = library
        .admin
        .put(library.path("book"))
        .json(&library.body("book"));
    let put = put.header("If-Match", &etag).header("If-None-Match", &etag);
    put.await?.problem(412, "update_conflict");
    for write in writes(&library, "") {
        write
            .header("If-None-Match", "nonsense")
            .await?
            .invalid("If-None-Match");
    }
    assert_eq!(library.books().get("book").await?, before);
    Ok(())
}

#[tokio::test]
async fn if_none_match_with_another_tag_lets_a_write_through() -> Result<()> {
    let library = Library::open().await?;
    let first = library.add("book").await?.header("etag").to_owned();
    let changed = json!({"author": "A", "title": "Changed"});
    library.put("book", &changed).await?.json(200);
    for write in writes(&library, "") {
        let written = write.header("If-None-Match", &first).await?;
        assert!(written.status < 300, "{}: {}", written.what, written.text());
    }
    for write in writes(&library, "") {
        // A missing book is not found, whatever the precondition.
        write
            .header("If-None-Match", "*")
            .await?
            .problem(404, "not_found");
    }
    Ok(())
}

#[tokio::test]
async fn a_forced_write_ignores_if_none_match() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let [put, .., delete] = writes(&library, "?force=true");
    put.header("If-None-Match", "*").await?.json(200);
    delete.header("If-None-Match", "*").await?.empty(204);
    Ok(())
}

#[tokio::test]
async fn if_none_match_keeps_a_loan_from_being_deleted() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    library.lend("book", "bob").await?;
    let path = library.loan_path("book");
    let etag = library.admin.get(&path).await?.header("etag").to_owned();
    for unwanted in ["*", &etag] {
        let delete = library.admin.delete(&path).header("If-None-Match", unwanted);
        delete.await?.problem(412, "update_conflict");
    }
    let delete = library.admin.delete(&path).header("If-None-Match", "\"a.1\"");
    delete.await?.empty(204);
    Ok(())
}
