//! Event streams: a list and its changes.

mod ends;
mod filters;
mod many;
mod resuming;

use anyhow::{Context as _, Result};
use e2e::{Api, Library, Listener, Mirror, Request, StreamEvent};
use serde_json::{Value, json};

/// Returns a request of `path` with everything that a stream requires.
fn stream_of(api: &Api, path: &str) -> Request {
    api.get(path).tenant("bob")
}

/// Returns the same request, resumed from an id unless it is empty.
fn resumed(api: &Api, path: &str, last_id: &str) -> Request {
    let request = stream_of(api, path);
    if last_id.is_empty() {
        request
    } else {
        request.header("Last-Event-ID", last_id)
    }
}

/// Returns name and data of the next event in the library about this book or its loan.
async fn about(listener: &mut Listener, library: &Library, id: &str) -> Result<(String, Value)> {
    loop {
        let StreamEvent { event, data, .. } = listener.next_event().await?;
        let is_it = data["id"] == id || data["book_id"] == id;
        if is_it && data["namespace_id"] == library.namespace.as_str() {
            return Ok((event, data));
        }
    }
}

/// Listens until `synced`, and returns the part of the list that is in the library.
async fn synced(listener: &mut Listener, library: &Library) -> Result<Mirror> {
    let mut mirror = Mirror::default();
    for received in listener.until("synced").await? {
        mirror.take(received)?;
    }
    let namespace = format!("{}/", library.namespace);
    mirror.has.retain(|key, _| key.starts_with(&namespace));
    Ok(mirror)
}

/// Returns the list of an API at `path`, limited to the library.
async fn listed(api: &Api, library: &Library, path: &str) -> Result<Mirror> {
    let list = stream_of(api, path).await?.json(200);
    let mut has = Mirror::of_list(&list)?;
    let namespace = format!("{}/", library.namespace);
    has.retain(|key, _| key.starts_with(&namespace));
    Ok(Mirror {
        has,
        ..Mirror::default()
    })
}

