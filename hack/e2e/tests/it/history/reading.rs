//! The history that both APIs serve.

use anyhow::Result;
use e2e::{Api, Library, eventually, loan};
use kube::api::PostParams;
use serde_json::Value;

/// Returns the events of a list, newest first, each as its kind and its book.
async fn events(api: &Api, tenant: Option<&str>, path: &str) -> Result<Vec<(String, String)>> {
    let request = api.get(path);
    let request = match tenant {
        Some(tenant) => request.tenant(tenant),
        None => request,
    };
    let list = request.await?.json(200);
    Ok(words(list["list"].as_array().map_or(&[], Vec::as_slice)))
}

fn words(events: &[Value]) -> Vec<(String, String)> {
    let word = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
    let words = events
        .iter()
        .map(|event| (word(event, "event"), word(event, "book_id")));
    words.collect()
}

fn of(events: &[(&str, &str)]) -> Vec<(String, String)> {
    let events = events.iter();
    events
        .map(|(event, book)| ((*event).to_owned(), (*book).to_owned()))
        .collect()
}

async fn has_events(api: &Api, tenant: Option<&str>, path: &str, expected: &[(&str, &str)]) -> Result<()> {
    eventually(&format!("{path} has {expected:?}"), async || {
        Ok((events(api, tenant, path).await? == of(expected)).then_some(()))
    })
    .await
}

/// Returns a library in which bob and ann have borrowed, once both APIs have its history.
async fn library() -> Result<Library> {
    let library = Library::open().await?;
    library.add("a").await?;
    library.lend("a", "bob").await?;
    library.give_back("a", "bob").await?.empty(204);
    library.lend("a", "ann").await?;
    let path = format!("{}/history", library.path("a"));
    eventually("the history has all events of the book", async || {
        let known = events(&library.admin, None, &path).await?;
        Ok((known.len() == 4).then_some(()))
    })
    .await?;
    Ok(library)
}

#[tokio::test]
async fn ones_own_borrow_and_return_are_in_the_next_answer_of_the_same_process() -> Result<()> {
    let library = Library::open().await?;
    library.add("a").await?;
    let path = format!("{}/history", library.path("a"));
    library.borrow("a", "bob").await?.json(201);
    let borrowed = events(&library.user, Some("bob"), &path).await?;
    assert_eq!(borrowed, of(&[("borrowed", "a")]));
    library.give_back("a", "bob").await?.empty(204);
    let returned = events(&library.user, Some("bob"), &path).await?;
    assert_eq!(returned, of(&[("returned", "a"), ("borrowed", "a")]));
    Ok(())
}

#[tokio::test]
async fn the_history_of_a_book_is_kept_over_deletion_and_creation() -> Result<()> {
    let library = Library::open().await?;
    let path = format!("{}/history", library.path("a"));
    let none = library.admin.get(&path).await?.json(200);
    assert_eq!(none["list"], serde_json::json!([]), "an id that was never known");
    library.add("a").await?;
    library.admin.delete(library.path("a")).await?.empty(204);
    library.vanished("a").await?;
    library.add("a").await?;
    let history = library.admin.get(&path).await?.json(200);
    let list = history["list"].as_array().cloned().unwrap_or_default();
    let mut events: Vec<_> = words(&list).into_iter().map(|(event, _)| event).collect();
    events.sort();
    assert_eq!(events, ["created", "created", "deleted"]);
    Ok(())
}

#[tokio::test]
async fn a_tenant_sees_the_own_loans_alone() -> Result<()> {
    let library = library().await?;
    let path = format!("{}/history", library.path("a"));
    let of_library = format!("/history/{}", library.namespace);
    for path in [&path, &of_library] {
        let bob = &[("returned", "a"), ("borrowed", "a")];
        has_events(&library.user, Some("bob"), path, bob).await?;
        has_events(&library.user, Some("ann"), path, &[("borrowed", "a")]).await?;
        has_events(&library.user, Some("eve"), path, &[]).await?;
    }
    let bob = library.user.get(&path).tenant("bob").await?;
    assert!(!bob.text().contains("ann"), "{}", bob.text());
    // Another tenant's events do not change the response.
    let etag = bob.header("etag").to_owned();
    library.give_back("a", "ann").await?.empty(204);
    let again = library
        .user
        .get(&path)
        .tenant("bob")
        .header("If-None-Match", &etag)
        .await?;
    again.not_modified(&etag);
    library.user.get(&path).await?.problem(400, "invalid_request");
    let field = library
        .user
        .get(format!("{of_library}?borrowed_by=ann"))
        .tenant("bob");
    field.await?.invalid("borrowed_by");
    Ok(())
}

