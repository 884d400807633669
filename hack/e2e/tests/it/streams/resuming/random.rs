//! Connections that break anywhere and resume at another replica, while others write.

use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::{Api, Library, Mirror, Program, Service, eventually};
use serde_json::json;

use super::super::{listed, resumed};

/// The number of books, and the number of steps of each writer.
const BOOKS: usize = 12;
const ROUNDS: usize = 200;
/// The time without an event after which lists are compared.
const MOMENT: Duration = Duration::from_millis(50);

/// Pseudorandom numbers, the same in each run, so that failures are reproducible.
struct Numbers(u64);

impl Numbers {
    /// Returns the next number, below `bound`.
    fn next(&mut self, bound: usize) -> usize {
        // Knuth's MMIX generator. Its high bits are the most random.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % bound
    }
}

/// Creates, changes, lends, takes back and deletes every third book, starting with number `turn`.
async fn write(library: &Library, turn: usize) -> Result<()> {
    let mut numbers = Numbers(turn as u64);
    for round in 0..ROUNDS {
        let id = format!("book-{}", numbers.next(BOOKS / 3) * 3 + turn);
        let path = library.path(&id);
        let category = ["math", "physics", ""][numbers.next(3)];
        let body =
            json!({"id": id, "author": "A", "title": format!("Round {round}"), "category_id": category});
        // Invalid operations are refused, which is expected.
        match numbers.next(7) {
            0 | 1 => drop(library.admin.post(library.list_path()).json(&body).await?),
            2 => drop(library.admin.put(&path).json(&body).await?),
            3 => {
                let request = library.admin.patch(format!("{path}/category"));
                request.json(&json!({"category_id": category})).await?;
            }
            4 => drop(library.user.post(format!("{path}/borrow")).tenant("bob").await?),
            5 => drop(library.user.post(format!("{path}/return")).tenant("bob").await?),
            _ => drop(library.admin.delete(format!("{path}?force=true")).await?),
        }
    }
    Ok(())
}

/// Listens to alternating replicas until `is_over`, each for a short time, then reads the remaining events.
async fn follow(
    replicas: [&Api; 2],
    library: &Library,
    path: &str,
    seed: u64,
    is_over: &tokio::sync::watch::Receiver<bool>,
) -> Result<(Mirror, usize)> {
    let mut mirror = Mirror::default();
    let mut numbers = Numbers(seed);
    let mut cuts = 0;
    while !*is_over.borrow() {
        let bytes = 1 + numbers.next(3_000);
        let request = resumed(replicas[cuts % 2], path, &mirror.last_id);
        let mut listener = request.listen_for(bytes).await?;
        if !mirror.is_synced && mirror.last_id.is_empty() {
            // Events without an id to resume from are sent again.
            mirror.has.clear();
        }
        let patience = Duration::from_millis(u64::try_from(numbers.next(150))?);
        let listen = async {
            while let Some(received) = listener.next().await? {
                mirror.take(received)?;
            }
            anyhow::Ok(())
        };
        if let Ok(ended) = tokio::time::timeout(patience, listen).await {
            ended?;
        }
        cuts += 1;
    }
    // The last connection stays open, and its events lead to the current state.
    let replica = replicas[cuts % 2];
    let mut listener = resumed(replica, path, &mirror.last_id).listen().await?;
    eventually("the stream's state is the list of all replicas", async || {
        while let Ok(received) = tokio::time::timeout(MOMENT, listener.next()).await {
            mirror.take(received?.context("the stream goes on")?)?;
        }
        let [a, b] = replicas;
        let lists = [listed(a, library, path).await?, listed(b, library, path).await?];
        Ok(lists.iter().all(|list| list.has == mirror.has).then_some(()))
    })
    .await?;
    Ok((mirror, cuts))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_cut_off_anywhere_and_resumed_elsewhere_ends_with_the_fresh_list() -> Result<()> {
    let library = Library::open().await?;
    let start = |program| Service::start(program, &library.cluster, &[]);
    let (admin, user) = tokio::try_join!(start(Program::Admin), start(Program::User))?;
    let (admin, user) = (admin.api()?, user.api()?);
    let (admins, users) = ([&library.admin, &admin], [&library.user, &user]);
    let (stop, is_over) = tokio::sync::watch::channel(false);

    let (list, loans) = (library.list_path(), library.loans_path());
    let of_category = format!("{list}?category_id=math");
    let of_bob = format!("{loans}?borrowed_by=bob");
    let follow = |replicas, path, seed| follow(replicas, &library, path, seed, &is_over);
    let followers = futures::future::try_join_all([
        follow(admins, &list, 1),
        follow(admins, &of_category, 2),
        follow(users, &list, 3),
        follow(users, &of_category, 4),
        follow(admins, &loans, 5),
        follow(admins, &of_bob, 6),
        follow(users, &loans, 7),
        follow(users, &list, 8),
    ]);
    let writers = async {
        let writers = (0..3).map(|turn| write(&library, turn));
        futures::future::try_join_all(writers).await?;
        stop.send_replace(true);
        anyhow::Ok(())
    };
    let (ends, ()) = tokio::try_join!(followers, writers)?;
    for (number, (mirror, cuts)) in ends.into_iter().enumerate() {
        assert!(cuts > 5, "follower {number} was cut off {cuts} times only");
        // A client that is cut off during its first list starts again. Later, it resumes.
        assert!(
            mirror.resets * 2 < cuts,
            "follower {number} was cut off {cuts} times: {} resets",
            mirror.resets
        );
    }
    Ok(())
}