#[tokio::test]
async fn a_stream_is_the_list_and_then_the_changes() -> Result<()> {
    let library = Library::open().await?;
    for id in ["kept", "lent", "other"] {
        library.add(id).await?;
    }
    library.lend("lent", "bob").await?;
    let mut listeners = Vec::new();
    for api in library.apis() {
        for path in [library.list_path(), "/book".to_owned()] {
            let mut listener = stream_of(api, &path).listen().await?;
            let list = synced(&mut listener, &library).await?;
            assert_eq!(list.has, listed(api, &library, &path).await?.has, "{path}");
            assert_eq!(list.has.len(), 3);
            listeners.push((api, listener));
        }
    }

    let path = library.path("kept");
    let body = json!({"author": "A", "title": "Another"});
    let updated = library.admin.put(&path).json(&body).await?.json(200);
    let created = library.admin.post(library.list_path()).json(&library.body("new"));
    let created = created.await?.json(201);
    library.admin.delete(library.path("other")).await?.empty(204);
    for (api, listener) in &mut listeners {
        let expected = library.as_served_by(api, &updated, true);
        assert_eq!(
            about(listener, &library, "kept").await?,
            ("updated".to_owned(), expected)
        );
        let expected = library.as_served_by(api, &created, true);
        assert_eq!(
            about(listener, &library, "new").await?,
            ("created".to_owned(), expected)
        );
        let (event, data) = about(listener, &library, "other").await?;
        assert_eq!((event.as_str(), &data["title"]), ("deleted", &json!("A Title")));
    }

    // Books of user-api show their availability.
    for (action, is_available) in [("borrow", false), ("return", true)] {
        let request = library.user.post(format!("{path}/{action}")).tenant("bob");
        assert!(request.await?.status < 300);
        for (api, listener) in &mut listeners {
            if library.is_tenants(api) {
                let expected = library.as_served_by(api, &updated, is_available);
                assert_eq!(
                    about(listener, &library, "kept").await?,
                    ("updated".to_owned(), expected)
                );
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn loans_are_streamed_as_they_are_listed() -> Result<()> {
    let library = Library::open().await?;
    for id in ["a", "b"] {
        library.add(id).await?;
    }
    let loan = library.lend("a", "bob").await?;
    let mut listeners = Vec::new();
    for api in library.apis() {
        let mut listener = stream_of(api, &library.loans_path()).listen().await?;
        let list = synced(&mut listener, &library).await?;
        assert_eq!(
            list.has.into_values().collect::<Vec<_>>(),
            std::slice::from_ref(&loan)
        );
        listeners.push(listener);
    }
    let new = library.lend("b", "bob").await?;
    let give_back = library.user.post(library.path("a/return")).tenant("bob");
    give_back.await?.empty(204);
    for listener in &mut listeners {
        assert_eq!(
            about(listener, &library, "b").await?,
            ("created".to_owned(), new.clone())
        );
        assert_eq!(
            about(listener, &library, "a").await?,
            ("deleted".to_owned(), loan.clone())
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_initial_list_of_a_stream_has_the_writes_of_its_replica() -> Result<()> {
    let library = Library::open().await?;
    for round in 0..20 {
        let id = format!("book-{round}");
        let body = library.body(&id);
        library
            .admin
            .post(library.list_path())
            .json(&body)
            .await?
            .json(201);
        let mut listener = stream_of(&library.admin, &library.list_path()).listen().await?;
        let list = synced(&mut listener, &library).await?;
        assert_eq!(list.has.len(), round + 1);
        // And on another replica, for a client that sends the version it has seen.
        let at = library.admin.get(library.path(&id)).await?;
        let request = stream_of(&library.user, &library.list_path());
        let request = request.header("X-Resource-Version", at.header("x-resource-version"));
        let list = synced(&mut request.listen().await?, &library).await?;
        assert_eq!(list.has.len(), round + 1);
    }
    Ok(())
}

#[tokio::test]
async fn line_separators_in_event_data_are_escaped() -> Result<()> {
    let library = Library::open().await?;
    let mut body = library.body("book");
    body["title"] = "A\u{2028}B\u{2029}C".into();
    let added = library.admin.post(library.list_path()).json(&body).await?;
    added.json(201);
    library.appeared("book").await?;
    for api in library.apis() {
        let mut listener = stream_of(api, &library.list_path()).listen().await?;
        let list = synced(&mut listener, &library).await?;
        let book = list.has.into_values().next().context("the book")?;
        assert_eq!(book["title"], body["title"]);
        // The stream sends exactly the bytes of a read.
        let read = api.get(library.path("book")).await?;
        assert!(read.text().contains(r"A\u2028B\u2029C"), "{}", read.text());
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_has_its_content_type_and_version() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for api in library.apis() {
        for path in [library.list_path(), "/book".to_owned(), library.loans_path()] {
            let listener = stream_of(api, &path).listen().await?;
            let head = api
                .head(&path)
                .tenant("bob")
                .header("Accept", "text/event-stream")
                .await?;
            assert_eq!((head.status, head.body.len()), (200, 0));
            assert!(head.headers.get("content-length").is_none());
            for headers in [&listener.headers, &head.headers] {
                let header = |name: &str| headers.get(name).context(name.to_owned());
                assert_eq!(header("content-type")?, "text/event-stream; charset=utf-8");
                assert_eq!(header("cache-control")?, "private, no-cache");
                assert_eq!(header("vary")?, "Accept, Authorization, X-TENANT-ID");
                assert_eq!(header("x-accel-buffering")?, "no");
                assert!(header("age")?.to_str()?.parse::<u64>()? < 60);
                assert!(header("x-resource-version")?.to_str()?.contains('.'));
                assert!(!header("x-request-id")?.is_empty());
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_request_for_a_page_or_without_the_stream_type_gets_a_list() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for api in library.apis() {
        let list = stream_of(api, &library.list_path());
        list.header("Accept", "application/json, text/event-stream")
            .await?
            .json(200);
        for path in [library.list_path(), "/book".to_owned(), library.loans_path()] {
            let ask = |query: &str| {
                let request = stream_of(api, &format!("{path}?{query}"));
                request.header("Accept", "text/event-stream")
            };
            ask("limit=5").await?.invalid("limit");
            ask("continue=nonsense").await?.invalid("continue");
        }
        let refused = stream_of(api, "/book/BAD").header("Accept", "text/event-stream");
        refused.await?.invalid("namespace_id");
    }
    let nobody = library
        .user
        .get(library.loans_path())
        .header("Accept", "text/event-stream");
    nobody.await?.invalid("X-TENANT-ID");
    Ok(())
}