#[tokio::test]
async fn pages_filters_and_json_lines_have_the_same_events() -> Result<()> {
    let library = library().await?;
    let path = format!("/history/{}", library.namespace);
    let all = library.admin.get(&path).await?.json(200)["list"].clone();
    let all = all.as_array().cloned().unwrap_or_default();
    assert_eq!(all.len(), 4);

    let (mut paged, mut query) = (Vec::new(), "?limit=1".to_owned());
    loop {
        let page = library.admin.get(format!("{path}{query}")).await?.json(200);
        paged.extend(page["list"].as_array().cloned().unwrap_or_default());
        let Some(next) = page["continue"].as_str() else {
            break;
        };
        query = format!("?limit=1&continue={next}");
    }
    assert_eq!(paged, all);
    let of_another = query.replace("?limit=1", "?limit=1&borrowed_by=bob");
    library
        .admin
        .get(format!("{path}{of_another}"))
        .await?
        .invalid("continue");

    let lines = library
        .admin
        .get(&path)
        .header("Accept", "application/x-ndjson")
        .await?;
    assert_eq!(lines.header("content-type"), "application/x-ndjson");
    let text = lines.text();
    let lines = text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<Vec<Value>, _>>()?;
    assert_eq!(lines, all);

    for (query, count) in [
        ("borrowed_by=bob", 2),
        ("borrowed_by=ann", 1),
        ("book_id=a", 4),
        ("book_id=b", 0),
        ("since=2001-01-01T00:00:00Z", 4),
        ("until=2001-01-01T00:00:00Z", 0),
        ("since=0001-01-01T00:00:00Z&until=9999-12-31T23:59:59Z", 4),
        ("since=2091-01-01T00:00:00Z&until=2001-01-01T00:00:00Z", 0),
    ] {
        let list = library.admin.get(format!("{path}?{query}")).await?.json(200);
        assert_eq!(list["list"].as_array().map(Vec::len), Some(count), "{query}");
    }
    for (query, field) in [
        ("since=now", "since"),
        ("since=20261122T111109Z", "since"),
        ("until=1", "until"),
        ("limit=0", "limit"),
    ] {
        library.admin.get(format!("{path}?{query}")).await?.invalid(field);
    }
    Ok(())
}

#[tokio::test]
async fn a_loan_of_any_year_has_its_time_in_lists_and_in_the_history() -> Result<()> {
    let library = Library::open().await?;
    let times = [
        ("zero", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("before", "1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z"),
        ("far", "2200-01-01T00:00:00Z", "2200-01-01T00:00:00Z"),
        // Limited to the years 0 to 9999, and to the times that can be represented.
        ("earlier", "0000-01-01T00:00:00+23:00", "0000-01-01T00:00:00Z"),
        ("last", "9999-12-31T23:59:59Z", "9999-12-30T22:00:00Z"),
    ];
    for (id, given, _) in times {
        library.add(id).await?;
        let mut loan = loan(id, "kate");
        loan.spec.borrowed_at = Some(given.to_owned());
        library.loans().create(&PostParams::default(), &loan).await?;
    }
    for (id, _, expected) in times {
        let path = format!("/loan/{}/{id}", library.namespace);
        eventually("the loan is known", async || {
            let answer = library.admin.get(&path).await?;
            Ok((answer.status == 200 && answer.json(200)["borrowed_at"] == expected).then_some(()))
        })
        .await?;
        let path = format!("{}/history", library.path(id));
        eventually("the history has its time", async || {
            let list = library.admin.get(&path).await?.json(200);
            let events = list["list"].as_array().map_or(&[][..], Vec::as_slice);
            let borrowed = events.iter().find(|event| event["event"] == "borrowed");
            Ok(borrowed.map(|event| assert_eq!(event["at"], expected, "{event}")))
        })
        .await?;
    }
    Ok(())
}
