//! Event streams and the API server: the requests they cost, and the events after an outage.

use anyhow::{Context as _, Result};
use control_plane::Component;
use e2e::{Library, Mirror, Requests, book, eventually};
use futures::future::try_join_all;
use kube::api::{DeleteParams, PostParams};

use super::Turn;
use super::requests::{assert_costs, watches};

#[tokio::test]
async fn two_hundred_streams_are_one_watch_of_each_resource_and_no_request() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library) = turn.services(&[]).await?;
    library.add("book").await?;
    assert_costs(&library, "streams", &[], async || {
        let open = (0..200).map(async |number| {
            let path = [library.list_path(), library.loans_path(), "/book".to_owned()][number % 3].clone();
            // Browsers send `no-cache` with every request for a stream.
            let request = library.apis()[number % 2].get(path).tenant("bob");
            let mut listener = request.header("Cache-Control", "no-cache").listen().await?;
            listener.until("synced").await?;
            anyhow::Ok(listener)
        });
        let listeners = try_join_all(open).await?;
        assert_eq!(watches(&library).await?, 6);
        drop(listeners);
        Ok(())
    })
    .await?;
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn streams_resumed_from_unknown_versions_share_the_requests_to_the_api_server() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library) = turn.services(&[]).await?;
    let before = Requests::count(&library.client).await?;
    let resume = (0..40).map(async |_| {
        let request = library.admin.get(library.list_path());
        let request = request.header("Last-Event-ID", "4000000000");
        request.listen().await?.until("synced").await
    });
    for received in try_join_all(resume).await? {
        assert_eq!(received.first().context("an event")?.event, "reset");
    }
    assert!(library.books().get_opt("fence").await?.is_none());
    let lists = eventually("the requests are counted", async || {
        let counted = Requests::count(&library.client).await?.since(&before);
        let lists = counted.get("LIST books").copied().unwrap_or_default();
        Ok((lists > 0).then_some(lists))
    })
    .await?;
    assert!(lists <= 5, "{lists} lists");
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn changes_found_by_a_new_list_are_streamed_and_the_streams_go_on() -> Result<()> {
    let turn = Turn::take().await?;
    let (mut admin, mut user, library) = turn.services(&[]).await?;
    for id in ["changing", "kept", "vanishing"] {
        library.add(id).await?;
    }
    let mut listeners = Vec::new();
    for api in library.apis() {
        let mut listener = api.get(library.list_path()).listen().await?;
        let mut mirror = Mirror::default();
        for received in listener.until("synced").await? {
            mirror.take(received)?;
        }
        listeners.push((listener, mirror));
    }
    for service in [&mut admin, &mut user] {
        service.pause()?;
    }
    // As with an expired watch, no event reports these changes.
    turn.control_plane().restart(Component::Apiserver).await?;
    let library = Library {
        client: turn.cluster().client().await?,
        ..library
    };
    let books = library.books();
    books.delete("vanishing", &DeleteParams::default()).await?;
    books.create(&PostParams::default(), &book("new")).await?;
    let mut changing = books.get("changing").await?;
    changing.spec.title = "Changed".to_owned();
    books
        .replace("changing", &PostParams::default(), &changing)
        .await?;
    turn.control_plane().compact().await?;
    turn.control_plane().restart(Component::Apiserver).await?;
    for service in [&mut admin, &mut user] {
        service.resume()?;
    }
    let library = Library {
        admin: admin.api()?,
        user: user.api()?,
        client: turn.cluster().client().await?,
        ..library
    };
    library.vanished("vanishing").await?;
    for (api, (listener, mirror)) in library.apis().into_iter().zip(&mut listeners) {
        let fresh = Mirror::of_list(&api.get(library.list_path()).await?.json(200))?;
        while mirror.has != fresh {
            mirror.take(listener.next_event().await?)?;
        }
        assert_eq!(mirror.resets, 0);
        // And the streams are live again.
        let live = format!("live-{}", usize::from(library.is_tenants(api)));
        eventually("a write is done again", async || {
            let post = library.admin.post(library.list_path()).json(&library.body(&live));
            Ok(matches!(post.await?.status, 201 | 409).then_some(()))
        })
        .await?;
        loop {
            let received = listener.next().await?.context("the stream goes on")?;
            if received.data["id"] == live.as_str() {
                break;
            }
        }
    }
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn streams_begin_and_go_on_without_the_api_server_and_catch_up_when_it_is_back() -> Result<()> {
    let turn = Turn::take().await?;
    let (admin, _user, library) = turn.services(&["--kube-timeout=2"]).await?;
    library.add("book").await?;
    let mut before = Vec::new();
    for api in library.apis() {
        let mut listener = api.get(library.list_path()).listen().await?;
        let synced = listener.until("synced").await?;
        before.push((api, listener, synced));
    }
    turn.control_plane().kill(Component::Apiserver)?;
    // No watch event confirms or refutes this version, so the stream waits for it, and the log has its request id.
    let ahead = library
        .admin
        .get(library.list_path())
        .header("Last-Event-ID", "4000000000");
    ahead.header("X-Request-ID", "from-ahead").listen().await?;
    let mut log = admin.log();
    let line = log.line("the live read fails", |line| {
        line["span"]["request_id"] == "from-ahead" && line["message"] != "request"
    });
    line.await?;
    let (mut listeners, mut resuming) = (Vec::new(), Vec::new());
    for (api, listener, synced) in before {
        let id = &synced.last().context("an event")?.last_id;
        let resumed = api.get(library.list_path()).header("Last-Event-ID", id);
        let mut fresh = api.get(library.list_path()).listen().await?;
        assert_eq!(fresh.until("synced").await?, synced);
        resuming.push((api.clone(), resumed.listen().await?, id.clone()));
        listeners.extend([listener, fresh]);
    }
    turn.control_plane().restart(Component::Apiserver).await?;
    let library = Library {
        client: turn.cluster().client().await?,
        ..library
    };
    library
        .books()
        .create(&PostParams::default(), &book("new"))
        .await?;
    for listener in &mut listeners {
        let received = listener.next_event().await?;
        assert_eq!(
            (received.event.as_str(), &received.data["id"]),
            ("created", &"new".into())
        );
    }
    // If a list has replaced the watch, a resumed stream ends, and the next request gets a reset.
    for (api, mut listener, id) in resuming {
        loop {
            match listener.next().await? {
                Some(received) if received.data["id"] == "new" => break,
                Some(_) => {}
                None => {
                    let request = api.get(library.list_path()).header("Last-Event-ID", &id);
                    listener = request.listen().await?;
                }
            }
        }
    }
    turn.leave();
    Ok(())
}
