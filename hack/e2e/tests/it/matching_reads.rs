//! `If-Match` on reads: a read for a version that is no longer current is refused (RFC 9110, section 13.1.1).

use anyhow::Result;
use e2e::{Cluster, Library, Program, Service};

/// Returns a path for every kind of response with an entity tag, if a book is on loan.
fn paths(library: &Library) -> [String; 6] {
    [
        library.path("book"),
        library.list_path(),
        format!("{}?limit=1", library.list_path()),
        format!("{}?category_id=none", library.list_path()),
        library.loans_path(),
        library.loan_path("book"),
    ]
}

#[tokio::test]
async fn if_match_limits_a_read_to_that_version() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    library.lend("book", "bob").await?;
    for api in library.apis() {
        for path in paths(&library) {
            let read = api.get(&path).tenant("bob").await?;
            let etag = read.header("etag").to_owned();
            let get = |condition: &str| api.get(&path).tenant("bob").header("If-Match", condition);
            let head = |condition: &str| api.head(&path).tenant("bob").header("If-Match", condition);
            for good in [etag.clone(), format!("\"other\", {etag}"), "*".to_owned()] {
                assert_eq!(get(&good).await?.json(200), read.json(200), "{path}: {good}");
                head(&good).await?.empty(200);
            }
            for stale in ["\"other\"".to_owned(), format!("W/{etag}")] {
                let problem = get(&stale).await?.problem(412, "update_conflict");
                assert_eq!(problem.etag.as_ref(), Some(&etag), "{path}: {stale}");
                head(&stale).await?.empty(412);
                // `If-Match` is evaluated before `If-None-Match` (RFC 9110, section 13.2.2).
                let both = get(&stale).header("If-None-Match", &etag);
                both.await?.problem(412, "update_conflict");
            }
            let both = get(&etag).header("If-None-Match", &etag);
            both.await?.not_modified(&etag);
            for malformed in ["nonsense", "", "*, \"a\""] {
                get(malformed).await?.invalid("If-Match");
                assert_eq!(head(malformed).await?.status, 400, "{path}: {malformed}");
            }
        }
        for path in [library.path("missing"), library.loan_path("missing")] {
            for condition in ["*", "\"other\""] {
                let request = api.get(&path).tenant("bob").header("If-Match", condition);
                request.await?.problem(404, "not_found");
            }
        }
        for path in ["/book", "/namespace", "/openapi.json"] {
            let etag = api.get(path).await?.header("etag").to_owned();
            assert!(!etag.is_empty(), "{path}");
            let stale = api.get(path).header("If-Match", "\"other\"").await?;
            stale.problem(412, "update_conflict");
        }
    }
    Ok(())
}

#[tokio::test]
async fn if_match_with_a_tag_is_refused_on_an_event_stream() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for api in library.apis() {
        let etag = api.get(library.list_path()).await?.header("etag").to_owned();
        let ask = |condition: &str| {
            let request = api.get(library.list_path()).header("If-Match", condition);
            request.header("Accept", "text/event-stream")
        };
        ask(&etag).await?.problem(412, "update_conflict");
        ask("nonsense").await?.invalid("If-Match");
        let stream = api.get(library.list_path()).header("If-Match", "*").listen();
        stream.await?.until("synced").await?;
    }
    Ok(())
}

#[tokio::test]
async fn if_match_of_a_live_read_is_compared_with_the_api_server() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let arguments = ["--cache-descriptions=false"];
    let service = Service::start(Program::Admin, &Cluster::shared()?, &arguments).await?;
    let api = service.api()?;
    let path = library.path("book");
    for cache_control in ["no-cache", "max-age=0"] {
        let read = api.get(&path).header("Cache-Control", cache_control).await?;
        let etag = read.header("etag").to_owned();
        let get = |condition: &str| {
            let request = api.get(&path).header("Cache-Control", cache_control);
            request.header("If-Match", condition)
        };
        assert_eq!(get(&etag).await?.json(200), read.json(200));
        let stale = get("\"other\"").await?.problem(412, "update_conflict");
        assert_eq!(stale.etag, Some(etag));
    }
    Ok(())
}
