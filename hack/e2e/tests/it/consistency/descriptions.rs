//! Books without cached descriptions, which are read from the API server.

use anyhow::Result;
use e2e::{Library, Program, eventually};

use super::Replica;

#[tokio::test]
async fn a_recreated_book_is_not_on_loan_to_the_borrower_of_the_old_one() -> Result<()> {
    let library = Library::open().await?;
    let behind = Replica::start(Program::User, &["--cache-descriptions=false"]).await?;
    library.add("book").await?;
    library.lend("book", "bob").await?;
    // A list, since a read of the book would open a connection that is not a watch's.
    eventually("the replica has the loan", async || {
        let list = behind.api.get(library.list_path()).await?.json(200);
        Ok((list["list"][0]["available"] == false).then_some(()))
    })
    .await?;
    behind.wire.hold();
    let path = library.path("book");
    library
        .admin
        .delete(format!("{path}?force=true"))
        .await?
        .empty(204);
    let create = library
        .admin
        .post(library.list_path())
        .json(&library.body("book"));
    let created = create.await?.json(201);
    let read = behind.api.get(&path).await?.json(200);
    assert_eq!(read, library.as_served_by(&library.user, &created, true));
    Ok(())
}
