//! Returning books.

use anyhow::Result;
use e2e::{Library, book};

#[tokio::test]
async fn a_returned_book_has_no_loan() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    library.borrow("book", "bob").await?.json(201);
    library.give_back("book", "bob").await?.empty(204);
    assert_eq!(library.loans().get_opt("book").await?, None);
    Ok(())
}

#[tokio::test]
async fn a_return_without_a_loan_or_book_succeeds() -> Result<()> {
    let library = Library::open().await?;
    library.plant(&book("book")).await?;
    for path in [
        library.path("book/return"),
        library.path("missing/return"),
        "/book/no-such-namespace/missing/return".to_owned(),
    ] {
        library.user.post(path).tenant("bob").await?.empty(204);
    }
    Ok(())
}

#[tokio::test]
async fn a_return_can_be_repeated() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    library.borrow("book", "bob").await?.json(201);
    for _ in 0..3 {
        library.give_back("book", "bob").await?.empty(204);
    }
    Ok(())
}

#[tokio::test]
async fn only_the_borrower_can_return_a_book() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    library.borrow("book", "bob").await?.json(201);
    for other in ["alice", "Bob", "bob2", "bo"] {
        let answer = library.give_back("book", other).await?;
        assert_eq!(answer.problem(403, "forbidden").message, "forbidden");
    }
    assert_eq!(library.loans().get("book").await?.spec.borrowed_by, "bob");
    Ok(())
}
