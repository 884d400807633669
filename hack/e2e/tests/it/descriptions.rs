//! Books without cached descriptions.

use anyhow::Result;
use e2e::{Api, Cluster, Library, Program, Service, eventually};
use serde_json::json;

/// Returns both APIs without cached descriptions, each with the corresponding one that caches them.
async fn apis(library: &Library) -> Result<(Vec<Service>, Vec<(Api, Api)>)> {
    let (mut services, mut apis) = (Vec::new(), Vec::new());
    for (program, with) in Program::ALL.into_iter().zip(library.apis()) {
        let arguments = ["--cache-descriptions=false"];
        let service = Service::start(program, &Cluster::shared()?, &arguments).await?;
        apis.push((service.api()?, with.clone()));
        services.push(service);
    }
    Ok((services, apis))
}

#[tokio::test]
async fn a_book_has_its_description_and_lists_have_none() -> Result<()> {
    let library = Library::open().await?;
    let body =
        json!({"id": "book", "author": "A", "title": "T", "category_id": "math", "description": "First"});
    library
        .admin
        .post(library.list_path())
        .json(&body)
        .await?
        .json(201);
    library.appeared("book").await?;
    library.lend("book", "bob").await?;
    let (_services, apis) = apis(&library).await?;
    let path = library.path("book");
    for (without, with) in &apis {
        let whole = with.get(&path).await?;
        let read = without.get(&path).await?;
        assert_eq!(read.text(), whole.text());
        assert_eq!(read.json(200)["description"], "First");
        assert_eq!(read.header("etag"), whole.header("etag"));
        let again = without.get(&path).header("If-None-Match", read.header("etag"));
        again.await?.not_modified(read.header("etag"));

        let mut expected = whole.json(200);
        expected.as_object_mut().map(|book| book.remove("description"));
        for query in ["", "?category_id=math"] {
            let list = format!("{}{query}", library.list_path());
            let list = without.get(list).await?.json(200);
            assert_eq!(list, json!({"list": [expected]}), "{query}");
        }
        without
            .get(library.path("missing"))
            .await?
            .problem(404, "not_found");
    }

    let body = json!({"author": "A", "title": "T", "description": "Second"});
    library.admin.put(&path).json(&body).await?.json(200);
    for (without, _) in &apis {
        // The description comes from the API server, which already has the new one.
        let read = without.get(&path).await?.json(200);
        assert_eq!(read["description"], "Second");
    }
    Ok(())
}

#[tokio::test]
async fn a_write_answers_and_keeps_the_description() -> Result<()> {
    let library = Library::open().await?;
    let (_services, apis) = apis(&library).await?;
    let (admin, _) = &apis[0];
    let body = json!({"id": "book", "author": "A", "title": "T", "description": "D"});
    let created = admin.post(library.list_path()).json(&body).await?;
    assert_eq!(created.json(201)["description"], "D");
    let category = json!({"category_id": "math"});
    let filed = admin.patch(library.path("book/category")).json(&category).await?;
    assert_eq!(filed.json(200)["description"], "D");
    let read = admin.get(library.path("book")).await?;
    assert_eq!(read.text(), filed.text());
    assert_eq!(read.header("etag"), filed.header("etag"));
    let object = library.books().get("book").await?;
    assert_eq!(object.spec.description.as_deref(), Some("D"));
    admin.delete(library.path("book")).await?.empty(204);
    eventually("it is gone", async || {
        let (_, user) = &apis[1];
        Ok((user.get(library.path("book")).await?.status == 404).then_some(()))
    })
    .await
}

#[tokio::test]
async fn streams_without_descriptions_still_send_the_change_of_one() -> Result<()> {
    let library = Library::open().await?;
    let (_services, apis) = apis(&library).await?;
    let body = json!({"id": "book", "author": "A", "title": "T", "description": "First"});
    let created = library
        .admin
        .post(library.list_path())
        .json(&body)
        .await?
        .json(201);
    for (api, with) in apis
        .iter()
        .zip(library.apis())
        .map(|((api, _), with)| (api, with))
    {
        let mut listener = api.get(library.list_path()).listen().await?;
        let mut expected = library.as_served_by(with, &created, true);
        expected.as_object_mut().map(|book| book.remove("description"));
        let received = listener.until("synced").await?;
        let book = received.iter().find(|event| event.event == "created");
        // The stream may have begun before the watch reported the book.
        let book = match book {
            Some(book) => book.data.clone(),
            None => listener.next_event().await?.data,
        };
        assert_eq!(book, expected);
        let body = json!({"author": "A", "title": "T", "description": format!("After {}", library.is_tenants(with))});
        library.put("book", &body).await?.json(200);
        let updated = listener.next_event().await?;
        assert_eq!((updated.event.as_str(), &updated.data), ("updated", &expected));
    }
    Ok(())
}
