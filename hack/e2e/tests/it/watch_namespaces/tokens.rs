//! `--watch-namespaces` in token mode.

use anyhow::Result;
use e2e::{Api, Person, book, eventually};
use kube::api::PostParams;
use serde_json::json;

use super::scoped_in;

#[tokio::test]
async fn an_unwatched_namespace_is_refused_like_any_other_to_callers_without_a_right_in_it() -> Result<()> {
    let scoped = scoped_in("token").await?;
    let ([east, west], unseen) = (&scoped.seen, &scoped.unseen);
    for library in &scoped.seen {
        library
            .books()
            .create(&PostParams::default(), &book("book"))
            .await?;
    }
    let person = async |name: &str| Person::new(east.client.clone(), &east.namespace, name).await;
    let (reader, stranger) = (person("reader").await?, person("stranger").await?);
    let rights = ["get", "list", "watch"];
    for namespace in [&east.namespace, &unseen.namespace] {
        reader.grant(namespace, &rights, &["books"], &[]).await?;
    }
    for (api, audience) in [(&east.admin, "bookshelf-admin"), (&east.user, "bookshelf-user")] {
        let as_person = async |person: &Person| {
            let token = person.token(audience).await?;
            Ok::<Api, anyhow::Error>(api.as_bearer(&token))
        };
        let (reader, stranger) = (as_person(&reader).await?, as_person(&stranger).await?);
        eventually("the book appears", async || {
            Ok((reader.get(east.path("book")).await?.status == 200).then_some(()))
        })
        .await?;
        reader.get(west.path("book")).await?.problem(403, "forbidden");
        eventually("the right in the unwatched namespace counts", async || {
            Ok((reader.get(unseen.path("book")).await?.status == 404).then_some(()))
        })
        .await?;
        for path in [unseen.list_path(), unseen.path("book")] {
            api.get(&path).await?.problem(401, "unauthenticated");
            stranger.get(&path).await?.problem(403, "forbidden");
        }
        stranger
            .get("/book/no-such-namespace")
            .await?
            .problem(403, "forbidden");

        let namespaces = reader.get("/namespace").await?.json(200);
        assert_eq!(namespaces, json!({"list": [{"id": east.namespace, "books": 1}]}));
        assert_eq!(stranger.get("/namespace").await?.json(200), json!({"list": []}));
        let stream = reader.get("/book").header("Accept", "text/event-stream");
        stream.await?.problem(403, "forbidden");
    }
    Ok(())
}
