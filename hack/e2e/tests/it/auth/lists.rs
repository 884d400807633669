//! Lists of all namespaces, for callers who may see some of them.

use anyhow::Result;
use e2e::book;
use serde_json::json;

use super::{ADMIN, House, USER};

#[tokio::test]
async fn a_list_of_all_has_the_namespaces_that_the_caller_may_list() -> Result<()> {
    let (house, hidden) = (House::open().await?, House::open().await?);
    for (house, ids) in [(&house, ["a", "b", "c"]), (&hidden, ["d", "e", "f"])] {
        for id in ids {
            house.library.plant(&book(id)).await?;
        }
    }
    let namespace = &house.library.namespace;
    let person = house.person("reader").await?;
    for audience in [ADMIN, USER] {
        let stranger = house.person(&format!("stranger-{audience}")).await?;
        let api = house.api_for(&stranger, audience).await?;
        for path in ["/book", "/namespace", "/book?limit=1", "/book?category_id=math"] {
            assert_eq!(api.get(path).await?.json(200), json!({"list": []}), "{path}");
        }
        let refused = api.get("/book").header("Accept", "text/event-stream").await?;
        refused.problem(403, "forbidden");
    }
    person.grant(namespace, &["list"], &["books"], &[]).await?;
    for audience in [ADMIN, USER] {
        let api = house.api_for(&person, audience).await?;
        let listed = api.get("/namespace").await?.json(200);
        assert_eq!(listed, json!({"list": [{"id": namespace, "books": 3}]}));
        let whole = api.get("/book").await?;
        let one = api.get(format!("/book/{namespace}")).await?;
        assert_eq!(whole.json(200)["list"], one.json(200)["list"]);

        let found = api.get("/book?q=author").await?;
        assert_eq!(found.json(200)["list"], one.json(200)["list"]);
        let found = api.get("/book?q=author&limit=2").await?.json(200);
        let next = found["continue"].as_str().unwrap_or_default();
        let path = format!("/book?q=author&limit=2&continue={next}");
        let rest = api.get(path).await?.json(200);
        assert_eq!(rest["list"].as_array().map(Vec::len), Some(1), "{rest}");

        // Pages end with the last book that the caller may see.
        let first = api.get("/book?limit=2").await?.json(200);
        let next = first["continue"].as_str().unwrap_or_default().to_owned();
        let second = api.get(format!("/book?limit=2&continue={next}")).await?.json(200);
        assert_eq!(second["list"].as_array().map(Vec::len), Some(1), "{second}");
        assert!(second.get("continue").is_none(), "{second}");

        // A change in a hidden namespace does not change the tag.
        let etag = whole.header("etag").to_owned();
        let id = format!("new-{audience}");
        hidden.library.plant(&book(&id)).await?;
        let unchanged = api.get("/book").header("If-None-Match", &etag).await?;
        assert_eq!(unchanged.status, 304);
        let live = api.get("/book").header("Cache-Control", "no-cache").await?;
        assert_eq!(live.header("etag"), etag);
        house.library.plant(&book(&id)).await?;
        let changed = api.get("/book").header("If-None-Match", &etag).await?;
        assert_eq!(changed.status, 200);
        let deleted = house.library.admin.delete(house.library.path(&id)).await?;
        deleted.empty(204);
        house.library.vanished(&id).await?;
    }
    Ok(())
}
