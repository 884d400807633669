//! Ten thousand writes, each followed by a read on another replica.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::Result;
use e2e::{Answer, Api, Library, patiently};
use serde_json::json;

use super::{VERSION, get_at, ids, replicas};

/// The number of concurrent clients, each with its own book.
const CLIENTS: usize = 64;
/// The number of writes of each client in a round, each followed by a read.
const PAIRS: usize = 8;
const ROUNDS: usize = 20;

/// A client that sends the version of each response with its next request, to another replica.
struct Client<'a> {
    library: &'a Library,
    admins: [&'a Api; 2],
    users: [&'a Api; 2],
    id: String,
    version: String,
    turn: usize,
    pairs: &'a AtomicUsize,
}

impl Client<'_> {
    fn heard(&mut self, answer: &Answer, status: u16) {
        assert_eq!(answer.status, status, "{}: {}", answer.what, answer.text());
        answer.header(VERSION).clone_into(&mut self.version);
    }

    fn path(&self) -> String {
        self.library.path(&self.id)
    }

    async fn read(&mut self, replicas: [&Api; 2], path: &str) -> Result<Answer> {
        self.turn += 1;
        self.pairs.fetch_add(1, Ordering::Relaxed);
        let answer = get_at(replicas[self.turn % 2], path, &self.version).await?;
        answer.header(VERSION).clone_into(&mut self.version);
        Ok(answer)
    }

    fn admin(&self) -> &Api {
        self.admins[self.turn % 2]
    }

    /// Runs one round of eight writes.
    async fn round(&mut self, round: usize) -> Result<()> {
        let (path, list) = (self.path(), self.library.list_path());
        let body = json!({"id": self.id, "author": "A", "title": "First"});
        let answer = patiently(async || {
            let request = self.admin().post(&list).header(VERSION, &self.version);
            request.json(&body).await
        });
        self.heard(&answer.await?, 201);
        let read = self.read(self.admins, &path).await?;
        assert_eq!(read.json(200)["title"], "First", "round {round}");

        let title = format!("Round {round}");
        let body = json!({"author": "A", "title": title});
        let answer = patiently(async || {
            let request = self.admin().put(&path).header(VERSION, &self.version);
            request.json(&body).await
        });
        self.heard(&answer.await?, 200);
        let read = self.read(self.users, &path).await?;
        assert_eq!(read.json(200)["title"], title.as_str(), "round {round}");

        for is_filed in [true, false] {
            let category = if is_filed { &*self.id } else { "" };
            let body = json!({"category_id": category});
            let answer = patiently(async || {
                let request = self.admin().patch(format!("{path}/category"));
                request.header(VERSION, &self.version).json(&body).await
            });
            self.heard(&answer.await?, 200);
            let filed = format!("{list}?category_id={}", self.id);
            let read = self.read(self.admins, &filed).await?;
            assert_eq!(ids(&read).len(), usize::from(is_filed), "round {round}");
        }

        for (action, status) in [("borrow", 201), ("return", 204), ("borrow", 201)] {
            let answer = patiently(async || {
                let request = self.users[self.turn % 2].post(format!("{path}/{action}"));
                request.tenant("bob").header(VERSION, &self.version).await
            });
            self.heard(&answer.await?, status);
            let read = self.read(self.users, &path).await?;
            assert_eq!(read.json(200)["available"], action == "return", "round {round}");
        }

        let answer = patiently(async || {
            let request = self.admin().delete(format!("{path}?force=true"));
            request.header(VERSION, &self.version).await
        });
        self.heard(&answer.await?, 204);
        let read = self.read(self.users, &path).await?;
        read.problem(404, "not_found");
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_writes_are_each_read_on_another_replica_without_an_older_answer() -> Result<()> {
    let library = Library::open().await?;
    let [admin, user] = replicas().await?;
    let pairs = AtomicUsize::new(0);
    let clients = (0..CLIENTS).map(async |number| -> Result<()> {
        let mut client = Client {
            library: &library,
            admins: [&library.admin, &admin.api],
            users: [&library.user, &user.api],
            id: format!("book-{number}"),
            version: "1".to_owned(),
            turn: number,
            pairs: &pairs,
        };
        for round in 0..ROUNDS {
            client.round(round).await?;
        }
        Ok(())
    });
    let disturb = async {
        loop {
            for replica in [&admin, &user] {
                replica.wire.hold();
                tokio::time::sleep(Duration::from_millis(400)).await;
                replica.wire.release();
                tokio::time::sleep(Duration::from_millis(600)).await;
            }
        }
    };
    tokio::select! {
        done = futures::future::try_join_all(clients) => { done?; }
        () = disturb => {}
    }
    assert_eq!(pairs.into_inner(), CLIENTS * ROUNDS * PAIRS);
    for replica in [&admin, &user] {
        replica.wire.release();
        assert!(!replica.service.log_tail().contains("panicked"));
    }
    Ok(())
}
