//! Clients that lose their connection and resume after the last event they have received.

mod random;

use anyhow::Result;
use e2e::{Library, Mirror};

use super::{about, listed, resumed, stream_of, synced};

#[tokio::test]
async fn a_resumed_stream_sends_the_missed_changes_and_nothing_else() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    library.add("going").await?;
    for api in library.apis() {
        for path in [library.list_path(), library.loans_path()] {
            let mut listener = stream_of(api, &path).listen().await?;
            let mirror = synced(&mut listener, &library).await?;
            drop(listener);
            library.lend("book", "bob").await?;
            let mut listener = resumed(api, &path, &mirror.last_id).listen().await?;
            if path == library.loans_path() {
                assert_eq!(about(&mut listener, &library, "book").await?.0, "created");
            } else if library.is_tenants(api) {
                let (event, book) = about(&mut listener, &library, "book").await?;
                assert_eq!((event.as_str(), &book["available"]), ("updated", &false.into()));
            }
            let give_back = library.user.post(library.path("book/return")).tenant("bob");
            give_back.await?.empty(204);
            if path == library.loans_path() {
                assert_eq!(listener.next_event().await?.event, "deleted");
            } else if library.is_tenants(api) {
                let received = listener.next_event().await?;
                assert_eq!(
                    (received.event.as_str(), &received.data["available"]),
                    ("updated", &true.into())
                );
            } else {
                // Books of admin-api do not change with their loans, so this deletion is the next event.
                library.admin.delete(library.path("going")).await?.empty(204);
                let received = listener.next_event().await?;
                assert_eq!(
                    (received.event.as_str(), &received.data["id"]),
                    ("deleted", &"going".into())
                );
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_resumes_from_every_id() -> Result<()> {
    let library = Library::open().await?;
    for number in 0..6 {
        library.add(&format!("book-{number}")).await?;
    }
    for api in library.apis() {
        let path = library.list_path();
        let mut listener = stream_of(api, &path).listen().await?;
        let mut states = Vec::new();
        let mut mirror = Mirror::default();
        for received in listener.until("synced").await? {
            mirror.take(received)?;
            states.push(mirror.clone());
        }
        for number in 0..3 {
            let id = format!("book-{number}");
            library.lend(&id, "bob").await?;
            library
                .admin
                .delete(library.path(&format!("{id}?force=true")))
                .await?
                .empty(204);
            library
                .admin
                .post(&path)
                .json(&library.body(&id))
                .await?
                .json(201);
            loop {
                let received = listener.next_event().await?;
                let is_last = received.event == "created";
                mirror.take(received)?;
                states.push(mirror.clone());
                if is_last {
                    break;
                }
            }
        }
        library.add("last").await?;
        let key = format!("{}/last", library.namespace);
        for mut state in states {
            let mut listener = resumed(api, &path, &state.last_id).listen().await?;
            while !state.has.contains_key(&key) {
                state.take(listener.next_event().await?)?;
            }
            // Loans of deleted books are collected later. Until then they are leftovers.
            let fresh = listed(api, &library, &path).await?;
            while state.has != fresh.has {
                state.take(listener.next_event().await?)?;
            }
        }
        library.admin.delete(library.path("last")).await?.empty(204);
        library.vanished("last").await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_invalid_or_future_id_resets_the_stream() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    library.lend("book", "bob").await?;
    for api in library.apis() {
        for path in [library.list_path(), library.loans_path()] {
            let fresh = listed(api, &library, &path).await?;
            let kind = library.is_tenants(api) || path == library.loans_path();
            let ids = if kind {
                ["1.1", "4000000000.1", "1.4000000000"]
            } else {
                ["1", "4000000000", "340282366920938463463374607431768211455"]
            };
            for id in ids
                .into_iter()
                .chain(["nonsense", "", "-1", "1.1.1", "0", "\u{e4}"])
            {
                let request = stream_of(api, &path).header("Last-Event-ID", id);
                let mut listener = request.listen().await?;
                let first = listener.next_event().await?;
                assert_eq!(
                    (first.event.as_str(), first.data),
                    ("reset", serde_json::json!({})),
                    "{id}"
                );
                let list = synced(&mut listener, &library).await?;
                assert_eq!(list.has, fresh.has, "{id}");
            }
        }
    }
    Ok(())
}
