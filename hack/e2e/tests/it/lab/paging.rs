//! Ten thousand books in pages, while other books are deleted and created.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use anyhow::{Context as _, Result};
use e2e::{Api, Library, book, eventually};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::api::{DeleteParams, ListParams, PostParams};

use super::Turn;

const BOOKS: usize = 10_000;
/// One book out of this number is deleted and created again.
const OF: usize = 10;
const AT_ONCE: usize = 16;
/// The number of times that all pages are read during changes.
const ROUNDS: usize = 3;
const ATTEMPTS: usize = 100;

fn id(number: usize) -> String {
    format!("book-{number:05}")
}

/// Returns the ids on all pages, in order.
async fn read(api: &Api, library: &Library, limit: usize) -> Result<Vec<String>> {
    let path = format!("{}?limit={limit}", library.list_path());
    let (mut ids, mut next) = (vec![], String::new());
    loop {
        let page = api.get(format!("{path}{next}")).await?.json(200);
        for book in page["list"].as_array().context("a list")? {
            ids.push(book["id"].as_str().context("an id")?.to_owned());
        }
        match page["continue"].as_str() {
            Some(token) => next = format!("&continue={token}"),
            None => return Ok(ids),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paging_neither_skips_nor_repeats_a_book_while_others_come_and_go() -> Result<()> {
    let turn = Turn::take().await?;
    let (_admin, _user, library) = turn.services(&[]).await?;
    let books = library.books();
    let create = async |number: usize| -> Result<()> {
        books.create(&PostParams::default(), &book(&id(number))).await?;
        Ok(())
    };
    stream::iter(0..BOOKS)
        .map(create)
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    for api in library.apis() {
        eventually("all are there", async || {
            let all = api.get(library.list_path()).await?.json(200);
            Ok((all["list"].as_array().map(Vec::len) == Some(BOOKS)).then_some(()))
        })
        .await?;
    }

    let (is_over, changes) = (AtomicBool::new(false), AtomicUsize::new(0));
    let disturb = (0..AT_ONCE).map(async |worker| -> Result<()> {
        // Each worker has its own share of the books whose number is divisible.
        let mut numbers = (0..BOOKS).step_by(OF).skip(worker).step_by(AT_ONCE).cycle();
        while !is_over.load(Ordering::Relaxed) {
            let number = numbers.next().unwrap_or_default();
            books.delete(&id(number), &DeleteParams::default()).await?;
            create(number).await?;
            changes.fetch_add(2, Ordering::Relaxed);
        }
        Ok(())
    });
    let readers = async {
        for (api, limit) in library.apis().into_iter().zip([100, 37]) {
            let mut rounds = 0;
            for attempt in 0..ATTEMPTS {
                if rounds == ROUNDS {
                    break;
                }
                let before = changes.load(Ordering::Relaxed);
                let ids = read(api, &library, limit).await?;
                let meanwhile = changes.load(Ordering::Relaxed) - before;
                assert!(ids.is_sorted(), "attempt {attempt}");
                let seen: HashSet<_> = ids.iter().collect();
                assert_eq!(seen.len(), ids.len(), "attempt {attempt}: seen twice");
                for number in (0..BOOKS).filter(|number| number % OF > 0) {
                    assert!(
                        seen.contains(&id(number)),
                        "attempt {attempt}: {number} is skipped"
                    );
                }
                // A round in which the API server was too slow for changes proves nothing.
                rounds += usize::from(meanwhile > 10);
            }
            assert_eq!(rounds, ROUNDS, "too little changed meanwhile");
        }
        is_over.store(true, Ordering::Relaxed);
        anyhow::Ok(())
    };
    tokio::try_join!(readers, futures::future::try_join_all(disturb))?;
    // The next tests list their own books.
    eventually("they are gone", async || {
        // A request times out before all are deleted, but each deletes some.
        _ = books
            .delete_collection(&DeleteParams::default(), &ListParams::default())
            .await;
        let left = books.list(&ListParams::default().limit(1)).await?;
        Ok(left.items.is_empty().then_some(()))
    })
    .await?;
    turn.leave();
    Ok(())
}
